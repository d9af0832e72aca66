"""The box's settings. `docs/reference/settings.md` describes every key; a test holds the two together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from common import addresses, settings_loader
from common.validation import Problem
from edge.settings.doors import DoorSettings
from edge.settings.doors_check import HAVE_OUTPUTS, check_doors
from edge.settings.gates import GateSettings, check_gates
from edge.settings.recorder import RecorderSettings
from edge.sources import SOURCES
from pipelines.settings import HealthSettings, LineSettings, Window, ZoneSettings
from protocol.event_types import Name

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Watch = Literal["every-frame", "key-frames"]
MADE_LATER = frozenset({"allowed_file"})
"""Files that a command makes while the box runs."""


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the box's events go.

    Attributes:
        host: Name or address of the MQTT broker.
        port: Usually 1883, or 8883 with TLS.
        username: Empty for none.
        password_file: File that holds the password, one line; empty for none.
        protocol: MQTT version.
        tls: Encrypt; with `ca_file` (else the system's), and `cert_file` and `key_file` for mutual TLS.
        ca_file: Certificates of the authorities to trust.
        cert_file: The box's certificate.
        key_file: The box's private key.
    """

    host: str = "127.0.0.1"
    port: Port = 1883
    username: str = ""
    password_file: str = ""
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __post_init__(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; give both or none")
        if (self.ca_file or self.cert_file) and not self.tls:
            raise ValueError("ca_file and cert_file need tls: true")


class UplinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP connection to the aggregator, for live views, clips and unredacted copies. Only outgoing connections.

    Attributes:
        url: The aggregator's address, `https://…`; empty: none of these.
        ca_file: Certificates of the authorities to trust; empty: the system's.
        live_kbps: Most that all live views together may send, kilobits a second.
    """

    url: str = ""
    ca_file: str = ""
    live_kbps: Annotated[int, msgspec.Meta(ge=100, le=100_000)] = 4_000

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if self.url:
            addresses.check("url", self.url, "the trust file: the aggregator hands out tickets")
        if self.url and parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ValueError("url must be an https:// address: pictures and tickets travel there")


class OutboxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The durable queue. When it is full, pictures go first, then the lowest kinds; see docs/internals/delivery.md."""

    max_mb: Annotated[int, msgspec.Meta(ge=1)] = 512


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One camera.

    Attributes:
        id: Stands in the events; unique on the box.
        name: Shown in the dashboard; the id where empty.
        url: Main stream, `rtsp://host/path`, without user and password; or a file, for replay.
        watch_url: Sub-stream that is analysed instead; the main stream is then only recorded.
        username: For the camera; empty for none.
        password_file: File that holds the camera's password, one line.
        watch: `every-frame`, or `key-frames` to save work; docs/internals/scale.md describes what that can miss.
        looks_per_s: How often the picture is compared and moving regions are inspected.
        input_px: Side of the detector's input; larger finds smaller things and costs more.
        zones: See docs/reference/settings.md.
        lines: See docs/reference/settings.md.
        health: After how long each trouble is reported.
        gate: Where the camera is a gate: what it reads and opens. None: it reads no plate.
    """

    id: Name
    url: str
    name: str = ""
    watch_url: str = ""
    username: str = ""
    password_file: str = ""
    watch: Watch = "every-frame"
    looks_per_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 5.0
    input_px: Annotated[int, msgspec.Meta(ge=224, le=1280, multiple_of=32)] = 416
    zones: tuple[ZoneSettings, ...] = ()
    lines: tuple[LineSettings, ...] = ()
    health: HealthSettings = HealthSettings()
    gate: GateSettings | None = None

    def __post_init__(self) -> None:
        found = _problems(
            partial(_check_url, "url", self.url),
            partial(_check_url, "watch_url", self.watch_url),
            lambda: _unique("zones", [zone.name for zone in self.zones]),
            lambda: _unique("lines", [line.name for line in self.lines]),
        )
        if found:
            raise ValueError("\n".join(found))

    @property
    def watched_url(self) -> str:
        """The analysed stream: the sub-stream if there is one."""
        return self.watch_url or self.url


class BoxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a box.

    Attributes:
        site: The site's id.
        box: The box's id; unique within the site.
        timezone: IANA name of the site's time zone; schedules are local time.
        data: Folder of outbox and state; relative to the settings file.
        trust_file: What `paifang aggregator trust` wrote; without it lists and commands are refused.
        models: Folder of fetched models; empty for the user's default.
        status_port: Loopback port of /healthz and /metrics; 0 for any, -1 is not allowed.
        broker: Where events go.
        uplink: Where live views and clips go.
        outbox: The durable queue.
        recorder: Recording; off by default.
        schedules: Named weekly windows.
        cameras: The cameras.
        doors: The doors.
    """

    site: Name
    box: Name
    cameras: tuple[CameraSettings, ...]
    timezone: str = "UTC"
    data: str = "data"
    trust_file: str = ""
    models: str = ""
    status_port: Port = 9400
    broker: BrokerSettings = BrokerSettings()
    uplink: UplinkSettings = UplinkSettings()
    outbox: OutboxSettings = OutboxSettings()
    recorder: RecorderSettings = RecorderSettings()
    schedules: dict[str, tuple[Window, ...]] = {}
    doors: tuple[DoorSettings, ...] = ()

    def __post_init__(self) -> None:
        lines = {camera.id: camera.lines for camera in self.cameras}
        gates = [camera.gate for camera in self.cameras if camera.gate]
        found = _problems(
            self._check_zone,
            lambda: _unique("cameras", [camera.id for camera in self.cameras]),
            lambda: check_doors(self.doors, self.schedules, lines),
            lambda: check_gates(gates, {it.id for it in self.doors if isinstance(it.control, HAVE_OUTPUTS)}),
            self._check_recorder,
            *(partial(self._check_schedules, camera) for camera in self.cameras),
        )
        if found:
            raise ValueError("\n".join(found))

    def _check_zone(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"timezone '{self.timezone}' is not an IANA name such as Asia/Shanghai") from error

    def _check_recorder(self) -> None:
        recorder = self.recorder
        for key, named in (("priorities", recorder.priorities), ("keep", recorder.keep), ("mute", recorder.mute)):
            unknown = sorted(set(named) - {camera.id for camera in self.cameras})
            if unknown:
                raise ValueError(f"recorder.{key} names '{unknown[0]}', which is no camera of this box")

    def _check_schedules(self, camera: CameraSettings) -> None:
        parts: tuple[ZoneSettings | LineSettings, ...] = (*camera.zones, *camera.lines)
        for part in parts:
            if part.schedule and part.schedule not in self.schedules:
                raise ValueError(_unknown_schedule(camera.id, part.name, part.schedule, self.schedules))


def _check_url(key: str, text: str) -> None:
    instead = "username and password_file, and {username} and {password} in its place"
    if "://" not in text:
        addresses.check_path(key, text, instead)
        return
    addresses.check_secrets(key, text, instead)
    scheme = text.partition("://")[0]
    if scheme.lower() not in SOURCES:
        known = ", ".join(f"{scheme}://" for scheme in SOURCES if scheme)
        raise ValueError(f"{key} starts with '{scheme[:12]}://'; use one of {known}, or a file's path")
    addresses.check(key, text, instead)


def load(path: Path) -> BoxSettings:
    """Read a box's settings and check that the files they name are there.

    Raises:
        SettingsError: Naming file, line, key and the fix. Nothing starts half-configured.
    """

    def absent(value: object) -> list[Problem]:
        named = [(key, name) for key, name in _files(value, "") if name and not (path.parent / name).is_file()]
        return [Problem(key, f"there is no file '{name}'") for key, name in named] + _unknown_schedules(value)

    return settings_loader.load(path, BoxSettings, absent)


def _files(part: object, key: str) -> Iterator[tuple[str, str]]:
    """Every key that ends in `_file`, at any level, with its value."""
    if isinstance(part, list):
        for number, each in enumerate(part):
            yield from _files(each, f"{key}[{number}]")
    elif isinstance(part, dict):
        for name, value in part.items():
            inner = f"{key}.{name}".lstrip(".")
            if name.endswith("_file") and isinstance(value, str) and name not in MADE_LATER:
                yield inner, value
            yield from _files(value, inner)


def _unknown_schedule(camera: object, part: object, schedule: str, known: Iterable[object]) -> str:
    names = ", ".join(sorted(map(str, known))) or "none is defined"
    return f"camera '{camera}': schedule '{schedule}' of '{part}' is not known; known: {names}"


def _unknown_schedules(value: Any) -> list[Problem]:
    """Of zones and lines in plain data, also of cameras that have other mistakes."""
    found: list[Problem] = []
    known = value.get("schedules") if isinstance(value, dict) else None
    known = known if isinstance(known, dict) else {}
    for number, camera in _maps(value, "cameras"):
        for what in ("zones", "lines"):
            for place, part in _maps(camera, what):
                schedule = part.get("schedule")
                if isinstance(schedule, str) and schedule and schedule not in known:
                    text = _unknown_schedule(camera.get("id"), part.get("name"), schedule, known)
                    found.append(Problem(f"cameras[{number}].{what}[{place}].schedule", text))
    return found


def _maps(value: Any, key: str) -> list[tuple[int, dict[str, Any]]]:
    """The maps in a list of plain data, with their numbers."""
    inside = value.get(key) if isinstance(value, dict) else None
    return [(n, it) for n, it in enumerate(inside) if isinstance(it, dict)] if isinstance(inside, list) else []


def _problems(*checks: Callable[[], None]) -> list[str]:
    """What all of them find."""
    found = []
    for check in checks:
        try:
            check()
        except ValueError as error:
            found.append(str(error))
    return found


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what}: '{twice[0]}' stands there twice; each needs a name of its own")
