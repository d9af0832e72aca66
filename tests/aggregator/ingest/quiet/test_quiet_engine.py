"""Silences, windows, shelves and inhibition applied to alerts, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agg_fakes import received
from agg_support import START_NS, entered, event
from quiet_kit import SHELF_ID, shelf, silence, window

from aggregator.domain.alerts.decisions import Merge, Request
from aggregator.domain.alerts.types import Acknowledged, Alert, Decision, Suppressed, Unsuppressed
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.maintenance import Weekly
from aggregator.domain.quiet.matching import Matcher
from aggregator.domain.quiet.shelving import Source
from aggregator.domain.quiet.silence import end
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.ingest.quiet import quiet_engine
from aggregator.ingest.quiet.quiet_engine import NOTICED_S
from aggregator.messaging.mqtt_client import InboundMessage
from common.clock import SECOND_NS, FakeClock
from common.errors import StoreError
from protocol import receipts
from protocol.event_types import CameraBack, CameraCovered, CameraLost, DoorForced
from protocol.receipts import BoxStatus
from protocol.topics import BoxTopics

MINUTE_S, HOUR_S = 60, 3600
CAM_1 = Matcher(site=("village",), place=("cam-1",))
FOREMAN = Decision("zhang", "api")


def status(online: bool, box: str = "gate-1") -> InboundMessage:
    return InboundMessage(BoxTopics("village", box).status, receipts.encode(BoxStatus(online=online)))


def alerts(store: Store, **asked: Any) -> list[Alert]:
    return sorted(store.reader().alerts(AlertQuery(**asked, limit=500)), key=lambda it: it.id)


def only(store: Store, **asked: Any) -> Alert:
    (alert,) = alerts(store, **asked)
    return alert


def suppressions(store: Store) -> list[str]:
    return [it.suppression for it in alerts(store)]


def actions(store: Store, alert: Alert) -> list[str]:
    return [it.action for it in reversed(store.reader().history(alert.id, 100))]


class Room:
    """An aggregator's writing half with a clock."""

    def __init__(self, processor: BatchProcessor, store: Store, clock: FakeClock) -> None:
        self.processor, self.store, self.clock = processor, store, clock
        self._number = 0

    @property
    def now_ns(self) -> int:
        return self.clock.wall_ns()

    def see(self, data: Any, place: str = "cam-1", seconds: float = 0, box: str = "gate-1") -> Alert | None:
        """An event, now or so many seconds ago; the alert that it changed."""
        self._number += 1
        seen = event(self._number, data, place=place, box=box, time_ns=self.now_ns - round(seconds * SECOND_NS))
        outcome = self.processor.process(received(seen))
        assert outcome.quarantined == 0
        return next(iter(outcome.alerts.values()), None)

    def silence(self, match: Matcher = CAM_1, hours: float = 1, **changed: Any) -> None:
        span = {"from_ns": self.now_ns, "until_ns": self.now_ns + round(hours * HOUR_S * SECOND_NS)}
        self.decide(silences=[silence(match, **span | changed)])

    def decide(self, **what: Any) -> None:
        self.processor.apply_quiet(QuietDecisions(**what), [])

    def wait(self, seconds: float) -> None:
        """Let time pass, second by second at its end, as the loop does."""
        self.clock.advance(seconds)
        for _ in range(3):
            self.processor.turn()
            self.clock.advance(1)


@pytest.fixture
def restart(writer: Writer, store: Store, clock: FakeClock, new_id: Callable[[], str]) -> Callable[[], Room]:
    """The aggregator after a stop: nothing is remembered but what is stored."""
    return lambda: Room(BatchProcessor(writer, clock, new_id), store, clock)


@pytest.fixture
def room(processor: BatchProcessor, store: Store, clock: FakeClock) -> Room:
    return Room(processor, store, clock)


def test_what_another_process_decides_counts_here_within_seconds(
    room: Room, restart: Callable[[], Room], store: Store
) -> None:
    room.see(entered("first"), place="cam-2")  # it has read the decisions
    room.wait(1)
    other = restart()
    other.silence(hours=1)
    room.wait(NOTICED_S)
    room.see(entered())
    assert sorted(suppressions(store)) == ["", "silenced"]
    (made,) = store.reader().silences(room.now_ns, False, 10)
    other.decide(silences=[end(made, "zhang", other.now_ns)])
    room.wait(NOTICED_S)
    room.see(entered("gate"))
    assert suppressions(store) == ["", "", ""]


