from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_kit import draft, open_outbox, wait_until

from common.clock import SECOND_NS, SystemClock
from common.errors import BrokerError
from edge.messaging.mqtt_client import FakeBrokerLink
from edge.messaging.outbox import Outbox
from edge.messaging.outbox_publisher import GAP_S, RECEIPT_CAP_S, RECEIPT_S, InFlightTracker, OutboxPublisher
from edge.messaging.outbox_store import PendingEvent
from protocol.envelope import UnsequencedEvent, decode
from protocol.event_types import OutboxLost
from protocol.ranges import Ranges
from protocol.receipts import RECEIPT_RANGES, Receipt, encode
from protocol.topics import BoxTopics

TOPICS = BoxTopics("site", "box")


def seconds(value: float) -> int:
    return round(value * SECOND_NS)


def test_an_acknowledged_event_without_receipt_is_sent_again_with_growing_patience() -> None:
    progress = InFlightTracker()
    progress.published(1, 0)
    assert progress.overdue(seconds(RECEIPT_S * 9)) == [], "no PUBACK yet: the connection's business"
    progress.acknowledged(1)
    assert progress.overdue(seconds(RECEIPT_S - 1)) == []
    assert progress.overdue(seconds(RECEIPT_S)) == [1]
    progress.published(1, seconds(RECEIPT_S))
    progress.acknowledged(1)
    assert progress.overdue(seconds(2 * RECEIPT_S)) == []
    assert progress.overdue(seconds(3 * RECEIPT_S)) == [1]
    assert progress.resent == 1


def test_a_hole_in_the_receipt_is_filled_at_once() -> None:
    progress = InFlightTracker()
    for number in (1, 2, 3):
        progress.published(number, 0)
        progress.acknowledged(number)
    progress.receipted(Ranges([(1, 1), (3, 3)]))
    assert progress.overdue(seconds(GAP_S) - 1) == []
    assert progress.overdue(seconds(GAP_S)) == [2]


def test_a_receipt_that_is_a_window_says_nothing_of_what_lies_before_it() -> None:
    progress = InFlightTracker()
    for number in (1, 3, 5):
        progress.published(number, 0)
        progress.acknowledged(number)
    progress.receipted(Ranges((it, it) for it in range(4, 4 + 2 * RECEIPT_RANGES, 2)))
    assert progress.overdue(seconds(GAP_S)) == [5]


def test_a_lost_connection_takes_back_what_was_not_acknowledged() -> None:
    progress = InFlightTracker()
    progress.published(1, 0)
    progress.published(2, 0)
    progress.acknowledged(1)
    progress.disconnected()
    assert (set(progress.sent), progress.in_flight) == ({1}, 0)


def test_flying_counts_what_is_between_publish_and_puback() -> None:
    progress = InFlightTracker()
    progress.published(1, 0)
    progress.published(2, 0)
    assert progress.in_flight == 2
    progress.acknowledged(1)
    progress.acknowledged(1)
    assert progress.in_flight == 1
    progress.receipted(Ranges([(1, 2)]))
    assert (progress.in_flight, progress.sent) == (0, {})


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = open_outbox(tmp_path / "o.db")
    yield opened
    opened.close()


@pytest.fixture
def link() -> FakeBrokerLink:
    return FakeBrokerLink()


@pytest.fixture
def publisher(outbox: Outbox, link: FakeBrokerLink) -> Iterator[OutboxPublisher]:
    made = OutboxPublisher(outbox, link, TOPICS, SystemClock())
    made.start()
    yield made
    made.stop()


def sent(link: FakeBrokerLink) -> list[int]:
    return [decode(payload).sequence for _, payload in link.published]


def receipt(outbox: Outbox, *ranges: tuple[int, int], epoch: str = "") -> bytes:
    return encode(Receipt(epoch=epoch or outbox.epoch, ranges=list(ranges)))


@pytest.mark.usefixtures("publisher")
def test_events_go_out_in_order_and_are_forgotten_by_receipt_only(outbox: Outbox, link: FakeBrokerLink) -> None:
    outbox.put([draft(n) for n in range(5)])
    wait_until(lambda: sent(link) == [1, 2, 3, 4, 5])
    for mid in range(1, 6):
        link.acknowledge(mid)
    assert outbox.store.waiting == 5, "a PUBACK forgets nothing"
    link.deliver(TOPICS.receipts, receipt(outbox, (1, 4)))
    wait_until(lambda: outbox.store.waiting == 1)


@pytest.mark.usefixtures("publisher")
def test_a_receipt_of_another_epoch_is_ignored(outbox: Outbox, link: FakeBrokerLink) -> None:
    outbox.put([draft()])
    wait_until(lambda: sent(link) == [1])
    link.deliver(TOPICS.receipts, receipt(outbox, (1, 100), epoch="feedfeedfeedfeed"))
    link.deliver(TOPICS.receipts, b"garbage")
    outbox.put([draft()])
    wait_until(lambda: sent(link) == [1, 2])
    assert outbox.store.waiting == 2


