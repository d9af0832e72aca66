from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from agg_fakes import received
from agg_support import EPOCH, JPEG, START_NS, entered, event

from aggregator.domain.alerts.decisions import Request, Wish
from aggregator.domain.alerts.types import Acknowledged, Alert, Closed, Decision, Effect
from aggregator.domain.audit import audit_entry
from aggregator.domain.read_models import AlertQuery, Batch
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest import message_validator
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.messaging.mqtt_client import InboundMessage
from common.clock import SECOND_NS, FakeClock
from common.errors import ContractError, StoreError
from protocol import receipts
from protocol.envelope import encode
from protocol.event_types import CameraBack, CameraLost, OutboxLost
from protocol.topics import BoxTopics


def poison(payload: bytes = b"{nonsense") -> InboundMessage:
    return InboundMessage(BoxTopics("village", "gate-1").events, payload)


def ranges(processor: BatchProcessor, box: str = "gate-1") -> list[tuple[int, int]]:
    receipt = processor.receipt(("village", box))
    return [] if receipt is None else receipt.ranges


def test_events_open_one_alert_and_are_receipted(processor: BatchProcessor, store: Store) -> None:
    outcome = processor.process(received(event(1), event(2, picture=JPEG), event(3)))
    assert (outcome.committed, outcome.duplicates) == (3, 0)
    assert outcome.effects == {Effect.OPENED: 1, Effect.MERGED: 2}
    (alert,) = store.reader().alerts(AlertQuery())
    assert (alert.count, alert.picture_event) == (3, event(2).id)
    assert ranges(processor) == [(1, 3)]


def test_duplicates_have_no_effect_in_one_batch_or_later(processor: BatchProcessor, store: Store) -> None:
    first = processor.process(received(event(1), event(1), event(2)))
    assert (first.committed, first.duplicates) == (2, 1)
    second = processor.process(received(event(2), event(1), event(3)))
    assert (second.committed, second.duplicates) == (1, 2)
    (alert,) = store.reader().alerts(AlertQuery())
    assert alert.count == 3
    assert store.reader().event_count() == 3


def test_out_of_order_leaves_a_gap_that_closes(processor: BatchProcessor) -> None:
    processor.process(received(event(5), event(2)))
    assert (ranges(processor), processor.missing()) == ([(2, 2), (5, 5)], 3)
    processor.process(received(event(1), event(4), event(3)))
    assert (ranges(processor), processor.missing()) == ([(1, 5)], 0)


def test_numbers_that_will_never_come_close_the_gap_and_are_counted(processor: BatchProcessor, store: Store) -> None:
    processor.process(received(event(1), event(5, OutboxLost(count=3, sequences=((2, 4),)), place="gate-1")))
    assert ranges(processor) == [(1, 5)]
    (box,) = store.reader().boxes()
    assert (box.committed, box.lost, box.gaps) == (2, 3, [])


def test_a_poison_message_is_counted_and_stops_nothing(processor: BatchProcessor, store: Store) -> None:
    outcome = processor.process([*received(event(1)), poison(), *received(event(2))])
    assert (outcome.committed, outcome.quarantined) == (2, 1)
    assert store.reader().quarantine_count() == 1


def test_a_quarantined_event_settles_its_number(processor: BatchProcessor, store: Store, clock: FakeClock) -> None:
    future = event(2, time_ns=clock.wall_ns() + 3600 * SECOND_NS)
    processor.process(received(event(1), future, event(3)))
    assert ranges(processor) == [(1, 3)]
    (box,) = store.reader().boxes()
    assert (box.committed, box.quarantined) == (2, 1)
    processor.process(received(future))
    assert store.reader().boxes()[0].quarantined == 1


def test_a_new_epoch_starts_again_and_old_numbers_do_not_cover_it(processor: BatchProcessor, store: Store) -> None:
    processor.process(received(event(1), event(2)))
    processor.process(received(event(1, epoch="cd34", number=100)))
    receipt = processor.receipt(("village", "gate-1"))
    assert receipt == receipts.Receipt(epoch="cd34", ranges=[(1, 1)])
    # what is left of the old outbox still counts, but the receipt names the present one
    processor.process(received(event(3)))
    assert processor.receipt(("village", "gate-1")) == receipt
    assert store.reader().event_count() == 4


def test_the_epoch_in_the_status_is_the_present_one(
    processor: BatchProcessor, writer: Writer, clock: FakeClock
) -> None:
    processor.process(received(event(1, epoch="aa"), event(1, epoch="bb", number=9)))
    status = receipts.encode(receipts.BoxStatus(online=True, epoch="aa"))
    outcome = processor.process([InboundMessage(BoxTopics("village", "gate-1").status, status)])
    assert outcome.statuses == 1
    for it in (processor, BatchProcessor(writer, clock, lambda: "")):
        receipt = it.receipt(("village", "gate-1"))
        assert receipt is not None
        assert receipt.epoch == "aa"