def test_a_silence_hides_what_is_open_and_what_opens(room: Room, store: Store) -> None:
    room.see(entered())
    room.silence()
    assert only(store).suppression == "silenced"
    room.see(entered("gate"))
    room.see(entered(), place="cam-2")
    assert suppressions(store) == ["silenced", "silenced", ""]
    assert len(alerts(store, suppressed="exclude")) == 1
    assert only(store, place="cam-2").suppression == ""


def test_when_it_ends_the_alerts_are_shown_again_also_after_a_restart(
    room: Room, store: Store, restart: Callable[[], Room]
) -> None:
    room.see(entered())
    room.silence(hours=0.02)
    restarted = restart()
    restarted.wait(73)
    shown = only(store)
    assert (shown.suppression, shown.suppressed_by, shown.suppressed_until_ns) == ("", "", None)
    assert actions(store, shown) == ["opened", "suppressed", "unsuppressed"]


def test_a_silence_that_is_ended_early_shows_them_at_once(room: Room, store: Store) -> None:
    room.see(entered())
    room.silence()
    room.silence(until_ns=room.now_ns, ended_by="wang")
    assert only(store).suppression == ""


def test_the_next_reason_takes_over(room: Room, store: Store) -> None:
    room.see(entered())
    room.silence(hours=0.1)
    room.decide(windows=[window(from_ns=room.now_ns, until_ns=room.now_ns + HOUR_S * SECOND_NS)])
    assert only(store).suppression == "silenced"
    room.wait(0.1 * HOUR_S + 1)
    assert only(store).suppression == "maintenance"
    room.wait(HOUR_S)
    assert only(store).suppression == ""


def test_a_silence_begins_by_itself(room: Room, store: Store) -> None:
    room.see(DoorForced(door="door-1"), place="door-1")
    match = Matcher(site=("village",), place=("door-1",), severity=("critical",))
    begins = room.now_ns + 600 * SECOND_NS
    room.silence(match, from_ns=begins, until_ns=begins + 600 * SECOND_NS)
    room.wait(590)
    assert suppressions(store) == [""]
    room.wait(10)
    assert suppressions(store) == ["silenced"]
    room.wait(600)
    assert suppressions(store) == [""]


def test_a_silence_never_hides_that_a_condition_ended(room: Room, store: Store) -> None:
    room.see(CameraLost())
    room.silence()
    room.clock.advance(1)
    changed = room.see(CameraBack(), seconds=0)
    assert changed is not None, "the change feed says so"
    assert changed.condition == "ended"
    ended = only(store)
    assert (ended.condition, ended.status, ended.suppression) == ("ended", "open", "silenced")
    assert actions(store, ended) == ["opened", "suppressed", "ended"]


def test_a_critical_alert_is_silenced_only_where_the_severity_is_named(room: Room, store: Store) -> None:
    room.see(DoorForced(door="door-1"), place="door-1")
    room.silence(Matcher(site=("village",), place=("door-1",)))
    assert suppressions(store) == [""]
    room.silence(Matcher(site=("village",), place=("door-1",), severity=("critical",)))
    assert suppressions(store) == ["silenced"]


def test_a_weekly_window_comes_and_goes(room: Room, store: Store) -> None:
    room.see(CameraLost())
    weekly = Weekly(days=(1, 2, 3, 4, 5, 6, 7), at="00:00", minutes=60)
    year_ns = 366 * 86_400 * SECOND_NS
    room.decide(windows=[window(from_ns=room.now_ns, until_ns=room.now_ns + year_ns, weekly=weekly)])
    to_midnight_s = 86_400 - room.now_ns // SECOND_NS % 86_400
    assert suppressions(store) == [""]
    room.wait(to_midnight_s)
    assert suppressions(store) == ["maintenance"]
    room.wait(HOUR_S)
    assert suppressions(store) == [""]


