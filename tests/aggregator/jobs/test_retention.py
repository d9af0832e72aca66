"""Ceilings of metadata, in both stores: what goes, what stays, and that the record tells of it."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from agg_fakes import received
from agg_support import JPEG, START_NS, event

from aggregator.domain.alerts.decisions import Request
from aggregator.domain.alerts.types import Acknowledged, Decision
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.jobs.retention import RetentionJob
from aggregator.settings.aggregator import Keep, Retention
from common.clock import DAY_NS, FakeClock
from common.errors import StoreError
from protocol.identifiers import uuid7

DAYS = Retention(
    thumbnails=Keep(floor_days=1, ceiling_days=10),
    events=Keep(floor_days=1, ceiling_days=20),
    alerts=Keep(floor_days=1, ceiling_days=30),
    record=Keep(floor_days=1, ceiling_days=40),
)


def take(processor: BatchProcessor, number: int, clock: FakeClock, off_days: float = 0.0) -> str:
    """An event with a picture arrives now; its id says that it was made some days from now."""
    its = event(number, picture=JPEG, time_ns=clock.wall_ns(), place=f"cam-{number}")
    its = dataclasses.replace(its, id=uuid7(clock.wall_ns() + round(off_days * DAY_NS), number.to_bytes(10, "big")))
    processor.process(received(its))
    return its.id


def pass_days(eraser: RetentionJob, writer: Writer, clock: FakeClock, days: float) -> int:
    """Time goes by in half days, the last day in tenths."""
    gone, tenths = 0, round(days * 10)
    while tenths:
        step = 5 if tenths > 10 else 1
        tenths -= step
        clock.advance(8_640 * step)
        gone += eraser.turn(writer)
    return gone


def test_each_goes_at_its_ceiling_and_the_record_tells(
    processor: BatchProcessor, store: Store, writer: Writer, clock: FakeClock
) -> None:
    reader = store.reader()
    eraser = RetentionJob(DAYS, clock, 0)
    writer.append_audit_entries([AuditEntry(time_ns=clock.wall_ns(), who="li", what="view", target="x")])
    old = take(processor, 1, clock)
    assert pass_days(eraser, writer, clock, 9.9) == 0
    new = take(processor, 2, clock)
    assert pass_days(eraser, writer, clock, 0.2) == 1
    assert (reader.picture(old), reader.picture(new)) == (None, JPEG)
    assert {alert.picture_event for alert in reader.alerts(AlertQuery())} == {None, new}
    pass_days(eraser, writer, clock, 10)
    newer = reader.event_origin(new)
    assert (reader.event_origin(old) is None, newer is not None and newer.place) == (True, "cam-2")
    pass_days(eraser, writer, clock, 10)
    assert [alert.place for alert in reader.alerts(AlertQuery())] == ["cam-2"]
    assert reader.event_count() == 0
    pass_days(eraser, writer, clock, 10)
    entries = [entry for _, entry in reader.audit_entries(0, 100)]
    assert entries[0] == b""
    assert len(reader.audit_leaf_hashes(0, 100)) == len(entries)
    told = [audit_entry.decode(entry) for entry in entries if entry]
    assert {(act.target, act.detail["count"]) for act in told} >= {
        ("pictures", "1"), ("events", "1"), ("alerts", "1"), ("record", "1"),
    }  # fmt: skip
    assert [act.detail["up_to"] for act in told if act.target == "record"] == ["1"]
    assert all(act.who == "system" and act.what == "erased" for act in told)
    assert reader.newest_audit_entries(None, 2)[0][0] == len(entries)


@pytest.mark.parametrize("off_days", [-3000, 3000])
def test_a_box_whose_clock_is_off_loses_nothing_early_and_keeps_nothing_late(
    processor: BatchProcessor, store: Store, writer: Writer, clock: FakeClock, off_days: float
) -> None:
    eraser = RetentionJob(DAYS, clock, 0)
    number = take(processor, 1, clock, off_days)
    pass_days(eraser, writer, clock, 19.9)
    assert store.reader().event_origin(number) is not None
    pass_days(eraser, writer, clock, 0.2)
    assert store.reader().event_origin(number) is None


def test_a_clock_that_jumps_ahead_erases_nothing_for_a_day(
    processor: BatchProcessor, store: Store, writer: Writer, clock: FakeClock
) -> None:
    eraser = RetentionJob(DAYS, clock, 0)
    take(processor, 1, clock)
    pass_days(eraser, writer, clock, 1)
    clock.now_ns += 4000 * DAY_NS
    assert pass_days(eraser, writer, clock, 0.9) == 0
    clock.now_ns -= 4000 * DAY_NS  # somebody saw it
    assert pass_days(eraser, writer, clock, 2) == 0
    assert store.reader().event_count() == 1


def test_a_start_long_after_the_last_writing_waits_a_day(
    processor: BatchProcessor, store: Store, writer: Writer, clock: FakeClock
) -> None:
    take(processor, 1, clock)
    clock.advance(100 * 86_400)
    eraser = RetentionJob(DAYS, clock, START_NS)
    assert eraser.turn(writer) == 0
    assert pass_days(eraser, writer, clock, 0.9) == 0
    assert pass_days(eraser, writer, clock, 0.2) > 0
    assert store.reader().event_count() == 0


def test_a_turn_is_bounded(processor: BatchProcessor, store: Store, writer: Writer, clock: FakeClock) -> None:
    for number in range(1, 8):
        take(processor, number, clock)
    act = AuditEntry(time_ns=0, who="system", what="erased", target="events")
    later = clock.wall_ns() + DAY_NS
    assert [writer.purge("events", later, 3, act) for _ in range(4)] == [3, 3, 1, 0]
    assert store.reader().event_count() == 0
    assert store.reader().audit_log_size() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"thumbnails": Keep(floor_days=1, ceiling_days=999)},
        {"record": Keep(floor_days=1, ceiling_days=2)},
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, Keep]) -> None:
    with pytest.raises(ValueError, match="ceiling"):
        Retention(**wrong)
    with pytest.raises(ValueError, match="floor"):
        Keep(floor_days=5, ceiling_days=4)


@pytest.mark.parametrize("broken", [False, True])
def test_what_retention_erased_is_not_written_back_by_a_decision_about_its_alert(
    processor: BatchProcessor, store: Store, writer: Writer, clock: FakeClock, broken: bool
) -> None:
    take(processor, 1, clock)
    (alert,) = store.reader().alerts(AlertQuery())
    assert alert.picture_event is not None

    def turn() -> int:
        act = AuditEntry(time_ns=clock.wall_ns(), who="system", what="erased", target="pictures")
        gone = writer.purge("pictures", clock.wall_ns() + DAY_NS, 10, act)
        if broken:
            raise StoreError("the disk is full")
        return gone

    with pytest.raises(StoreError) if broken else contextlib.nullcontext():
        assert processor.clean(turn) == 1
    processor.decide([Request(alert.id, Acknowledged())], Decision("li", "api"))
    (after,) = store.reader().alerts(AlertQuery())
    assert (after.acknowledgement, after.picture_event) == ("acknowledged", None)