def test_a_restart_goes_on_where_it_was(
    processor: BatchProcessor, writer: Writer, clock: FakeClock, new_id: Callable[[], str], store: Store
) -> None:
    processor.process(received(event(1)))
    again = BatchProcessor(writer, clock, new_id)
    assert again.boxes() == [("village", "gate-1")]
    again.process(received(event(1), event(2)))
    (alert,) = store.reader().alerts(AlertQuery())
    assert (alert.count, ranges(again)) == (2, [(1, 2)])


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_lost_and_back_end_in_whatever_order_they_come(
    processor: BatchProcessor, store: Store, order: tuple[int, int], together: bool
) -> None:
    both = {
        1: event(1, CameraLost(), time_ns=START_NS),
        2: event(2, CameraBack(), time_ns=START_NS + 5 * SECOND_NS),
    }
    messages = received(*(both[it] for it in order))
    for batch in [messages] if together else [[it] for it in messages]:
        processor.process(batch)
    (alert,) = store.reader().alerts(AlertQuery())
    assert (alert.kind, alert.condition, alert.status) == ("camera.lost", "ended", "open")


def decide(processor: BatchProcessor, alert_id: str, wish: Wish, who: str = "li") -> Alert | None:
    (verdict,), _ = processor.decide([Request(alert_id, wish)], Decision(who, "api", "192.0.2.1"))
    return verdict.alert


def test_people_acknowledge_and_close(processor: BatchProcessor, store: Store) -> None:
    (alert_id,) = processor.process(received(event(1))).alerts
    taken = decide(processor, alert_id, Acknowledged())
    assert taken is not None
    assert taken.acknowledgement == "acknowledged"
    assert processor.process(received(event(2))).alerts[alert_id].since_acknowledged == 1
    done = decide(processor, alert_id, Closed("real"))
    assert done is not None
    assert alert_id not in processor.process(received(event(3))).alerts
    assert decide(processor, "no such", Closed("real")) is None
    assert [it.status for it in store.reader().alerts(AlertQuery())] == ["open", "closed"]


def test_what_people_decide_is_in_the_audit_log_and_the_history_once(processor: BatchProcessor, store: Store) -> None:
    (alert_id,) = processor.process(received(event(1))).alerts
    for who, wish in (("li", Acknowledged()), ("wang", Acknowledged()), ("wang", Closed("test", "n"))):
        decide(processor, alert_id, wish, who)
    found = [audit_entry.decode(entry) for _, entry in store.reader().audit_entries(0, 100)]
    assert [(it.who, it.what, it.site, it.target) for it in found] == [
        ("li", "alert.acknowledged", "village", alert_id),
        ("wang", "alert.closed", "village", alert_id),
    ]
    assert found[1].detail == {"via": "api", "from": "192.0.2.1", "outcome": "test"}, "and not the note"
    history = store.reader().history(alert_id, 10)
    assert [(it.actor, it.via, it.action) for it in reversed(history)] == [
        ("system:alerts", "system", "opened"), ("li", "api", "acknowledged"), ("wang", "api", "closed"),
    ]  # fmt: skip
    assert '"note": "n"' in history[0].detail


def test_an_older_alert_of_the_same_matter_can_still_be_closed(processor: BatchProcessor, clock: FakeClock) -> None:
    (old,) = processor.process(received(event(1))).alerts
    clock.advance(3600)
    (new,) = processor.process(received(event(2, time_ns=clock.wall_ns()))).alerts
    closed = decide(processor, old, Closed("real"))
    assert closed is not None
    assert closed.status == "closed"
    assert processor.process(received(event(3, time_ns=clock.wall_ns()))).alerts[new].count == 2


