"""A digest counts what still waits for an acknowledgement, and is not sent when nothing is left."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agg_support import START_NS, run_apart
from escalation_kit import ENTRY, alert, notification, target

from aggregator.domain.accounts.account import PutUser
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.domain.escalation.notification import MOST_WAITING, Attempt, Notification
from aggregator.domain.read_models import Batch
from aggregator.domain.store_port import Store, Writer
from aggregator.services.monitoring.delivery import SEALED, Delivery, MessageSettings
from aggregator.services.monitoring.people import People
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.services.site_clock import SiteClock
from aggregator.storage.keyring import KeyRing
from aggregator.storage.tables.monitoring import notifications as queue
from aggregator.web.dashboard.i18n.texts import TEXTS
from common.clock import FakeClock

FURTHER = range(MOST_WAITING + 1, MOST_WAITING + 5)
"""Alerts beyond those that are messages of their own."""


class Pool:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def apprise(self, _address: str, title: str, _body: str, _urgent: bool) -> Attempt:
        self.sent.append(title)
        return Attempt(True)


class Room:
    """A store with a user, a target, a flood for it, and what sends."""

    def __init__(self, store: Store, writer: Writer, clock: FakeClock, folder: Path) -> None:
        self.writer, self.reader, self.pool = writer, store.reader(), Pool()
        keys = KeyRing(folder, secrets.token_bytes)
        writer.change_account(PutUser("li", "hash", START_NS, grants=(RoleAssignment("monitor", "village"),)), ENTRY)
        writer.put_target(target(1, id="t", sealed=keys.hidden(SEALED, "json://host")), 10, ENTRY)
        sites = SiteClock({}, clock)
        pool: Any = self.pool
        self.delivery = Delivery(
            self.reader, keys, pool, lambda: People(self.reader, {}), sites, MessageSettings(TEXTS, ""),
            PlaceDirectory(self.reader, sites, {}),
        )  # fmt: skip
        for number in (*range(1, MOST_WAITING + 1), *FURTHER, *FURTHER):  # the further ones climb a level
            self.put(number)
            self.enqueue(notification(number, id=f"n{number}-{secrets.token_hex(4)}", effect=secrets.token_hex(8)))

    def put(self, *numbers: int, **fields: Any) -> None:
        self.writer.apply(Batch(alerts={alert(it).fingerprint: alert(it, **fields) for it in numbers}))

    def enqueue(self, it: Notification) -> None:
        db: Any = self.writer
        with db._db.transaction() as connection:
            queue.enqueue_bounded(connection, it)

    def digest(self) -> Notification:
        (found,) = [it for it in self.reader.due_notifications(START_NS, 1_000) if it.purpose == "digest"]
        return found

    def send(self, it: Notification) -> Attempt | None:
        return run_apart(self.delivery.attempt(it))


@pytest.fixture
def room(store: Store, writer: Writer, clock: FakeClock, tmp_path: Path) -> Room:
    return Room(store, writer, clock, tmp_path)


def test_each_alert_is_counted_once_and_acknowledged_ones_are_left_out(room: Room) -> None:
    assert room.digest().count == len(FURTHER)
    assert room.send(room.digest()) == Attempt(True)
    room.put(FURTHER[0], acknowledged=True)
    room.put(FURTHER[1], status="closed", acknowledged=True)
    room.send(room.digest())
    assert [title.count(str(number)) for title, number in zip(room.pool.sent, (4, 2), strict=True)] == [1, 1]


def test_a_digest_of_which_nothing_is_left_is_not_sent(room: Room) -> None:
    room.put(*FURTHER, acknowledged=True)
    assert room.send(room.digest()) is None
    assert room.pool.sent == []


def test_alerts_that_the_recipient_may_not_see_any_more_are_left_out(room: Room) -> None:
    room.put(FURTHER[0], site="elsewhere")
    room.send(room.digest())
    assert "3" in room.pool.sent[0]


def test_a_digest_of_an_older_version_counts_all(room: Room) -> None:
    room.send(msgspec.structs.replace(room.digest(), id="older", count=7))
    assert "7" in room.pool.sent[0]
