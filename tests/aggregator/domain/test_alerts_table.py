from __future__ import annotations

from collections.abc import Callable

import pytest
from agg_support import JPEG, START_NS, entered, event

from aggregator.domain.alert import (
    QUIET,
    RESOLVES,
    RULES,
    SEVERITIES,
    Acknowledged,
    Alert,
    Change,
    ConditionCleared,
    Effect,
    EventObserved,
    Resolved,
    fingerprint_of,
    targets,
    transition,
)
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.web.dashboard.html.alert_html import title
from aggregator.web.dashboard.i18n.texts import TEXTS
from common.clock import SECOND_NS
from protocol.envelope import encode
from protocol.event_types import (
    KINDS,
    CameraBack,
    CameraClear,
    CameraLost,
    Data,
    DoorClosed,
    DoorDuress,
    DoorForced,
    DoorGranted,
)

NOW_NS = START_NS + SECOND_NS
MINUTE_NS = 60 * SECOND_NS


def after(*changes: Change) -> tuple[Alert | None, list[Effect]]:
    alert: Alert | None = None
    effects: list[Effect] = []
    for number, change in enumerate(changes):
        alert, happened = transition(alert, change, NOW_NS, lambda number=number: f"alert-{number}")  # type: ignore[misc]
        effects += happened
    return alert, effects


def seen(
    minutes: float = 0, kind_of_object: str = "person", picture: bytes | None = None, number: int = 1
) -> EventObserved:
    data = entered("yard", kind_of_object)
    return EventObserved(event(number, data, time_ns=START_NS + round(minutes * MINUTE_NS), picture=picture))


def lost(minutes: float = 0, cleared: float | None = None) -> EventObserved:
    cleared_ns = None if cleared is None else START_NS + round(cleared * MINUTE_NS)
    return EventObserved(event(1, CameraLost(), time_ns=START_NS + round(minutes * MINUTE_NS)), cleared_ns)


def back(minutes: float) -> ConditionCleared:
    return ConditionCleared("camera.back", START_NS + round(minutes * MINUTE_NS))


def forced(minutes: float = 0, cleared: float | None = None) -> EventObserved:
    cleared_ns = None if cleared is None else START_NS + round(cleared * MINUTE_NS)
    data = DoorForced(door="d1")
    return EventObserved(event(1, data, place="d1", time_ns=START_NS + round(minutes * MINUTE_NS)), cleared_ns)


def closed(minutes: float) -> ConditionCleared:
    return ConditionCleared("door.closed", START_NS + round(minutes * MINUTE_NS))


def test_every_kind_is_either_in_the_table_or_quiet() -> None:
    assert set(RULES) | QUIET == set(KINDS)
    assert not set(RULES) & QUIET


def test_what_resolves_is_quiet_and_a_kind() -> None:
    assert set(RESOLVES) == {"camera.back", "camera.clear", "door.closed", "door.online"}
    assert set(RESOLVES) <= QUIET
    assert set(RESOLVES["camera.clear"]) == {
        "camera.covered", "camera.frozen", "camera.moved", "camera.defocused",
    }  # fmt: skip


@pytest.mark.parametrize("kind", sorted(RULES))
def test_rules_are_sensible(kind: str) -> None:
    rule = RULES[kind]
    assert rule.severity in SEVERITIES
    assert rule.window_s is None or rule.window_s > 0
    # what merges without end must be ended by something
    assert (rule.window_s is None) == bool(rule.resolved_by)


O, M, A, R = Effect.OPENED, Effect.MERGED, Effect.ACKNOWLEDGED, Effect.RESOLVED  # noqa: E741
AGAIN = Effect.REOPENED
LI = Acknowledged("li")
TABLE: list[tuple[str, tuple[Change, ...], list[Effect], str, int]] = [
    ("opens", (seen(),), [O], "open", 1),
    ("merges within the window", (seen(), seen(4)), [O, M], "open", 2),
    ("the window moves along", (seen(), seen(4), seen(8)), [O, M, M], "open", 3),
    ("opens anew after the window", (seen(), seen(6)), [O, O], "open", 1),
    ("late, within the window", (seen(10), seen(7)), [O, M], "open", 2),
    ("late, before the window", (seen(10), seen(1)), [O, O], "open", 1),
    ("acknowledged", (seen(), Acknowledged("li")), [O, A], "acknowledged", 1),
    ("acknowledged twice", (seen(), Acknowledged("li"), Acknowledged("wu")), [O, A], "acknowledged", 1),
    ("merges when acknowledged", (seen(), Acknowledged("li"), seen(1)), [O, A, M], "acknowledged", 2),
    ("resolved by a person", (seen(), Resolved("li")), [O, R], "resolved", 1),
    ("resolved after acknowledged", (seen(), Acknowledged("li"), Resolved("li")), [O, A, R], "resolved", 1),
    ("resolved stays resolved", (seen(), Resolved("li"), Acknowledged("wu"), back(9)), [O, R], "resolved", 1),
    ("opens anew after resolved", (seen(), Resolved("li"), seen(1)), [O, R, O], "open", 1),
    ("nothing to acknowledge", (Acknowledged("li"), Resolved("li"), back(1)), [], "", 0),
    ("resolved by an event", (lost(), back(2)), [O, R], "resolved", 1),
    ("no window while unresolved", (lost(), lost(5000)), [O, M], "open", 2),
    ("resolved by an event too late", (lost(5), back(2)), [O], "open", 1),
    ("overtaken by what resolves it", (lost(2, cleared=3),), [O, R], "resolved", 1),
    ("not overtaken", (lost(5, cleared=3),), [O], "open", 1),
    ("critical: no event resolves it before a person has seen it", (forced(), closed(2)), [O], "open", 1),
    ("critical: overtaken, still open", (forced(2, cleared=3),), [O], "open", 1),
    ("critical: counted while open", (forced(), closed(1), forced(2)), [O, M], "open", 2),
    ("critical: resolved by an event once seen", (forced(), LI, closed(2)), [O, A, R], "resolved", 1),
    ("critical: resolved by a person", (forced(), closed(1), Resolved("li")), [O, R], "resolved", 1),
    ("critical: opens again", (forced(), LI, forced(2)), [O, A, M, AGAIN], "open", 2),
    ("critical: opens again for a late event", (forced(5), LI, forced(2)), [O, A, M, AGAIN], "open", 2),
    ("critical: opened again, not resolved", (forced(), LI, forced(2), closed(3)), [O, A, M, AGAIN], "open", 2),
    ("critical: seen twice", (forced(), LI, forced(2), LI, closed(3)), [O, A, M, AGAIN, A, R], "resolved", 2),
]


