"""The files of the embedded broker: accounts, configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from aggregator.settings.aggregator import EmbeddedBroker
from common.errors import BrokerError
from common.secret import Secret, write_private
from protocol.topics import ROOT

ACCOUNTS_FILE = "broker.json"
MAX_PAYLOAD_BYTES = 1024 * 1024
"""More than a message may have (256 KiB), so that an oversized one reaches the quarantine and is seen."""
MAX_ACK_PENDING = 8000
"""nats-server refuses subscriptions of one session whose limits add up to more than 65,535."""
ACK_WAIT_S = 30


@dataclass(frozen=True)
class BrokerCredentials:
    """A user of the broker."""

    username: str
    password: Secret


class _Stored(msgspec.Struct, frozen=True):
    username: str
    password: str


class _Accounts(msgspec.Struct, frozen=True):
    host: str
    port: int
    box: _Stored
    aggregator: _Stored


def accounts(folder: Path, settings: EmbeddedBroker, token: Callable[[], str]) -> dict[str, BrokerCredentials]:
    """The broker's accounts `box` and `aggregator`, made on the first start and kept in `broker.json` (mode 0600).

    Args:
        folder: The data folder.
        settings: Host and port are written beside the accounts, for whoever sets up a box.
        token: Makes an unguessable password.

    Raises:
        BrokerError: The file is there and is not what this function wrote.
    """
    path = folder / ACCOUNTS_FILE
    if path.exists():
        try:
            old = msgspec.json.decode(path.read_bytes(), type=_Accounts)
        except (OSError, msgspec.DecodeError) as error:
            raise BrokerError(f"{path}: {error}; remove it to have new accounts made") from error
        box, own = old.box, old.aggregator
    else:
        box, own = _Stored("box", token()), _Stored("aggregator", token())
    wanted = msgspec.json.encode(_Accounts(settings.host, settings.port, box, own))
    if not path.exists() or path.read_bytes() != wanted:
        write_private(path, wanted)
    return {
        name: BrokerCredentials(it.username, Secret(it.password)) for name, it in (("box", box), ("aggregator", own))
    }


def _subjects(*endings: str) -> list[str]:
    root = ROOT.replace("/", ".")
    return [f"{root}.*.*.{ending}" for ending in endings]


def _site_subjects(*endings: str) -> list[str]:
    return [f"{ROOT.replace('/', '.')}.*.{ending}" for ending in endings]


_TO_AGGREGATOR = _subjects("events", "status", "config.reported", "replies.*")
_TO_BOX = [*_subjects("receipts", "config.desired", "commands.*"), *_site_subjects("lists", "checkpoint")]
_MQTT_DELIVERY = ["$MQTT.sub.>"]  # where nats-server delivers QoS 1 messages to MQTT sessions
PERMISSIONS = {
    "box": {"publish": _TO_AGGREGATOR, "subscribe": _TO_BOX + _MQTT_DELIVERY},
    "aggregator": {"publish": _TO_BOX, "subscribe": _TO_AGGREGATOR + _MQTT_DELIVERY},
}
"""User → what it may publish and subscribe to, as NATS subjects."""


def _address(settings: EmbeddedBroker) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def configuration(folder: Path, settings: EmbeddedBroker, users: dict[str, BrokerCredentials]) -> str:
    """nats-server's configuration. Everything variable is a JSON string, which is a string there too.

    Disk syncs are left at the server's default: a broker that forgets is made good by receipts (DESIGN section 5).
    """
    quoted = json.dumps
    lines = [
        'server_name: "paifang"',
        'listen: "127.0.0.1:-1"',  # the NATS protocol itself is unused; it must listen somewhere
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        f"log_file: {quoted(str(folder / 'broker.log'))}",
        "logfile_size_limit: 1048576",
        "logfile_max_num: 2",
        f"jetstream {{ store_dir: {quoted(str(folder / 'broker'))}, max_file_store: {settings.store_mb}MB }}",
        f"mqtt {{ listen: {quoted(_address(settings))}, ack_wait: '{ACK_WAIT_S}s', "
        f"max_ack_pending: {MAX_ACK_PENDING} }}",
        "authorization { users = [",
    ]
    for name, may in PERMISSIONS.items():
        account = users[name]
        lines.append(
            f"  {{ user: {quoted(account.username)}, password: {quoted(account.password.reveal())}, permissions: "
            f"{{ publish: {{ allow: {quoted(may['publish'])} }}, "
            f"subscribe: {{ allow: {quoted(may['subscribe'])} }} }} }}"
        )
    return "\n".join([*lines, "] }", ""])
