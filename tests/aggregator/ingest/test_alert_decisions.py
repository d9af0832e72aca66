"""People's decisions about alerts: conflicts, scopes, merge and split, and what time does by itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from agg_fakes import received
from agg_support import JPEG, START_NS, entered, event

from aggregator.domain.alerts.decisions import Merge, Request, Split, Verdict, Wish
from aggregator.domain.alerts.types import (
    Acknowledged,
    Alert,
    Assigned,
    Closed,
    Decision,
    EscalationRequested,
    Noted,
    Reopened,
    Suppressed,
    Unassigned,
    Unsuppressed,
)
from aggregator.domain.audit import audit_entry
from aggregator.domain.read_models import AlertQuery, Batch
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest import alert_engine
from aggregator.ingest.batch_processor import BatchProcessor
from common.clock import SECOND_NS, FakeClock
from common.errors import StoreError
from protocol.envelope import Event
from protocol.event_types import CameraBack, CameraLost, CameraMoved, DoorClosed, DoorDuress, DoorForced

LI, WU = Decision("li", "dashboard", "192.0.2.1"), Decision("wu", "api", "192.0.2.2")


class Room:
    """A processor and a store, with short words for what tests do."""

    def __init__(self, processor: BatchProcessor, store: Store, clock: FakeClock) -> None:
        self.processor, self.store, self.clock = processor, store, clock

    def see(self, *events: Event) -> list[Alert]:
        messages = received(*events)
        return list(self.processor.process(messages).alerts.values())

    def decide(self, alert: Alert | str, wish: Wish, by: Decision = LI, version: int | None = None) -> Verdict:
        alert_id = alert if isinstance(alert, str) else alert.id
        (verdict,), _ = self.processor.decide([Request(alert_id, wish, version)], by)
        return verdict

    def now(self, alert: Alert) -> Alert:
        found = self.store.reader().alert_by_id(alert.id)
        assert found is not None
        return found

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.processor.turn()

    def actions(self, alert: Alert) -> list[str]:
        return [it.action for it in reversed(self.store.reader().history(alert.id, 100))]

    def audited(self) -> list[str]:
        return [audit_entry.decode(it).what for _, it in self.store.reader().audit_entries(0, 100)]


@pytest.fixture
def room(processor: BatchProcessor, store: Store, clock: FakeClock) -> Room:
    return Room(processor, store, clock)


def forced(sequence: int = 1, time_ns: int = START_NS) -> Event:
    return event(sequence, DoorForced(door="d1"), place="d1", time_ns=time_ns)


def test_of_two_people_the_second_gets_a_conflict_with_the_newer_state(room: Room) -> None:
    (alert,) = room.see(event(1))
    assert room.decide(alert, Acknowledged(), LI, version=alert.version).result == "done"
    late = room.decide(alert, Assigned("wu"), WU, version=alert.version)
    assert (late.result, late.alert, late.reason) == (
        "conflict", room.now(alert), "somebody has changed it in the meantime",
    )  # fmt: skip
    again = room.decide(alert, Acknowledged(), WU)
    assert (again.result, again.reason) == ("conflict", "it is acknowledged, by li")
    assert room.decide(alert, Acknowledged(), LI).result == "done", "a second press is no conflict"
    assert room.audited() == ["alert.acknowledged"]
    assert room.actions(alert) == ["opened", "acknowledged"]


def test_more_events_are_no_conflict_but_an_alarm_anew_is(room: Room) -> None:
    (alert,) = room.see(event(1))
    room.see(event(2), event(3))
    assert room.decide(alert, Acknowledged(), LI, version=alert.version).result == "done"
    (critical,) = room.see(forced(4))
    room.decide(critical, Acknowledged(), LI)
    seen = room.now(critical)
    room.see(forced(5, START_NS + 1))
    assert room.decide(critical, Closed("real"), WU, version=seen.version).result == "conflict"
    assert room.now(critical).acknowledgement == "unacknowledged"


def test_every_decision_is_in_the_audit_log_and_on_the_history(room: Room) -> None:
    (alert,) = room.see(event(1, CameraLost()))
    wishes: list[Wish] = [
        Acknowledged(), Assigned("wu"), Unassigned(), Noted("a ladder stands there"),
        EscalationRequested("two people on the roof"),
        Suppressed("shelved", "li", START_NS * 2), Unsuppressed(), Closed("maintenance", "cleaned"), Reopened(),
    ]  # fmt: skip
    assert [room.decide(alert, it).result for it in wishes] == ["done"] * len(wishes)
    assert room.audited() == [
        "alert.acknowledged", "alert.assigned", "alert.unassigned", "alert.noted", "alert.escalated",
        "alert.shelved", "alert.unshelved", "alert.closed", "alert.reopened",
    ]  # fmt: skip
    assert room.actions(alert) == [
        "opened", "acknowledged", "assigned", "unassigned", "noted", "escalation_requested", "suppressed",
        "unsuppressed", "closed", "reopened",
    ]  # fmt: skip
    entry = room.store.reader().history(alert.id, 2)[1]
    assert (entry.actor, entry.via, json.loads(entry.detail)) == (
        "li", "dashboard", {"origin": "192.0.2.1", "outcome": "maintenance", "note": "cleaned"},
    )  # fmt: skip
    record = [audit_entry.decode(it) for _, it in room.store.reader().audit_entries(0, 100)]
    assert all((it.who, it.site, it.target) == ("li", "village", alert.id) for it in record)
    assert all(it.detail["from"] == "192.0.2.1" for it in record)
    told = [word for word in ("ladder", "roof") if word in str(record)]
    assert told == [], "notes stand in the history, which is erased with its alert"


def test_what_the_caller_may_not_see_is_missing(room: Room) -> None:
    (alert,) = room.see(event(1))
    verdicts, outcome = room.processor.decide(
        [Request(alert.id, Acknowledged()), Request("no such", Acknowledged())], LI, allowed=lambda _: False
    )
    assert [it.result for it in verdicts] == ["missing", "missing"]
    assert outcome.alerts == {}
    assert room.audited() == []


def test_many_are_decided_in_one_transaction_and_some_may_fail(room: Room) -> None:
    alerts = room.see(*(event(it, entered(f"z{it}")) for it in range(1, 6)))
    room.decide(alerts[0], Closed("real"))
    requests = [Request(it.id, Closed("false_alarm")) for it in alerts[1:]]
    requests += [Request(alerts[1].id, Acknowledged()), Request("no such", Acknowledged())]
    verdicts, outcome = room.processor.decide(requests, LI)
    assert [it.result for it in verdicts] == ["done"] * 4 + ["conflict", "missing"]
    assert len(outcome.alerts) == 4
    assert room.audited() == ["alert.closed"] * 5
    assert room.store.reader().alert_counts(AlertQuery()) == {}


def test_a_decision_that_cannot_be_written_changes_nothing(
    writer: Writer, store: Store, clock: FakeClock, new_id: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(BatchProcessor(writer, clock, new_id), store, clock)
    (alert,) = room.see(event(1))

    def fail(_: Batch) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "apply", fail)
        with pytest.raises(StoreError):
            room.decide(alert, Acknowledged())
    assert room.now(alert) == alert
    assert room.decide(alert, Acknowledged(), version=alert.version).result == "done"


def test_merged_alerts_are_one_and_their_later_events_go_into_it(
    room: Room, writer: Writer, new_id: Callable[[], str]
) -> None:
    one, two, three = room.see(*(event(it, entered(f"z{it}")) for it in range(1, 4)))
    verdict = room.decide(one, Merge((two.id, three.id)))
    assert verdict.result == "done"
    assert verdict.alert is not None
    assert verdict.alert.count == 3
    assert [(it.status, it.merged_into) for it in map(room.now, (two, three))] == [("closed", one.id)] * 2
    assert [it.count for it in room.see(event(4, entered("z2")))] == [4]
    fresh = Room(BatchProcessor(writer, room.clock, new_id), room.store, room.clock)
    assert [(it.id, it.count) for it in fresh.see(event(5, entered("z3")))] == [(one.id, 5)], "after a restart too"
    assert len(room.store.reader().alert_events(room.now(one), 10)) == 5
    assert room.actions(two) == ["opened", "joined"]
    assert room.actions(one) == ["opened", "absorbed"]
    assert room.decide(two, Reopened()).reason == "it was merged into another alert"


def test_what_ends_one_of_the_merged_does_not_end_the_other(room: Room) -> None:
    one, two = room.see(event(1, CameraLost()), event(2, CameraLost(), place="cam-2"))
    room.decide(one, Merge((two.id,)))
    room.see(event(3, CameraBack(), place="cam-2", time_ns=START_NS + 1))
    assert room.now(one).condition == "active"
    room.see(event(4, CameraBack(), time_ns=START_NS + 1))
    assert room.now(one).condition == "ended"


@pytest.mark.parametrize(
    ("others", "result"),
    [
        ((), "refused"),
        (("self",), "refused"),
        (("no such",), "missing"),
        (("estate",), "refused"),
        (("done",), "conflict"),
    ],
)
def test_merges_that_cannot_be(room: Room, others: tuple[str, ...], result: str) -> None:
    one, done, estate = room.see(event(1), event(2, entered("z2")), event(3, site="estate"))
    room.decide(done, Closed("real"))
    names = {"self": one.id, "estate": estate.id, "done": done.id}
    assert room.decide(one, Merge(tuple(names.get(it, it) for it in others))).result == result
    assert room.now(one) == one


def test_split_off_events_are_an_alert_of_their_own(room: Room) -> None:
    found = [event(it, time_ns=START_NS + it, picture=JPEG if it in (2, 4) else None) for it in range(1, 5)]
    (alert,) = room.see(*found)
    room.decide(alert, Acknowledged())
    verdict = room.decide(alert, Split((found[3].id, found[2].id)))
    assert verdict.result == "done"
    created = verdict.created
    assert created is not None
    assert (created.count, created.first_ns, created.last_ns) == (2, found[2].time_ns, found[3].time_ns)
    assert (created.acknowledgement, created.condition, created.picture_event) == (
        "unacknowledged", "ended", found[3].id,
    )  # fmt: skip
    left = room.now(alert)
    assert (left.count, left.picture_event, left.acknowledgement) == (2, found[1].id, "acknowledged")
    reader = room.store.reader()
    assert [it.id for it in reader.alert_events(created, 9)] == [found[3].id, found[2].id]
    assert [it.id for it in reader.alert_events(left, 9)] == [found[1].id, found[0].id]
    assert [it.id for it in room.see(event(9, time_ns=START_NS + 9))] == [alert.id], (
        "later events stay with the old one"
    )
    assert room.decide(alert, Split((found[3].id,))).result == "refused", "it is not its own any more"


@pytest.mark.parametrize(("events", "result"), [((1, 2), "conflict"), ((), "refused"), ((7,), "refused")])
def test_splits_that_cannot_be(room: Room, events: tuple[int, ...], result: str) -> None:
    (alert,) = room.see(event(1), event(2))
    assert room.decide(alert, Split(tuple(event(it).id for it in events))).result == result
    assert room.now(alert) == alert


def test_a_suppression_of_another_kind_is_not_a_persons_to_end(room: Room, writer: Writer) -> None:
    (alert,) = room.see(event(1))
    room.processor._engine.begin()
    silenced = room.processor._engine.change(alert, Suppressed("silenced", "s-1", None), START_NS)
    writer.apply(Batch(alerts={alert.id: silenced}))
    room.processor._engine.keep()
    assert room.decide(alert, Unsuppressed()).reason == "it is hidden, silenced, by s-1"


def test_a_shelved_alert_is_shown_again_by_itself_and_ends_meanwhile(room: Room) -> None:
    (alert,) = room.see(event(1, CameraLost()))
    room.decide(alert, Suppressed("shelved", "li", START_NS + 60 * SECOND_NS, "a ladder"))
    room.see(event(2, CameraBack(), time_ns=START_NS + 1))
    assert (room.now(alert).condition, room.now(alert).suppression) == ("ended", "shelved")
    room.pass_time(59)
    assert room.now(alert).suppression == "shelved"
    room.pass_time(1)
    assert (room.now(alert).suppression, room.now(alert).status) == ("", "open")
    assert room.actions(alert) == ["opened", "suppressed", "ended", "unsuppressed"]


def test_time_ends_what_no_event_ends_and_closes_what_nobody_must_see(room: Room) -> None:
    medium, critical, moved = room.see(event(1), forced(2), event(3, CameraMoved()))
    room.pass_time(5 * 60)
    assert (room.now(medium).condition, room.now(medium).status) == ("ended", "open")
    room.pass_time(12 * 3600)
    assert (room.now(medium).status, room.now(medium).closed_by) == ("closed", "system:alerts")
    room.pass_time(400 * 86_400)
    assert [(it.status, it.condition) for it in map(room.now, (critical, moved))] == [("open", "active")] * 2
    assert room.actions(medium) == ["opened", "ended", "closed"]
    room.see(event(4, DoorClosed(door="d1"), place="d1", time_ns=START_NS + 1))
    room.pass_time(400 * 86_400)
    assert (room.now(critical).condition, room.now(critical).status) == ("ended", "open"), "nobody has seen it"


def test_an_event_keeps_the_condition_active(room: Room) -> None:
    (alert,) = room.see(event(1))
    room.pass_time(299)
    room.see(event(2, time_ns=START_NS + 299 * SECOND_NS))
    room.pass_time(299)
    assert room.now(alert).condition == "active"
    room.pass_time(1)
    assert room.now(alert).condition == "ended"


def test_a_turn_does_nothing_more_often_than_once_a_second_and_goes_on_with_many(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.ingest.alert_engine.MOST_DUE", 2)
    room.see(*(event(it, entered(f"z{it}")) for it in range(1, 6)))
    room.clock.advance(300)
    turns = [room.processor.turn() for _ in range(4)]
    assert [None if it is None else len(it.alerts) for it in turns] == [2, 2, 1, None]


def test_ux_02_a_forced_door_that_closed_unseen_stays_first_in_the_queue(room: Room) -> None:
    (alert,) = room.see(forced())
    room.see(event(2, DoorClosed(door="d1"), place="d1", time_ns=START_NS + SECOND_NS // 5))
    room.see(*(event(it, entered(f"z{it}")) for it in range(3, 9)))
    room.pass_time(30 * 86_400)
    queue = room.store.reader().alerts(AlertQuery(order="urgency", status="open"))
    assert [(it.id, it.condition, it.acknowledgement) for it in queue][:1] == [(alert.id, "ended", "unacknowledged")]


def test_ux_03_an_acknowledged_alert_says_what_came_since_and_alarms_again(room: Room) -> None:
    (zone,) = room.see(event(1))
    room.decide(zone, Acknowledged())
    for number in range(2, 444):
        room.see(event(number, time_ns=START_NS + number))
        if room.now(zone).acknowledgement == "unacknowledged":
            break
    assert number == 51, "the 50th event after the acknowledgement"
    assert room.now(zone).count == 51
    room.decide(zone, Acknowledged())
    room.see(event(500, time_ns=START_NS + 500))
    assert (room.now(zone).since_acknowledged, room.now(zone).count) == (1, 52)


def test_ux_03_each_duress_code_alarms_again(room: Room) -> None:
    for number in range(1, 9):
        (alert,) = room.see(event(number, DoorDuress(door="d1"), place="d1", time_ns=START_NS + number))
        assert (alert.acknowledgement, alert.count) == ("unacknowledged", number)
        room.decide(alert, Acknowledged())
    assert room.actions(alert).count("realarmed") == 7


def test_the_alerts_whose_events_came_last_are_kept_in_memory_and_the_others_go_on(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All open ones were, up to 20,000: memory grew with each alert that stayed open, for an hour and more."""
    monkeypatch.setattr(alert_engine, "_CACHE_SIZE", 3)
    opened = [room.see(event(it, DoorForced(door=f"d{it}"), place=f"d{it}"))[0] for it in range(1, 6)]
    room.see(event(6, DoorForced(door="d3"), place="d3"))
    engine = room.processor._engine
    newest = [opened[it].id for it in (3, 4, 2)]
    assert list(engine._cache) == newest
    assert list(engine._marks.values()) == newest
    (merged,) = room.see(event(7, DoorForced(door="d1"), place="d1"))
    assert (merged.id, merged.count) == (opened[0].id, 2)
    assert list(engine._cache) == [*newest[1:], merged.id]


def test_closed_alerts_are_not_kept_in_memory_and_what_comes_next_is_an_alert_of_its_own(room: Room) -> None:
    """They stayed until 20,000 of them were there: memory grew for hours with each alert that people closed."""
    opened = room.see(*(event(it, DoorForced(door=f"d{it}"), place=f"d{it}") for it in range(1, 6)))
    engine = room.processor._engine
    assert len(engine._cache) == len(engine._marks) == 5
    for alert in opened:
        assert room.decide(alert, Closed("real")).result == "done"
    assert (engine._cache, engine._marks) == ({}, {})
    (again,) = room.see(event(6, DoorForced(door="d1"), place="d1"))
    assert (again.status, again.count, again.id in {it.id for it in opened}) == ("open", 1, False)
    merged = room.see(event(7, DoorForced(door="d2"), place="d2"))[0]
    assert room.decide(again, Merge((merged.id,))).result == "done"
    assert room.see(event(8, DoorForced(door="d2"), place="d2"))[0].id == again.id
    room.decide(again, Closed("real"))
    (new,) = room.see(event(9, DoorForced(door="d2"), place="d2"))
    assert (new.count, new.id in {again.id, merged.id}) == (1, False)
