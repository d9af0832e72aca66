"""How quiet and escalation meet, over real stores: what is suppressed notifies nobody, and what is shown again does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from agg_fakes import received
from agg_support import entered, event
from escalation_desk import Desk, level
from quiet_kit import shelf, silence, window

from aggregator.domain.alerts.decisions import Merge, Request, Split, Wish
from aggregator.domain.alerts.rules import AlertRules
from aggregator.domain.alerts.types import Acknowledged, Alert, Assigned, Closed, Decision, Reopened, Suppressed
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.matching import Matcher
from aggregator.domain.quiet.shelving import Source
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.settings.alerts import AlertSettings, KindRule, SeverityRule
from aggregator.settings.escalation import Chain, Escalation
from common.clock import SECOND_NS, FakeClock
from protocol import receipts
from protocol.event_types import CameraBack, CameraClear, CameraFrozen, CameraLost, CameraMoved, DoorDuress, DoorForced
from protocol.receipts import BoxStatus
from protocol.topics import BoxTopics

MINUTE_NS = 60 * SECOND_NS
CAM_1 = Matcher(site=("village",), place=("cam-1",))
LI = Decision("li", "dashboard")
CONFIG = Escalation(chains={"c": Chain(areas=("*",), levels=(level("user:village"), level("user:town")))})


class Night:
    """The writing half of an aggregator and its escalation, on one clock and store."""

    def __init__(self, store: Store, writer: Writer, clock: FakeClock, processor: BatchProcessor) -> None:
        self.store, self.clock, self.processor = store, clock, processor
        self.desk = Desk(store, writer, clock, CONFIG)
        self._number = 0

    @property
    def now_ns(self) -> int:
        return self.clock.wall_ns()

    def see(self, data: Any, place: str = "cam-1") -> Alert:
        """An event of now; its alert as it is stored."""
        self._number += 1
        it = event(self._number, data, place=place, time_ns=self.now_ns)
        (message,) = received(it)
        outcome = self.processor.process([message])
        assert outcome.quarantined == 0
        (changed,) = outcome.alerts
        return self.alert(changed)

    def alert(self, alert_id: str) -> Alert:
        found = self.store.reader().alert_by_id(alert_id)
        assert found is not None
        return found

    def decide(self, alert: Alert, wish: Wish) -> Alert:
        (verdict,), _ = self.processor.decide([Request(alert.id, wish)], LI)
        assert verdict.result == "done", verdict.reason
        return verdict.created or self.alert(alert.id)

    def quiet(self, **what: Any) -> None:
        self.processor.apply_quiet(QuietDecisions(**what), [])

    def wait(self, minutes: float = 0.0) -> None:
        """Let time go on; lifecycle, quiet and escalation have their turns."""
        self.clock.advance(minutes * 60)
        for _ in range(2):
            self.clock.advance(1)
            self.processor.turn()
        self.desk.turn()

    def status(self, online: bool) -> None:
        text = receipts.encode(BoxStatus(online=online))
        self.processor.process([InboundMessage(BoxTopics("village", "gate-1").status, text, 0)])

    def notified(self, alert: Alert) -> list[str]:
        return [user for it in self.desk.reader.taken_steps(alert.id) for user in _users(it.detail)]

    def queued(self) -> list[tuple[str, str]]:
        """(alert, recipient) of what waits to be sent."""
        return [(it.alert, it.recipient) for it in self.desk.reader.due_notifications(self.now_ns, 1_000)]


def _users(detail: str) -> list[str]:
    return list(msgspec.json.decode(detail)["users"])


@pytest.fixture
def night(store: Store, writer: Writer, clock: FakeClock, processor: BatchProcessor) -> Night:
    return Night(store, writer, clock, processor)


def _silence(night: Night) -> None:
    span = {"from_ns": night.now_ns, "until_ns": night.now_ns + 30 * MINUTE_NS}
    night.quiet(silences=[silence(CAM_1, **span)])


def _shelve(night: Night) -> None:
    source = Source(site="village", box="", place="cam-1")
    span = {"made_ns": night.now_ns, "until_ns": night.now_ns + 30 * MINUTE_NS}
    night.quiet(shelves=[shelf(alert="", source=source, **span)])


def _maintain(night: Night) -> None:
    night.quiet(windows=[window(from_ns=night.now_ns, until_ns=night.now_ns + 30 * MINUTE_NS)])


def _lose_box(night: Night) -> None:
    night.status(True)
    night.status(False)
    night.clock.advance(61)
    night.processor.turn()


def _end_none(_: Night) -> None:
    """It ends by its time."""


def _box_back(night: Night) -> None:
    night.status(True)


QUIETS: dict[str, tuple[Callable[[Night], None], Callable[[Night], None]]] = {
    "silenced": (_silence, _end_none), "shelved": (_shelve, _end_none), "maintenance": (_maintain, _end_none),
    "inhibited": (_lose_box, _box_back),
}  # fmt: skip


@pytest.mark.parametrize("kind", QUIETS)
def test_what_is_suppressed_escalates_only_when_it_is_shown_again(night: Night, kind: str) -> None:
    begin, end = QUIETS[kind]
    begin(night)
    lost = night.see(CameraLost())
    assert lost.suppression == kind
    night.wait(10)
    assert night.notified(lost) == []
    assert lost.id not in {it for it, _ in night.queued()}
    end(night)
    night.wait(25)
    assert night.alert(lost.id).suppression == ""
    assert night.notified(lost) == ["village"], "its chain starts at the first level, when it is shown"
    night.wait(5)
    assert night.notified(lost) == ["village", "town"]


@pytest.mark.parametrize("kind", QUIETS)
def test_what_waits_is_cancelled_when_an_alert_becomes_suppressed(night: Night, kind: str) -> None:
    lost = night.see(CameraLost())
    night.wait()
    assert (lost.id, "village") in night.queued()
    QUIETS[kind][0](night)
    night.processor.turn()
    assert night.alert(lost.id).suppression == kind
    assert lost.id not in {it for it, _ in night.queued()}
    night.wait(10)
    assert night.notified(lost) == ["village"]


@pytest.mark.parametrize("wish", [Acknowledged(), Assigned("li"), Closed("false_alarm", "")])
def test_what_was_worked_on_while_it_was_suppressed_escalates_no_more(night: Night, wish: Wish) -> None:
    _silence(night)
    lost = night.see(CameraLost())
    night.decide(lost, wish)
    night.wait(60)
    assert night.notified(lost) == []


def test_shelving_one_alert_cancels_and_its_end_starts_again(night: Night) -> None:
    lost = night.see(CameraLost())
    night.wait()
    night.decide(lost, Suppressed("shelved", "li", night.now_ns + 10 * MINUTE_NS))
    assert night.queued() == []
    night.wait(9)
    assert night.notified(lost) == ["village"]
    night.wait(1)
    assert night.notified(lost) == ["village", "village"]


@pytest.mark.parametrize("wish", [Acknowledged(), Assigned("li"), Closed("real", "")])
def test_a_decision_cancels_steps_and_notifications(night: Night, wish: Wish) -> None:
    forced = night.see(DoorForced(door="door-1"), "door-1")
    night.wait()
    assert night.queued() == [(forced.id, "village")]
    night.decide(forced, wish)
    assert night.queued() == []
    night.wait(60)
    assert night.notified(forced) == ["village"]


def test_merging_cancels_for_the_merged_one_and_starts_the_whole_again(night: Night) -> None:
    """The one that stays may have had no step for its severity, or longer limits."""
    minor, forced = night.see(entered()), night.see(DoorForced(door="door-1"), "door-1")
    night.wait()
    assert (night.notified(minor), night.notified(forced)) == ([], ["village"])
    whole = night.decide(minor, Merge((forced.id,)))
    assert whole.severity == "critical"
    assert night.queued() == []
    night.wait()
    night.wait(5)
    assert night.notified(forced) == ["village"]
    assert night.notified(whole) == ["village", "town"]


def test_what_becomes_critical_escalates_though_it_had_no_step_before(
    store: Store, writer: Writer, clock: FakeClock, new_id: Callable[[], str]
) -> None:
    rules = AlertRules(
        AlertSettings(
            severities=(
                SeverityRule(severity="critical", kinds=("zone.entered",), objects=("motorcycle",)),
                SeverityRule(severity="low", kinds=("zone.entered",), objects=("bicycle",)),
            ),
            rules={"zone.entered": KindRule(window_s=3600.0)},
        )
    )
    night = Night(store, writer, clock, BatchProcessor(writer, clock, new_id, rules=rules))
    seen = night.see(entered("yard", "bicycle"))
    assert seen.severity == "low"
    night.wait(30)
    assert night.notified(seen) == []
    assert night.see(entered("yard", "motorcycle")).severity == "critical"
    night.wait()
    assert night.notified(seen) == ["village"]


def test_a_re_alarm_starts_again_and_a_reopened_one_does_not(night: Night) -> None:
    duress = night.see(DoorDuress(door="door-1"), "door-1")
    night.wait()
    night.decide(duress, Acknowledged())
    night.wait(1)
    assert night.see(DoorDuress(door="door-1"), "door-1").id == duress.id
    night.wait()
    assert night.notified(duress) == ["village", "village"]
    night.decide(duress, Closed("real", ""))
    night.decide(duress, Reopened())
    night.wait(60)
    assert night.notified(duress) == ["village", "village"], "somebody works on it"


def test_what_is_split_off_has_a_chain_of_its_own(night: Night) -> None:
    night.see(DoorDuress(door="door-1"), "door-1")
    night.clock.advance(1)
    duress = night.see(DoorDuress(door="door-1"), "door-1")
    night.decide(duress, Acknowledged())
    event_id = event(2).id
    apart = night.decide(duress, Split((event_id,)))
    night.wait()
    assert (night.notified(duress), night.notified(apart)) == ([], ["village"])


def test_a_critical_alert_in_a_flood_is_a_message_of_its_own_and_the_first(night: Night) -> None:
    for number in range(60):
        night.see(CameraLost(), f"cam-{number}")
    night.wait()
    forced = night.see(DoorForced(door="door-1"), "door-1")
    night.wait()
    assert night.notified(forced) == ["village"]
    waiting = night.queued()
    assert waiting[0] == (forced.id, "village")
    assert len(waiting) < 30, "the others are a digest"


@pytest.mark.parametrize("kind", QUIETS)
def test_no_suppression_hides_that_a_condition_ended(night: Night, kind: str) -> None:
    """The change is sent to every open page; the history says it; a high one stays until somebody has seen it."""
    QUIETS[kind][0](night)
    lost = night.see(CameraLost())
    night.clock.advance(1)
    night.see(CameraBack())
    ended = night.alert(lost.id)
    assert (ended.condition, ended.status, ended.suppression) == ("ended", "open", kind)
    actions = [it.action for it in night.store.reader().history(lost.id, 100)]
    assert actions.count("ended") == 1
    query = AlertQuery(order="urgency", suppressed="only", limit=500)
    assert lost.id in {it.id for it in night.store.reader().alerts(query)}


def test_a_medium_one_that_ends_while_it_is_silenced_is_closed_and_no_more_hidden(night: Night) -> None:
    _silence(night)
    moved = night.see(CameraMoved())
    night.clock.advance(1)
    night.see(CameraClear())
    closed = night.alert(moved.id)
    assert (closed.condition, closed.status, closed.suppression) == ("ended", "closed", "")


def test_a_high_one_that_ended_while_it_was_silenced_escalates_afterwards(night: Night) -> None:
    _silence(night)
    frozen = night.see(CameraFrozen())
    night.clock.advance(1)
    night.see(CameraClear())
    night.wait(31)
    assert (night.alert(frozen.id).condition, night.notified(frozen)) == ("ended", ["village"])