def test_one_shot_ends_with_the_condition(room: Room, store: Store) -> None:
    source = Source(site="village", box="", place="cam-1", kind="camera.lost")
    until_ns = room.now_ns + 24 * HOUR_S * SECOND_NS
    room.decide(shelves=[shelf(mode="one_shot", alert="", source=source, made_ns=room.now_ns, until_ns=until_ns)])
    room.see(CameraLost())
    assert suppressions(store) == ["shelved"]
    room.clock.advance(1)
    room.see(CameraBack())
    (ended,) = store.reader().shelves(room.now_ns, True, 10)
    assert (ended.until_ns, ended.ended_by) == (room.now_ns, "system")
    room.wait(1)
    room.see(CameraLost(), place="cam-2")
    room.see(CameraLost())
    assert {it.suppression for it in alerts(store)} == {""}


def test_an_alert_of_a_shelved_device_is_not_unshelved_by_itself(room: Room, store: Store) -> None:
    room.see(entered())
    source = Source(site="village", box="", place="cam-1")
    room.decide(shelves=[shelf(alert="", source=source, made_ns=room.now_ns, until_ns=room.now_ns + 10**12)])
    for wish in (Unsuppressed(), Suppressed("shelved", "zhang", room.now_ns + 10**12)):
        (verdict,), _ = room.processor.decide([Request(only(store).id, wish)], FOREMAN)
        assert verdict.result == "conflict"
        assert only(store).suppressed_by == SHELF_ID


def test_an_alert_that_becomes_critical_is_not_shelved_any_more(room: Room, store: Store) -> None:
    room.see(CameraLost())
    alert = only(store)
    room.processor.decide([Request(alert.id, Suppressed("shelved", "li", room.now_ns + 10**13))], FOREMAN)
    room.see(DoorForced(door="door-1"), place="door-1")
    assert [it.suppression for it in alerts(store)] == ["shelved", ""]
    forced = alerts(store)[1]
    room.processor.decide([Request(alert.id, Merge((forced.id,)))], FOREMAN)
    assert (only(store, status="open").severity, only(store, status="open").suppression) == ("critical", "")