@pytest.mark.parametrize(("name", "changes", "effects", "state", "count"), TABLE, ids=[row[0] for row in TABLE])
def test_transitions(name: str, changes: tuple[Change, ...], effects: list[Effect], state: str, count: int) -> None:
    alert, happened = after(*changes)
    assert happened == effects
    assert (alert.state, alert.count) == (state, count) if alert else state == ""


@pytest.mark.parametrize("data", [DoorForced(door="d1"), DoorDuress(door="d1")])
def test_an_acknowledged_critical_alert_of_any_kind_opens_again_as_unacknowledged(data: Data) -> None:
    again = EventObserved(event(2, data, place="d1", time_ns=START_NS + MINUTE_NS))
    alert, _ = after(EventObserved(event(1, data, place="d1")), LI, again)
    assert alert is not None
    assert (alert.state, alert.acknowledged_by, alert.acknowledged_ns, alert.count) == ("open", None, None, 2)


def test_a_late_event_moves_nothing_back() -> None:
    alert, _ = after(seen(10, picture=JPEG, number=2), seen(7, picture=JPEG, number=1))
    assert alert is not None
    assert (alert.first_ns, alert.last_ns) == (START_NS + 7 * MINUTE_NS, START_NS + 10 * MINUTE_NS)
    assert alert.picture_event == event(2).id


def test_the_newest_picture_is_shown_and_a_missing_one_replaces_none() -> None:
    alert, _ = after(seen(0, picture=JPEG, number=1), seen(1, picture=JPEG, number=2), seen(2, number=3))
    assert alert is not None
    assert alert.picture_event == event(2).id


@pytest.mark.parametrize(
    ("kind_of_object", "severity"), [("person", "medium"), ("bicycle", "high"), ("motorcycle", "high")]
)
def test_two_wheelers_weigh_more(kind_of_object: str, severity: str) -> None:
    alert, _ = after(seen(0, kind_of_object))
    assert alert is not None
    assert alert.severity == severity


def test_severity_grows_and_does_not_shrink() -> None:
    alert, _ = after(seen(0), seen(1, "bicycle"), seen(2))
    assert alert is not None
    assert (alert.severity, alert.object, alert.count) == ("high", "bicycle", 3)


def test_who_and_when_are_kept() -> None:
    alert, _ = after(seen(), Acknowledged("li"), Resolved("wu"))
    assert alert is not None
    assert (alert.acknowledged_by, alert.acknowledged_ns) == ("li", NOW_NS)
    assert (alert.resolved_by, alert.resolved_ns) == ("wu", NOW_NS)


def test_fingerprints_cover_place_and_kind_only(new_id: Callable[[], str]) -> None:
    base = event(1)
    assert fingerprint_of(base) == fingerprint_of(event(9, entered("yard", "car"), time_ns=START_NS + MINUTE_NS))
    others = [
        event(1, entered("stair")), event(1, place="cam-2"), event(1, box="gate-2"), event(1, site="estate"),
        event(1, CameraLost()),
    ]  # fmt: skip
    assert len({fingerprint_of(it) for it in [base, *others]}) == 6


def test_targets_name_the_alerts_that_an_event_resolves() -> None:
    assert targets(event(2, CameraBack())) == [fingerprint_of(event(1, CameraLost()))]
    assert len(targets(event(2, CameraClear()))) == 4
    assert len(targets(event(2, DoorClosed(door="d1"), place="d1"))) == 2
    assert targets(event(2)) == []


def test_a_two_wheeler_in_a_zone_is_a_matter_of_its_own_and_weighs_more(new_id: Callable[[], str]) -> None:
    walker, rider = event(1, entered("hall")), event(2, entered("hall", "motorcycle"))
    assert fingerprint_of(walker) != fingerprint_of(rider)
    opened, effects = transition(None, EventObserved(rider), START_NS, new_id)
    assert opened is not None
    assert (opened.severity, effects) == ("high", (Effect.OPENED,))
    assert title(opened, TEXTS["en"]) == "Two-wheeler in a prohibited zone"


@pytest.mark.parametrize(("reason", "severity"), [("revoked:entry-7", "high"), ("card", None), (None, None)])
def test_a_controller_that_lets_a_revoked_card_in_opens_an_alert(
    processor: BatchProcessor, reason: str | None, severity: str | None
) -> None:
    granted = event(1, DoorGranted(door="hall", reason=reason), place="hall")
    outcome = processor.process([InboundMessage(f"paifang/v1/{granted.site}/{granted.box}/events", encode(granted))])
    assert [it.severity for it in outcome.alerts.values()] == ([severity] if severity else [])
