"""The aggregator's settings. An example that a test loads: `configs/aggregator.yaml`."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from string import ascii_letters, digits
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from aggregator.settings.alerts import AlertSettings
from aggregator.settings.escalation import Escalation
from aggregator.settings.gb28181 import MOST_PLATFORMS, Gb28181
from aggregator.settings.postgres import Postgres
from common import addresses, settings_loader
from protocol import plate_grammar
from protocol.identifiers import NAME

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


CLIENT_ID = "paifang-aggregator"
"""Beginning of the client id at a broker; the rest is derived from a secret: no other client can take the id."""


class Strict(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all settings: immutable, keys by name only."""


class Http(Strict, frozen=True, kw_only=True):
    """Where the API and the dashboard listen; port 0 takes a free one (it is logged).

    `public_url` is how browsers reach it through a TLS proxy, such as https://gate.example; `trusted_proxies` are the
    addresses or networks of proxies whose X-Forwarded-For is believed.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parts = urlsplit(self.public_url)
        extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
        if self.public_url and (parts.scheme not in ("http", "https") or not parts.hostname or extra):
            raise ValueError("public_url must be an address without a path, such as https://gate.example")
        if self.trusted_proxies and not self.public_url:
            raise ValueError("trusted_proxies need public_url beside them: how browsers reach the dashboard")
        for proxy in self.trusted_proxies:
            try:
                ip_network(proxy, strict=False)
            except ValueError as error:
                raise ValueError(f"trusted_proxies: '{proxy}' is no address or network such as 10.0.0.0/8") from error


class EmbeddedBroker(Strict, frozen=True, kw_only=True, tag_field="kind", tag="embedded"):
    """A real nats-server that the aggregator starts and watches over.

    Its accounts (`box`, `aggregator`) and their generated passwords stand in `<data>/broker.json`.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    store_mb: Annotated[int, msgspec.Meta(ge=16)] = 4096
    client_id: str = CLIENT_ID


