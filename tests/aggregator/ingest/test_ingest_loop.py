"""The loop with a fake link: what is acknowledged, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from agg_fakes import FakeLink
from agg_support import event

from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.ingest.consumer import BrokerConnection, EventConsumer, ReceiptScheduler
from aggregator.ingest.ingest_monitor import IngestMonitor
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.monitoring.change_feed import ChangeFeed
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.storage.write_queue import WriteQueue
from common.clock import SECOND_NS, FakeClock, SystemClock
from common.errors import BrokerError, StoreError
from common.running.backoff import Backoff
from protocol import receipts
from protocol.envelope import encode
from protocol.topics import BoxTopics

TOPICS = BoxTopics("village", "gate-1")


def batch(*sequences: int) -> list[InboundMessage]:
    return [InboundMessage(TOPICS.events, encode(event(it)), it) for it in sequences]


@pytest.fixture
def queue(writer: Writer) -> WriteQueue[Writer]:
    return WriteQueue(writer)


@pytest.fixture
def make(processor: BatchProcessor, queue: WriteQueue[Writer]) -> Callable[[Callable[[], FakeLink]], EventConsumer]:
    def made(connect: Callable[[], FakeLink]) -> EventConsumer:
        clock = SystemClock()
        return EventConsumer(
            connection=BrokerConnection(connect, Backoff(lambda: 0.5, first_s=0.01, cap_s=0.02)),
            processor=processor, queue=queue, clock=clock,
            monitor=IngestMonitor(Health(clock), Metrics(), ChangeFeed()),
        )  # fmt: skip

    return made


Make = Callable[[Callable[[], FakeLink]], EventConsumer]


def test_commits_then_acknowledges_then_receipts(make: Make, store: Store) -> None:
    link = FakeLink([batch(1, 2), [], [], batch(3)])
    ingest = make(lambda: link)
    with pytest.raises(BrokerError):
        ingest.run_once(threading.Event())
    assert [it.mid for it in link.acknowledged] == [1, 2, 3]
    assert store.reader().event_count() == 3
    assert link.closed
    topic, payload = link.published[0]
    assert topic == TOPICS.receipts
    assert receipts.decode_receipt(payload)[0] == "ab12"


def test_a_store_that_fails_acknowledges_nothing_and_all_comes_again(
    make: Make, writer: Writer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = writer.apply, [0]

    def failing(it: object) -> None:
        calls[0] += 1
        if calls[0] <= 2:
            raise StoreError("disk full")
        real(it)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "apply", failing)
    links = [FakeLink([batch(1, 2)]) for _ in range(3)]
    stop, given = threading.Event(), iter(links)

    def connect() -> FakeLink:
        try:
            return next(given)
        except StopIteration:
            stop.set()
            raise BrokerError("no more links") from None

    ingest = make(connect)
    ingest.run(stop)
    assert [len(it.acknowledged) for it in links] == [0, 0, 2]
    assert store.reader().event_count() == 2
    assert ingest._metrics.store_failures._value.get() == 2


def test_a_bug_does_not_end_the_loop(make: Make) -> None:
    stop, tries = threading.Event(), [0]

    def connect() -> FakeLink:
        tries[0] += 1
        if tries[0] == 3:
            stop.set()
        raise ZeroDivisionError("a bug")

    make(connect).run(stop)
    assert tries[0] == 3


def test_jobs_are_done_without_a_broker(make: Make, queue: WriteQueue[Writer]) -> None:
    stop = threading.Event()

    def connect() -> FakeLink:
        raise BrokerError("there is none")

    thread = threading.Thread(target=make(connect).run, args=(stop,))
    thread.start()
    assert queue.submit(lambda store: store.positions()).result(10) == []
    failed = queue.submit(lambda store: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failed.result(10)
    stop.set()
    queue.wake()
    thread.join(10)
    assert not thread.is_alive()


def test_a_closed_or_full_mailbox_refuses() -> None:
    box = WriteQueue(1, size=1)
    waiting = box.submit(lambda number: number)
    with pytest.raises(StoreError, match="busy"):
        box.submit(lambda number: number)
    box.close()
    with pytest.raises(StoreError):
        waiting.result(1)
    with pytest.raises(StoreError, match="closing"):
        box.submit(lambda number: number)


def test_receipts_are_coalesced_and_the_last_one_goes_out() -> None:
    book, key = ReceiptScheduler(), ("village", "gate-1")
    other = ("village", "gate-2")
    book.request({key})
    assert book.due(0) == [key]
    book.request({key, other})
    assert book.due(SECOND_NS // 100) == [other]
    assert book.due(SECOND_NS // 20) == []
    assert book.due(SECOND_NS // 5) == [key]
    assert book.due(SECOND_NS) == []


def test_health_needs_all_parts(clock: FakeClock) -> None:
    health = Health(clock)
    health.turn()
    assert not health.report()["ok"]
    health.broker = health.store = True
    assert health.report()["ok"]
    clock.advance(60)
    assert health.report() == {"ok": False, "broker": True, "store": True, "ingest": False, "problem": ""}