@pytest.mark.parametrize("back", [False, True])
def test_a_connection_that_is_lost_while_a_batch_is_read_leaves_nothing_unsent(
    outbox: Outbox, link: FakeBrokerLink, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    """It was taken for sent on a connection that had ended, and waited until the next one ended."""
    read, hurt = outbox.read, threading.Event()

    def lossy(after: int, limit: int) -> list[PendingEvent]:
        rows = read(after, limit)
        if any(row.sequence == 2 for row in rows) and not hurt.is_set():
            hurt.set()
            link.switch(False)
            if back:
                link.switch(True)
        return rows

    monkeypatch.setattr(outbox, "read", lossy)
    publisher = OutboxPublisher(outbox, link, TOPICS, SystemClock())
    publisher.start()
    outbox.put([draft(1)])
    wait_until(lambda: sent(link) == [1])
    outbox.put([draft(2)])
    wait_until(hurt.is_set)
    wait_until(lambda: back or publisher.progress.in_flight == 0)
    link.switch(True)
    wait_until(lambda: sent(link).count(1) == 2 and 2 in sent(link))
    publisher.stop()


def test_what_the_link_did_not_take_is_sent_again(
    outbox: Outbox, link: FakeBrokerLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, refused = link.publish, threading.Event()

    def once(topic: str, payload: bytes, *, retain: bool = False) -> int:
        if not refused.is_set():
            refused.set()
            raise BrokerError("the queue is full")
        return publish(topic, payload, retain=retain)

    monkeypatch.setattr(link, "publish", once)
    publisher = OutboxPublisher(outbox, link, TOPICS, SystemClock())
    publisher.start()
    outbox.put([draft(1)])
    wait_until(lambda: sent(link) == [1])
    publisher.stop()


@pytest.mark.usefixtures("publisher")
@pytest.mark.parametrize("top", [100, 2**62, 2**63 - 1])
def test_a_receipt_forgets_nothing_that_was_not_sent(outbox: Outbox, link: FakeBrokerLink, top: int) -> None:
    link.switch(False)
    outbox.put([draft(1), draft(2)])
    link.deliver(TOPICS.receipts, receipt(outbox, (1, top)))
    link.switch(True)
    wait_until(lambda: sent(link) == [1, 2])
    link.switch(False)
    outbox.put([draft(3)])
    link.deliver(TOPICS.receipts, receipt(outbox, (1, top)))
    link.switch(True)
    wait_until(lambda: 3 in sent(link))
    assert outbox.store.waiting >= 1


@pytest.mark.usefixtures("publisher")
@pytest.mark.parametrize("number", [0, -1, 2**63, 10**23, 10**400])
def test_a_receipt_of_impossible_numbers_ends_no_thread(outbox: Outbox, link: FakeBrokerLink, number: int) -> None:
    text = f'{{"epoch":"{outbox.epoch}","ranges":[[1,{number}]]}}'
    link.deliver(TOPICS.receipts, text.encode())
    link.deliver(TOPICS.receipts, b"[" * 5_000)
    outbox.put([draft(1)])
    wait_until(lambda: sent(link) == [1])
    link.deliver(TOPICS.receipts, receipt(outbox, (1, 1)))
    wait_until(lambda: outbox.store.waiting == 0)


def test_what_closes_gaps_is_sent_first_after_each_connection(outbox: Outbox, link: FakeBrokerLink) -> None:
    outbox.put([draft(1), draft(2), UnsequencedEvent("box", OutboxLost(count=1, sequences=((1, 1),)), 0), draft(4)])
    publisher = OutboxPublisher(outbox, link, TOPICS, SystemClock())
    publisher.start()
    wait_until(lambda: sent(link) == [3, 1, 2, 4])
    link.switch(False)
    link.switch(True)
    wait_until(lambda: sent(link)[4:] == [3, 1, 2, 4])
    publisher.stop()


@pytest.mark.usefixtures("publisher")
def test_nothing_is_lost_while_the_broker_is_away(outbox: Outbox, link: FakeBrokerLink) -> None:
    link.switch(False)
    outbox.put([draft(n) for n in range(3)])
    link.switch(True)
    wait_until(lambda: sent(link) == [1, 2, 3])
    link.acknowledge(1)
    link.switch(False)
    link.switch(True)
    wait_until(lambda: sorted(sent(link)[3:]) == [2, 3], what="what had no PUBACK goes out again")


def test_the_window_holds_back_what_the_broker_does_not_acknowledge(outbox: Outbox, link: FakeBrokerLink) -> None:
    from edge.messaging.outbox_publisher import WINDOW

    outbox.put([draft(n) for n in range(WINDOW + 50)])
    publisher = OutboxPublisher(outbox, link, TOPICS, SystemClock())
    publisher.start()
    wait_until(lambda: len(link.published) == WINDOW)
    for mid in range(1, 51):
        link.acknowledge(mid)
    wait_until(lambda: len(link.published) == WINDOW + 50)
    publisher.stop()
    assert sent(link) == list(range(1, WINDOW + 51))


def test_an_event_that_was_published_for_weeks_is_published_again() -> None:
    """At one attempt in ten minutes 1,024 of them are a week; a power of two beyond was an OverflowError."""
    progress = InFlightTracker()
    for _ in range(1_100):
        progress.published(1, 0)
    progress.acknowledged(1)
    assert progress.overdue(round(RECEIPT_CAP_S * SECOND_NS) - 1) == []
    assert progress.overdue(round(RECEIPT_CAP_S * SECOND_NS)) == [1]