class Tls(Strict, frozen=True, kw_only=True):
    """TLS to an external broker; `certificate` and `key` are the aggregator's own, both or neither."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or neither")


class ExternalBroker(Strict, frozen=True, kw_only=True, tag_field="kind", tag="external"):
    """Any MQTT 3.1.1 broker. The password is read from a file, so that it stands nowhere else."""

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    tls: Tls | None = None
    client_id: str = ""

    def __post_init__(self) -> None:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username beside it")


class Site(Strict, frozen=True, kw_only=True):
    """A site's name, time zone (IANA name), and grammars of plates.

    `grammars` are names such as `mainland`, or `pattern:` and a form such as `pattern:[A-Z]{2}[0-9]{4}`; mainland
    plates where it is empty. `areas` groups places (ids of cameras, gates and doors) for roles that count in one area
    only, and for search.
    """

    name: str = ""
    timezone: str | None = None
    grammars: tuple[str, ...] = ()
    areas: dict[str, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        for name in (*self.areas, *(place for places in self.areas.values() for place in places)):
            if not NAME.fullmatch(name):
                raise ValueError(f"areas: '{name}' must be 1 to 64 of letters, digits, '_', '.', '-'")
        patterns = [name.removeprefix("pattern:") for name in self.grammars if name.startswith("pattern:")]
        if self.grammars:
            plate_grammar.choose([name for name in self.grammars if not name.startswith("pattern:")], patterns)
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                problem = f"timezone '{self.timezone}' is not an IANA time zone such as Asia/Shanghai"
                raise ValueError(problem) from error


class Record(Strict, frozen=True, kw_only=True):
    """Checkpoints of the audit log: at most one every `every_s`, each also a line of the file `outside`."""

    every_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 60.0
    outside: str | None = None


class Oidc(Strict, frozen=True, kw_only=True):
    """Log-in through an identity provider (OpenID Connect, code flow with PKCE) for users who exist here.

    The provider authenticates users; roles are ours. `claim` names the user. `address` is how
    browsers reach this dashboard; `<address>/login/oidc/back` is what the provider must allow.
    """

    issuer: str
    client_id: str
    client_secret_file: str
    address: str
    claim: str = "preferred_username"
    name: str = "OpenID Connect"

    def __post_init__(self) -> None:
        for key in ("issuer", "address"):
            addresses.check_secrets(key, getattr(self, key), "client_secret_file")
            parts = urlsplit(getattr(self, key))
            local = parts.hostname in ("localhost", "127.0.0.1", "::1")
            if parts.scheme != "https" and not (parts.scheme == "http" and local):
                raise ValueError(f"{key} must be an https:// address")


OBJECT_OPTIONS = frozenset({"endpoint", "region", "virtual_hosted_style_request", "account_name"})


class Keep(Strict, frozen=True, kw_only=True):
    """Kept for `floor_days` at least, gone after `ceiling_days`; counted from when the aggregator received it."""

    floor_days: Annotated[int, msgspec.Meta(ge=1, le=3650)]
    ceiling_days: Annotated[int, msgspec.Meta(ge=1, le=3650)]

    def __post_init__(self) -> None:
        if self.floor_days > self.ceiling_days:
            raise ValueError("floor_days must not be more than ceiling_days")


class Retention(Strict, frozen=True, kw_only=True):
    """How long metadata is kept. Pictures of events are erased before the events; the audit log is kept longest."""

    thumbnails: Keep = Keep(floor_days=7, ceiling_days=30)
    events: Keep = Keep(floor_days=30, ceiling_days=180)
    alerts: Keep = Keep(floor_days=30, ceiling_days=365)
    record: Keep = Keep(floor_days=365, ceiling_days=3650)
    feed: Keep = Keep(floor_days=7, ceiling_days=14)

    def __post_init__(self) -> None:
        if self.thumbnails.ceiling_days > self.events.ceiling_days:
            raise ValueError("thumbnails: their ceiling_days must not be more than that of events")
        if self.record.ceiling_days < self.events.ceiling_days:
            raise ValueError("record: its ceiling_days must not be less than that of events")
        if self.feed.ceiling_days > min(self.events.ceiling_days, self.alerts.ceiling_days):
            raise ValueError("feed: its ceiling_days must not be more than those of events and alerts")


class ObjectsSettings(Strict, frozen=True, kw_only=True):
    """Where clips and clear copies lie: the folder `objects` in `data`, or an address such as `s3://bucket/folder`.

    `options` are those of the store; its keys are read from files, so that they stand nowhere
    else.
    """

    url: str = ""
    options: dict[str, str] = {}
    key_file: str | None = None
    secret_file: str | None = None

    def __post_init__(self) -> None:
        addresses.check_secrets("url", self.url, "key_file and secret_file")
        addresses.check_secrets("options.endpoint", self.options.get("endpoint", ""), "key_file and secret_file")
        wrong = sorted(set(self.options) - OBJECT_OPTIONS)
        if wrong:
            known = ", ".join(sorted(OBJECT_OPTIONS))
            raise ValueError(f"options: '{wrong[0]}' is none of {known}; keys are read from key_file and secret_file")


class ClipSettings(Strict, frozen=True, kw_only=True):
    """How long the blurred clips of alerts are kept."""

    keep_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 30


def check_networks(networks: tuple[str, ...]) -> None:
    """Refuse what is no network.

    Raises:
        ValueError: Names it.
    """
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise ValueError(f"networks: '{network}' is no network such as 10.1.0.0/16") from error


class NotificationSettings(Strict, frozen=True, kw_only=True):
    """Outgoing notifications.

    `networks` are private networks, such as 10.1.0.0/16, whose hosts users may name as targets; all other private
    addresses are refused.
    """

    networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_networks(self.networks)


class FeedSettings(Strict, frozen=True, kw_only=True):
    """Feeds for other platforms.

    `networks` are private networks, such as 10.1.0.0/16, whose hosts may be named as addresses of webhooks and video
    outputs; all other private addresses are refused. Without TLS nothing is sent elsewhere. `gb28181` are platforms at
    which consumers' cameras are registered.
    """

    networks: tuple[str, ...] = ()
    gb28181: tuple[Gb28181, ...] = ()

    def __post_init__(self) -> None:
        check_networks(self.networks)
        if len(self.gb28181) > MOST_PLATFORMS:
            raise ValueError(f"gb28181: at most {MOST_PLATFORMS} platforms")


class MapSettings(Strict, frozen=True, kw_only=True):
    """Tiles below the map of sites.

    `tiles` is an address with {z}, {x} and {y}, such as `https://tiles.example/{z}/{x}/{y}.png`; browsers load it, and
    the content security policy allows its origin. Empty: no tiles, and no request leaves the aggregator.
    `attribution` is shown on the map.
    """

    tiles: str = ""
    attribution: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def __post_init__(self) -> None:
        if not self.tiles:
            return
        addresses.check_secrets("tiles", self.tiles, "a server of your own that needs none")
        parts = urlsplit(self.tiles)
        plain = set(parts.netloc) <= set(ascii_letters + digits + ".-:[]")
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            raise ValueError(
                "tiles must begin with https:// and the name of one server, such as https://tiles.example/"
            )
        missing = [it for it in ("{z}", "{x}", "{y}") if it not in parts.path + parts.query]
        if missing:
            raise ValueError(f"tiles: {missing[0]} is missing, as in https://tiles.example/{{z}}/{{x}}/{{y}}.png")

    @property
    def origin(self) -> str:
        """What the content security policy allows; empty without tiles."""
        parts = urlsplit(self.tiles)
        return f"{parts.scheme}://{parts.netloc}" if self.tiles else ""


class Sessions(Strict, frozen=True, kw_only=True):
    """How long a log-in lasts."""

    hours: Annotated[float, msgspec.Meta(gt=0, le=168)] = 12.0


class Settings(Strict, frozen=True, kw_only=True):
    """All settings of an aggregator.

    Relative paths count from the folder of the settings file (see `load`).
    """

    data: str = "aggregator-data"
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    store: Literal["sqlite", "postgres"] = "sqlite"
    postgres: Postgres = Postgres()
    http: Http = Http()
    broker: EmbeddedBroker | ExternalBroker = EmbeddedBroker()
    sites: dict[str, Site] = {}
    sessions: Sessions = Sessions()
    oidc: Oidc | None = None
    objects: ObjectsSettings = ObjectsSettings()
    retention: Retention = Retention()
    clips: ClipSettings = ClipSettings()
    record: Record = Record()
    escalation: dict[str, Escalation] = {}
    notifications: NotificationSettings = NotificationSettings()
    feeds: FeedSettings = FeedSettings()
    alerts: AlertSettings = AlertSettings()
    map: MapSettings = MapSettings()

    def __post_init__(self) -> None:
        for name in self.sites:
            if not NAME.fullmatch(name):
                raise ValueError(f"sites: '{name}' must be 1 to 64 of letters, digits, '_', '.', '-'")
        for name in self.escalation:
            if name not in self.sites:
                raise ValueError(f"escalation: there is no site '{name}' in sites")


def load(path: Path) -> Settings:
    """Read settings and make their paths absolute.

    Raises:
        SettingsError: As for `common.settings_loader.load`.
    """
    raw = settings_loader.load(path, Settings)
    base = path.resolve().parent

    def absolute(name: str | None) -> str | None:
        return None if name is None else str(base / name)

    broker = raw.broker
    if isinstance(broker, ExternalBroker):
        tls = broker.tls
        if tls is not None:
            tls = Tls(ca=absolute(tls.ca), certificate=absolute(tls.certificate), key=absolute(tls.key))
        password_file = absolute(broker.password_file)
        broker = msgspec.structs.replace(broker, tls=tls, password_file=password_file)
    record = msgspec.structs.replace(raw.record, outside=absolute(raw.record.outside))
    objects = msgspec.structs.replace(
        raw.objects, key_file=absolute(raw.objects.key_file), secret_file=absolute(raw.objects.secret_file)
    )
    oidc = raw.oidc and msgspec.structs.replace(raw.oidc, client_secret_file=absolute(raw.oidc.client_secret_file))
    postgres = msgspec.structs.replace(raw.postgres, password_file=absolute(raw.postgres.password_file))
    platforms = tuple(
        msgspec.structs.replace(it, password_file=str(base / it.password_file)) for it in raw.feeds.gb28181
    )
    feeds = msgspec.structs.replace(raw.feeds, gb28181=platforms)
    data = str(base / raw.data)
    return msgspec.structs.replace(
        raw, data=data, broker=broker, record=record, postgres=postgres, oidc=oidc, objects=objects, feeds=feeds
    )
