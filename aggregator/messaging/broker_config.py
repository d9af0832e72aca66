"""The files of the embedded broker: accounts, configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from aggregator.domain.feeds.mqtt_output import MOST_OUTPUTS, FeedAccount, tree
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
BOXES, GLOBAL = "boxes", "$G"
"""The account of boxes and the aggregator; older versions had them in nats-server's global account."""
FEED_STORE_MB = 64
"""What the broker keeps for a consumer that is away; more waits in the feed."""
KEEP_SUBJECT = "$JS.API.STREAM.UPDATE.$MQTT_msgs"
"""Where the publisher says how long messages are kept (`aggregator.messaging.feed_link`)."""
FEED_SUBSCRIPTIONS, FEED_CONNECTIONS = 24, 8
"""Of a consumer, the aggregator's own connection included."""


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


def configuration(
    folder: Path, settings: EmbeddedBroker, users: dict[str, BrokerCredentials], feeds: Sequence[FeedAccount] = ()
) -> str:
    """nats-server's configuration. Everything variable is a JSON string, which is a string there too.

    Boxes and each consumer have accounts of their own: nats-server keeps the topics, sessions, retained messages and
    stores of accounts apart. Disk syncs are left at the server's default: a broker that forgets is made good by
    receipts (DESIGN section 5).
    """
    quoted = json.dumps
    store_mb = settings.store_mb + MOST_OUTPUTS * FEED_STORE_MB
    lines = [
        'server_name: "paifang"',
        'listen: "127.0.0.1:-1"',  # the NATS protocol itself is unused; it must listen somewhere
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        f"log_file: {quoted(str(folder / 'broker.log'))}",
        "logfile_size_limit: 1048576",
        "logfile_max_num: 2",
        f"jetstream {{ store_dir: {quoted(str(folder / 'broker'))}, max_file_store: {store_mb}MB }}",
        f"mqtt {{ listen: {quoted(_address(settings))}, ack_wait: '{ACK_WAIT_S}s', "
        f"max_ack_pending: {MAX_ACK_PENDING} }}",
        "accounts {",
        f"{BOXES} {{ jetstream: {{ max_file: {settings.store_mb}MB }}, users = [",
        *(_user(users[name], may["publish"], may["subscribe"]) for name, may in PERMISSIONS.items()),
        "] }",
    ]
    for feed in feeds:
        lines += _feed(feed)
    return "\n".join([*lines, "}", ""])


def feed_account_name(consumer: str) -> str:
    """The account of a consumer; also the name of the folder of its messages."""
    return f"feed-{consumer}"


def _feed(it: FeedAccount) -> list[str]:
    """A consumer reads its own tree and publishes nothing; the aggregator publishes there and reads nothing."""
    root = tree(it.consumer).replace("/", ".")
    publisher = BrokerCredentials(it.publisher, it.publisher_password)
    users = [_user(publisher, [f"{root}.>", KEEP_SUBJECT], [])]
    if it.password is not None:
        consumer = BrokerCredentials(it.consumer, it.password)
        users.append(_user(consumer, [], [root, f"{root}.>", *_MQTT_DELIVERY]))
    limits = f"max_file: {FEED_STORE_MB}MB, max_consumers: {FEED_SUBSCRIPTIONS}"
    head = f"{json.dumps(feed_account_name(it.consumer))} {{ jetstream: {{ {limits} }}"
    return [f"{head}, limits: {{ max_connections: {FEED_CONNECTIONS} }}, users = [", *users, "] }"]


def _user(account: BrokerCredentials, publish: list[str], subscribe: list[str]) -> str:
    quoted = json.dumps

    def may(subjects: list[str]) -> str:
        return f"{{ allow: {quoted(subjects)} }}" if subjects else '{ deny: ">" }'

    return (
        f"  {{ user: {quoted(account.username)}, password: {quoted(account.password.reveal())}, "
        f'allowed_connection_types: ["MQTT"], '
        f"permissions: {{ publish: {may(publish)}, subscribe: {may(subscribe)} }} }},"
    )
