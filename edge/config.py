"""The box's settings. `docs/settings.md` describes every key; a test holds the two together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from common import addresses, settings
from common.errors import SettingsError
from edge.doors.settings import DoorSettings, check_doors
from edge.gate.settings import GateSettings, check_gates
from edge.recorder.settings import RecorderSettings
from edge.sources import SOURCES
from events.kinds import Name
from pipelines.settings import HealthSettings, LineSettings, Window, ZoneSettings

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
    """The way to the aggregator over HTTP, for live views, clips and clear copies. The box calls; nobody calls it.

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
    """The durable queue. When it is full, pictures go first, then the lowest kinds; see docs/delivery.md."""

    max_mb: Annotated[int, msgspec.Meta(ge=1)] = 512


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One camera.

    Attributes:
        id: Stands in the events; unique on the box.
        name: For people; the id where empty.
        url: Main stream, `rtsp://host/path`, without user and password; or a file, for replay.
        watch_url: Sub-stream that is watched instead; the main stream is then only recorded.
        username: For the camera; empty for none.
        password_file: File that holds the camera's password, one line.
        watch: `every-frame`, or `key-frames` to save work; docs/scale.md says what that can miss.
        looks_per_s: How often the picture is compared and moving regions are looked at.
        input_px: Side of the detector's input; larger finds smaller things and costs more.
        zones: See docs/settings.md.
        lines: See docs/settings.md.
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
        for key in ("url", "watch_url"):
            text = getattr(self, key)
            if "://" not in text:
                continue
            scheme = text.partition("://")[0]
            if scheme.lower() not in SOURCES:
                known = ", ".join(f"{scheme}://" for scheme in SOURCES if scheme)
                raise ValueError(f"{key} starts with '{scheme}://'; use one of {known}, or a file's path")
            addresses.check(key, text, "username and password_file, and {username} and {password} in its place")
        _unique("zones", [zone.name for zone in self.zones])
        _unique("lines", [line.name for line in self.lines])

    @property
    def watched_url(self) -> str:
        """The stream that is watched: the sub-stream where there is one."""
        return self.watch_url or self.url


class BoxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a box is told.

    Attributes:
        site: The site's id.
        box: The box's id; unique within the site.
        timezone: IANA name of the site's time zone; schedules are local time.
        data: Folder of outbox and state; relative to the settings file.
        trust_file: What `paifang aggregator trust` wrote; without it no lists and no commands are believed.
        models: Folder of fetched models; empty for the user's default.
        status_port: Loopback port of /healthz and /metrics; 0 for any, -1 is not allowed.
        broker: Where events go.
        uplink: Where live views and clips go.
        outbox: The durable queue.
        recorder: Footage; off where nothing is said.
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
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"timezone '{self.timezone}' is not an IANA name such as Asia/Shanghai") from error
        _unique("cameras", [camera.id for camera in self.cameras])
        check_doors(self.doors, self.schedules, {camera.id: camera.lines for camera in self.cameras})
        check_gates([camera.gate for camera in self.cameras if camera.gate], {door.id for door in self.doors})
        told = self.recorder
        for key, named in (("priorities", told.priorities), ("keep", told.keep), ("mute", told.mute)):
            unknown = sorted(set(named) - {camera.id for camera in self.cameras})
            if unknown:
                raise ValueError(f"recorder.{key} names '{unknown[0]}', which is no camera of this box")
        for camera in self.cameras:
            parts: tuple[ZoneSettings | LineSettings, ...] = (*camera.zones, *camera.lines)
            for part in parts:
                if part.schedule and part.schedule not in self.schedules:
                    known = ", ".join(sorted(self.schedules)) or "none is defined"
                    who = f"camera '{camera.id}': schedule '{part.schedule}' of '{part.name}'"
                    raise ValueError(f"{who} is not known; known: {known}")


def load(path: Path) -> BoxSettings:
    """Read a box's settings and check that the files they name are there.

    Raises:
        SettingsError: Naming file, line, key and the fix. Nothing starts half-configured.
    """
    box = settings.load(path, BoxSettings)
    absent = [(key, name) for key, name in _files(box, "") if name and not (path.parent / name).is_file()]
    if absent:
        key, name = absent[0]
        more = "".join(f"; {key}: there is no file '{name}'" for key, name in absent[1:])
        raise SettingsError(str(path), key, f"there is no file '{name}'{more}")
    return box


def _files(part: object, key: str) -> Iterator[tuple[str, str]]:
    """Every key that ends in `_file`, wherever it stands, with what it says."""
    if isinstance(part, tuple):
        for number, each in enumerate(part):
            yield from _files(each, f"{key}[{number}]")
    elif isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            value, inner = getattr(part, name), f"{key}.{name}".lstrip(".")
            if name.endswith("_file") and isinstance(value, str) and name not in MADE_LATER:
                yield inner, value
            yield from _files(value, inner)


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what}: '{twice[0]}' stands there twice; each needs a name of its own")