def test_a_failed_commit_changes_nothing_and_is_made_up_for(
    room: Room, store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.see(entered())
    with monkeypatch.context() as broken:
        broken.setattr(type(writer), "apply", lambda *_: (_ for _ in ()).throw(StoreError("the disk is full")))
        with pytest.raises(StoreError):
            room.silence()
    assert store.reader().silences(room.now_ns, True, 10) == []
    room.see(entered("gate"))
    assert suppressions(store) == ["", ""]
    room.silence()
    assert suppressions(store) == ["silenced", "silenced"]


def test_many_alerts_are_looked_at_in_parts(room: Room, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet_engine, "SWEPT", 10)
    for number in range(35):
        room.see(entered(f"zone-{number}"))
    room.silence()
    assert suppressions(store).count("silenced") == 10
    for _ in range(3):
        room.clock.advance(1)
        room.processor.turn()
    assert suppressions(store).count("silenced") == 35


def test_a_crash_between_the_parts_leaves_nothing_hidden(
    room: Room, store: Store, restart: Callable[[], Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(35):
        room.see(entered(f"zone-{number}"))
    room.silence()
    monkeypatch.setattr(quiet_engine, "SWEPT", 10)
    room.silence(until_ns=room.now_ns, ended_by="wang")
    assert suppressions(store).count("silenced") == 25
    restarted = restart()
    restarted.wait(1)
    restarted.wait(1)
    assert suppressions(store).count("silenced") == 0


def test_a_lost_uplink_with_fifty_cameras_is_one_alert(room: Room, store: Store) -> None:
    """The broker notices, then the box comes back and sends late what it saw: 50 cameras lost and back again."""
    room.processor.process([status(True)])
    room.processor.process([status(False)])
    room.wait(61)
    (lost,) = alerts(store)
    assert (lost.kind, lost.severity, lost.suppression) == ("box.lost", "high", "")
    room.clock.advance(1800)
    room.processor.process([status(True)])
    for number in range(50):
        room.see(CameraLost(), place=f"cam-{number}", seconds=1500)
    (shown,) = alerts(store, suppressed="exclude")
    assert (shown.id, shown.condition) == (lost.id, "ended")
    assert {(it.suppression, it.suppressed_by) for it in alerts(store) if it.id != lost.id} == {("inhibited", lost.id)}
    for number in range(49):
        room.see(CameraBack(), place=f"cam-{number}")
    room.wait(3600)
    still = [it for it in alerts(store, suppressed="exclude") if it.id != lost.id]
    assert [(it.place, it.condition) for it in still] == [("cam-49", "active")]


def test_cameras_lost_before_the_broker_noticed_join_the_lost_box(room: Room, store: Store) -> None:
    room.processor.process([status(True)])
    for number in range(50):
        room.see(CameraLost(), place=f"cam-{number}")
    assert len(alerts(store, suppressed="exclude")) == 50
    room.clock.advance(90)
    room.processor.process([status(False)])
    room.wait(61)
    (shown,) = alerts(store, suppressed="exclude")
    assert shown.kind == "box.lost"


def test_a_lost_uplink_of_several_boxes_is_one_alert(room: Room, store: Store) -> None:
    boxes = [f"box-{number}" for number in range(5)]
    room.processor.process([status(True, box) for box in boxes])
    room.processor.process([status(False, box) for box in boxes[:4]])
    room.wait(61)
    assert [it.kind for it in alerts(store, suppressed="exclude")] == ["box.lost"] * 4
    room.processor.process([status(False, boxes[4])])
    room.wait(61)
    (shown,) = alerts(store, suppressed="exclude")
    assert (shown.kind, shown.site) == ("uplink.lost", "village")
    room.processor.process([status(True, boxes[0])])
    room.wait(120)
    active = [(it.kind, it.box) for it in alerts(store, suppressed="exclude") if it.condition == "active"]
    assert active == [("box.lost", box) for box in boxes[1:]]


def test_a_short_absence_and_a_box_that_was_told_open_nothing(
    room: Room, store: Store, restart: Callable[[], Room]
) -> None:
    room.processor.process([status(False)])
    room.wait(50)
    room.processor.process([status(True)])
    room.wait(3600)
    assert alerts(store) == []
    room.processor.process([status(False)])
    room.wait(61)
    restarted = restart()
    restarted.processor.process([status(False)])
    restarted.wait(120)
    assert only(store).count == 1


def test_inhibition_ends_when_the_cause_is_closed_by_a_person(room: Room, store: Store) -> None:
    room.see(CameraLost())
    room.see(entered())
    assert [(it.kind, it.suppression) for it in alerts(store)] == [("camera.lost", ""), ("zone.entered", "inhibited")]
    cause = alerts(store)[0]
    room.clock.advance(5)
    room.see(CameraBack())
    room.processor.decide([Request(cause.id, Acknowledged())], FOREMAN)
    assert store.reader().alert_by_id(cause.id).status == "closed"  # type: ignore[union-attr]
    room.wait(61)
    assert alerts(store)[1].suppression == ""


def test_nothing_else_is_inhibited(room: Room, store: Store) -> None:
    room.processor.process([status(False)])
    room.wait(61)
    room.see(DoorForced(door="door-1"), place="door-1")
    room.see(CameraCovered())
    assert len(alerts(store, suppressed="exclude")) == 3


def test_an_alert_chatters_until_it_is_calm(room: Room, store: Store) -> None:
    for _ in range(3):
        assert [it.chattering for it in alerts(store)] in ([], [0])
        room.see(CameraLost())
        room.clock.advance(10)
        room.see(CameraBack())
        room.clock.advance(10)
    assert only(store).chattering == 1
    room.wait(500)
    assert only(store).chattering == 1
    room.wait(200)
    assert only(store).chattering == 0


def test_the_audit_entry_is_written_with_the_decision(room: Room, store: Store) -> None:
    entry = AuditEntry(time_ns=room.now_ns, who="zhang", what="silence.created", site="village", target="silence-1")
    room.processor.apply_quiet(QuietDecisions(silences=[silence(CAM_1, from_ns=START_NS)]), [entry])
    assert b"silence.created" in store.reader().audit_entries(0, 10)[-1][1]