class Failing:
    """A writer that fails when told to, before it has written anything; else the real one."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.error: Exception | None = None
        self.refused = ""
        self.no_letters = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._writer, name)

    def apply(self, batch: Batch) -> None:
        if self.error is not None:
            raise self.error
        if any(it.event.id == self.refused for it in batch.events):
            raise ContractError("cannot be stored: this one")
        if self.no_letters and batch.quarantine:
            raise ContractError("cannot be stored: dead letter")
        self._writer.apply(batch)


def test_a_failed_commit_changes_nothing_and_can_be_repeated(
    writer: Writer, store: Store, clock: FakeClock, new_id: Callable[[], str]
) -> None:
    failing = Failing(writer)
    processor = BatchProcessor(failing, clock, new_id)  # type: ignore[arg-type]
    processor.process(received(event(1)))
    failing.error = StoreError("disk full")
    with pytest.raises(StoreError):
        processor.process(received(event(2), event(3)))
    assert ranges(processor) == [(1, 1)]
    failing.error = None
    assert processor.process(received(event(2), event(3))).committed == 2
    (alert,) = store.reader().alerts(AlertQuery())
    assert alert.count == 3


def test_what_cannot_be_stored_is_quarantined_alone(
    writer: Writer, store: Store, clock: FakeClock, new_id: Callable[[], str]
) -> None:
    failing = Failing(writer)
    failing.refused = event(2).id
    processor = BatchProcessor(failing, clock, new_id)  # type: ignore[arg-type]
    outcome = processor.process(received(event(1), event(2), event(3)))
    assert (outcome.committed, outcome.quarantined) == (2, 1)
    assert "this one" in store.reader().quarantine(1)[0].reason


def test_no_message_is_judged_twice_and_any_exception_takes_one_message_only(
    processor: BatchProcessor, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[bytes] = []
    bad = encode(event(2))
    real = message_validator.validate

    def judge(topic: str, payload: bytes, now_ns: int) -> message_validator.Verdict:
        judged.append(payload)
        if payload == bad:
            raise RecursionError
        return real(topic, payload, now_ns)

    monkeypatch.setattr(message_validator, "validate", judge)
    outcome = processor.process(received(event(1), event(2), event(3)))
    assert (outcome.committed, outcome.quarantined) == (2, 1)
    assert judged.count(bad) == 2, "once with its batch, once alone; its dead letter needs no verdict"
    assert ranges(processor) == [(1, 3)], "its number is settled, or the box would send it for ever"
    assert store.reader().quarantine_count() == 1


def test_a_message_whose_dead_letter_cannot_be_stored_is_dropped_alone(
    writer: Writer, store: Store, clock: FakeClock, new_id: Callable[[], str]
) -> None:
    failing = Failing(writer)
    failing.refused, failing.no_letters = event(2).id, True
    processor = BatchProcessor(failing, clock, new_id)  # type: ignore[arg-type]
    outcome = processor.process(received(event(1), event(2), event(3)))
    assert (outcome.committed, outcome.quarantined) == (2, 1)
    assert store.reader().event_count() == 2


def test_a_huge_range_costs_neither_time_nor_memory(processor: BatchProcessor, store: Store) -> None:
    processor.process(received(event(1), event(2**62, number=2)))
    assert ranges(processor) == [(1, 1), (2**62, 2**62)]
    assert store.reader().boxes()[0].gaps == [(2, 2**62 - 1)]


def test_a_receipt_is_never_too_long(
    processor: BatchProcessor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("aggregator.ingest.batch_processor.RECEIPT_RANGES", 10)
    processor.process(received(*(event(it) for it in range(2, 60, 2))))
    windows = [ranges(processor) for _ in range(4)]
    assert [len(it) for it in windows] == [10, 10, 9, 10], "the receipts take turns, so every number gets into one"
    assert windows[0] + windows[1] + windows[2] == [(it, it) for it in range(2, 60, 2)]
    assert windows[3] == windows[0]


def test_scattered_numbers_do_not_grow_a_position_without_bound(
    processor: BatchProcessor, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.ingest.batch_processor.POSITION_RANGES", 10)
    processor.process(received(*(event(it) for it in range(2, 60, 2))))
    assert ranges(processor) == [(it, it) for it in range(2, 22, 2)]
    assert store.reader().event_count() == 29, "every event is committed"
    lost = OutboxLost(count=30, sequences=tuple((it, it) for it in range(1, 60, 2)))
    for _ in range(3):  # a box sends again what is not settled
        processor.process(received(event(60, lost, place="gate-1"), *(event(it) for it in range(2, 60, 2))))
    assert ranges(processor) == [(1, 60)], "the gaps are closed, and what was sent again is settled"


def test_a_quarantined_number_does_not_grow_it_either(
    processor: BatchProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.ingest.batch_processor.POSITION_RANGES", 3)
    good = [encode(event(it)) for it in range(2, 20, 2)]
    bad = [it.replace(b"zone.entered", b"zone.nonsense") for it in good]
    processor.process([poison(it) for it in bad])
    assert len(ranges(processor)) == 3


def test_objects_in_different_zones_are_different_matters(processor: BatchProcessor, store: Store) -> None:
    processor.process(received(event(1, entered("a")), event(2, entered("b")), event(3, entered("a"))))
    assert sorted(it.count for it in store.reader().alerts(AlertQuery())) == [1, 2]
    assert processor.receipt(("village", "gate-1")) == receipts.Receipt(epoch=EPOCH, ranges=[(1, 3)])
