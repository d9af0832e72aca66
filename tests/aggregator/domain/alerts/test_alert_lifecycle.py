"""The lifecycle: every cell of the table, what a transition makes of it, and histories step by step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import pytest
from agg_support import JPEG, START_NS, entered, event

from aggregator.domain.alerts import types
from aggregator.domain.alerts.lifecycle import Context, transition
from aggregator.domain.alerts.rules import CLOSINGS, RULES, AlertRules, Closing
from aggregator.domain.alerts.transition_table import PERSONAL, ROWS, STATES, TABLE, State, Trigger, _expand
from aggregator.domain.alerts.types import (
    SEVERITIES,
    Absorbed,
    Acknowledged,
    Alert,
    Assigned,
    Change,
    Closed,
    ClosingDue,
    ConditionEnded,
    Decision,
    Effect,
    EscalationRequested,
    EventObserved,
    Marked,
    MergedInto,
    Noted,
    Reopened,
    Severity,
    SplitOff,
    Suppressed,
    Unassigned,
    Unsuppressed,
)
from aggregator.settings.alerts import AlertSettings, KindRule
from common.clock import SECOND_NS
from protocol.event_types import CameraLost, CameraMoved, Data, DoorDuress, DoorForced

NOW_NS = START_NS + SECOND_NS
MINUTE_NS = 60 * SECOND_NS
LI = Decision("li", "api", "192.0.2.1")
CONTEXT = Context(NOW_NS, lambda: "new", decision=LI)
CELLS = [(trigger, closing, state) for trigger in Trigger for closing in CLOSINGS for state in STATES]
KIND_OF: dict[Closing, tuple[str, Severity]] = {
    "at_once": ("camera.moved", "medium"), "later": ("zone.entered", "medium"),
    "acknowledged": ("camera.lost", "high"), "person": ("door.forced", "critical"),
}  # fmt: skip
"""What an ended alert waits for → a kind and severity that do."""


def ids(cell: tuple[Trigger, Closing, State]) -> str:
    return f"{cell[0].value}-{cell[1]}-{'/'.join(cell[2])}"


def test_no_two_rows_say_something_of_the_same_cell() -> None:
    cells = Counter(cell for row in ROWS for cell, _ in _expand(row))
    assert [cell for cell, count in cells.items() if count > 1] == []
    assert set(cells) == set(TABLE) <= set(CELLS)
    assert {trigger for trigger, *_ in TABLE} == set(Trigger)


@pytest.mark.parametrize("cell", CELLS, ids=ids)
def test_every_cell_keeps_the_promises(cell: tuple[Trigger, Closing, State]) -> None:
    trigger, closing, (condition, acknowledgement, status) = cell
    move = TABLE.get(cell)
    if move is None:
        return
    after_condition, after_acknowledgement, after_status = move.state
    closes = status == "open" and after_status == "closed"
    if status == "closed":
        assert trigger in (Trigger.NOTE, Trigger.CLOSE, Trigger.REOPEN, Trigger.UNSUPPRESS), "else it never changes"
    if closes and trigger not in PERSONAL:
        assert closing != "person", "no event and no time closes a critical alert"
        assert acknowledgement != "assigned", "somebody works on it"
        assert closing != "acknowledged" or acknowledgement == "acknowledged", "a high one latches"
        assert after_condition == "ended"
    assert closes == bool({Effect.CLOSED, Effect.JOINED} & set(move.effects))
    assert (after_condition != condition) == bool({Effect.ENDED, Effect.RESUMED} & set(move.effects))
    if trigger not in PERSONAL and after_acknowledgement != acknowledgement:
        assert after_acknowledgement == "unacknowledged", "nothing but a person acknowledges"
        assert Effect.REALARMED in move.effects
    if closes and closing == "person":
        assert after_acknowledgement != "unacknowledged"


ENDED: dict[tuple[str, str], tuple[str, str]] = {
    ("at_once", "unacknowledged"): ("ended", "closed"), ("at_once", "acknowledged"): ("ended", "closed"),
    ("later", "unacknowledged"): ("ended", "open"), ("later", "acknowledged"): ("ended", "closed"),
    ("acknowledged", "unacknowledged"): ("ended", "open"), ("acknowledged", "acknowledged"): ("ended", "closed"),
    ("person", "unacknowledged"): ("ended", "open"), ("person", "acknowledged"): ("ended", "open"),
} | {(closing, "assigned"): ("ended", "open") for closing in CLOSINGS}  # fmt: skip


@pytest.mark.parametrize(("closing", "acknowledgement"), ENDED)
def test_what_the_end_of_the_condition_does(closing: Closing, acknowledgement: types.Acknowledgement) -> None:
    condition, _, status = TABLE[Trigger.END, closing, ("active", acknowledgement, "open")].state
    assert (condition, status) == ENDED[closing, acknowledgement]


def made(closing: Closing, state: State) -> Alert:
    kind, severity = KIND_OF[closing]
    condition, acknowledgement, status = state
    seen = acknowledgement != "unacknowledged"
    return Alert(
        id="a", fingerprint="f", site="village", box="gate-1", place="cam-1", kind=kind, subject="yard",
        object="person", severity=severity, condition=condition, acknowledgement=acknowledgement, status=status,
        count=5, first_ns=START_NS, last_ns=START_NS, opened_ns=START_NS,
        ended_ns=START_NS if condition == "ended" else None,
        acknowledged_ns=START_NS if seen else None, acknowledged_by="wu" if seen else "",
        assignee="wu" if acknowledgement == "assigned" else "", suppression="shelved", suppressed_by="wu",
        closed_by="wu" if status == "closed" else "", due_ns=START_NS if status == "open" else None,
    )  # fmt: skip


CHANGES: dict[Trigger, Change] = {
    Trigger.END: ConditionEnded("x.y", START_NS + 1), Trigger.DUE: ClosingDue(), Trigger.ACKNOWLEDGE: Acknowledged(),
    Trigger.ASSIGN: Assigned("zhao"), Trigger.UNASSIGN: Unassigned(), Trigger.NOTE: Noted("n"),
    Trigger.ESCALATE: EscalationRequested("n"), Trigger.CLOSE: Closed("test", "n"), Trigger.REOPEN: Reopened(),
    Trigger.JOIN: MergedInto("b"), Trigger.SPLIT: SplitOff(1), Trigger.SUPPRESS: Suppressed("silenced", "s", None),
    Trigger.UNSUPPRESS: Unsuppressed(), Trigger.MARK: Marked(True),
}  # fmt: skip


@pytest.mark.parametrize("cell", [it for it in CELLS if it[0] in CHANGES], ids=ids)
def test_a_transition_does_what_the_table_says(cell: tuple[Trigger, Closing, State]) -> None:
    trigger, closing, state = cell
    before = made(closing, state)
    after, effects = transition(before, CHANGES[trigger], CONTEXT)
    move = TABLE.get(cell)
    assert after is not None
    if move is None:
        looked_at = {"due_ns": None, "version": before.version + 1} if trigger is Trigger.DUE and before.due_ns else {}
        assert (after, effects) == (msgspec.structs.replace(before, **looked_at), ())
        return
    assert ((after.condition, after.acknowledgement, after.status), effects) == (move.state, move.effects)
    assert after.version == before.version + 1
    assert (after.decided == after.version) == (not types.QUIET_EFFECTS.issuperset(effects))
    assert bool(after.assignee) == (after.acknowledgement == "assigned")
    assert bool(after.acknowledged_by) == (after.acknowledgement != "unacknowledged")
    assert bool(after.closed_by) == (after.status == "closed")
    assert (after.ended_ns is not None) == (after.condition == "ended")


@pytest.mark.parametrize("trigger", sorted(PERSONAL & set(CHANGES)))
@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_system_never_does_what_only_a_person_does(trigger: Trigger, severity: Severity) -> None:
    for state in STATES:
        before = msgspec.structs.replace(made("person", state), severity=severity)
        by_system = replace(CONTEXT, decision=Decision("system:escalation"))
        assert transition(before, CHANGES[trigger], by_system) == (before, ())


# --- histories, step by step


def seen(minutes: float = 0, data: Data | None = None, picture: bytes | None = None, number: int = 1) -> EventObserved:
    time_ns = START_NS + round(minutes * MINUTE_NS)
    place = "d1" if isinstance(data, DoorForced | DoorDuress) else "cam-1"
    return EventObserved(event(number, data or entered("yard"), time_ns=time_ns, place=place, picture=picture))


def lost(minutes: float = 0, ended: float | None = None) -> EventObserved:
    found = seen(minutes, CameraLost())
    return found if ended is None else replace(found, ended_ns=START_NS + round(ended * MINUTE_NS))


def forced(minutes: float = 0, ended: float | None = None) -> EventObserved:
    found = seen(minutes, DoorForced(door="d1"))
    return found if ended is None else replace(found, ended_ns=START_NS + round(ended * MINUTE_NS))


def moved(minutes: float = 0) -> EventObserved:
    return seen(minutes, CameraMoved())


def over(minutes: float, kind: str = "camera.back") -> ConditionEnded:
    return ConditionEnded(kind, START_NS + round(minutes * MINUTE_NS))


def after(*changes: Change) -> tuple[Alert, list[Effect]]:
    """What comes of changes, one a minute; a person decides what only a person does."""
    alert: Alert | None = None
    effects: list[Effect] = []
    for number, change in enumerate(changes):
        context = Context(NOW_NS + number * MINUTE_NS, lambda number=number: f"alert-{number}", decision=LI)  # type: ignore[misc]
        if isinstance(change, ConditionEnded | ClosingDue):
            context = replace(context, decision=types.BY_SYSTEM)
        alert, happened = transition(alert, change, context)
        effects += happened
    assert alert is not None
    return alert, effects


F = Effect
ACK, REAL = Acknowledged(), Closed("real")
HISTORIES: list[tuple[str, tuple[Change, ...], list[Effect], str, int]] = [
    ("opens", (seen(),), [F.OPENED], "active/unacknowledged/open", 1),
    ("merges within the window", (seen(), seen(4)), [F.OPENED, F.MERGED], "active/unacknowledged/open", 2),
    ("the window moves along", (seen(), seen(4), seen(8)), [F.OPENED, F.MERGED, F.MERGED],
     "active/unacknowledged/open", 3),
    ("opens anew after the window", (seen(), seen(6)), [F.OPENED, F.OPENED], "active/unacknowledged/open", 1),
    ("late, within the window", (seen(10), seen(7)), [F.OPENED, F.MERGED], "active/unacknowledged/open", 2),
    ("late, before the window", (seen(10), seen(1)), [F.OPENED, F.OPENED], "active/unacknowledged/open", 1),
    ("acknowledged twice", (seen(), ACK, ACK), [F.OPENED, F.ACKNOWLEDGED], "active/acknowledged/open", 1),
    ("opens anew after it was closed", (seen(), REAL, seen(1)), [F.OPENED, F.CLOSED, F.OPENED],
     "active/unacknowledged/open", 1),
    ("medium with an end closes by itself", (moved(), over(2, "camera.clear")), [F.OPENED, F.ENDED, F.CLOSED],
     "ended/unacknowledged/closed", 1),
    ("medium without an end waits, then closes", (seen(), over(6, ""), ClosingDue()), [F.OPENED, F.ENDED, F.CLOSED],
     "ended/unacknowledged/closed", 1),
    ("medium without an end comes back", (seen(), over(4, ""), seen(4.5)), [F.OPENED, F.ENDED, F.MERGED, F.RESUMED],
     "active/unacknowledged/open", 2),
    ("high latches", (lost(), over(2), ClosingDue()), [F.OPENED, F.ENDED], "ended/unacknowledged/open", 1),
    ("high: ended, then seen", (lost(), over(2), ACK), [F.OPENED, F.ENDED, F.ACKNOWLEDGED, F.CLOSED],
     "ended/acknowledged/closed", 1),
    ("high: seen, then ended", (lost(), ACK, over(2)), [F.OPENED, F.ACKNOWLEDGED, F.ENDED, F.CLOSED],
     "ended/acknowledged/closed", 1),
    ("high: assigned, then ended", (lost(), Assigned("wu"), over(2)), [F.OPENED, F.ASSIGNED, F.ENDED],
     "ended/assigned/open", 1),
    ("no window while open", (lost(), over(2), lost(5000)), [F.OPENED, F.ENDED, F.MERGED, F.RESUMED],
     "active/unacknowledged/open", 2),
    ("an end that came too late", (lost(5), over(2)), [F.OPENED], "active/unacknowledged/open", 1),
    ("overtaken by its end", (lost(2, ended=3),), [F.OPENED, F.ENDED], "ended/unacknowledged/open", 1),
    ("not overtaken", (lost(5, ended=3),), [F.OPENED], "active/unacknowledged/open", 1),
    ("critical latches", (forced(), over(0.01, "door.closed")), [F.OPENED, F.ENDED], "ended/unacknowledged/open", 1),
    ("critical: overtaken, still open", (forced(2, ended=3),), [F.OPENED, F.ENDED], "ended/unacknowledged/open", 1),
    ("critical: ended and seen, a person closes it", (forced(), over(2), ACK, REAL),
     [F.OPENED, F.ENDED, F.ACKNOWLEDGED, F.CLOSED], "ended/acknowledged/closed", 1),
    ("critical: seen and ended, a person closes it", (forced(), ACK, over(2)), [F.OPENED, F.ACKNOWLEDGED, F.ENDED],
     "ended/acknowledged/open", 1),
    ("critical: closed unacknowledged by a person", (forced(), REAL), [F.OPENED, F.CLOSED],
     "active/acknowledged/closed", 1),
    ("critical: re-alarms always", (forced(), ACK, forced(2)), [F.OPENED, F.ACKNOWLEDGED, F.MERGED, F.REALARMED],
     "active/unacknowledged/open", 2),
    ("critical: re-alarms after its end", (forced(), over(1), ACK, forced(2)),
     [F.OPENED, F.ENDED, F.ACKNOWLEDGED, F.MERGED, F.RESUMED, F.REALARMED], "active/unacknowledged/open", 2),
    ("critical: re-alarms for a late event, which does not resume it", (forced(5), over(6), ACK, forced(2)),
     [F.OPENED, F.ENDED, F.ACKNOWLEDGED, F.MERGED, F.REALARMED], "ended/unacknowledged/open", 2),
    ("a late event counts and resumes nothing", (forced(5), over(6), forced(2)), [F.OPENED, F.ENDED, F.MERGED],
     "ended/unacknowledged/open", 2),
    ("an event whose end has overtaken it resumes nothing", (forced(5), over(6), forced(7, ended=8)),
     [F.OPENED, F.ENDED, F.MERGED], "ended/unacknowledged/open", 2),
    ("assigned and re-alarmed", (forced(), Assigned("wu"), forced(2)), [F.OPENED, F.ASSIGNED, F.MERGED, F.REALARMED],
     "active/unacknowledged/open", 2),
    ("closed, classified", (moved(), over(2), Closed("false_alarm")), [F.OPENED, F.ENDED, F.CLOSED, F.CLASSIFIED],
     "ended/unacknowledged/closed", 1),
    ("reopened", (lost(), REAL, Reopened()), [F.OPENED, F.CLOSED, F.REOPENED], "active/acknowledged/open", 1),
    ("reopened, ended, stays until a person closes it", (moved(), over(2), Reopened(), ClosingDue()),
     [F.OPENED, F.ENDED, F.CLOSED, F.REOPENED], "ended/acknowledged/open", 1),
    ("unassigned", (lost(), Assigned("wu"), Unassigned()), [F.OPENED, F.ASSIGNED, F.UNASSIGNED],
     "active/acknowledged/open", 1),
    ("suppression is carried through", (lost(), Suppressed("shelved", "li", 9), over(2)),
     [F.OPENED, F.SUPPRESSED, F.ENDED], "ended/unacknowledged/open", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "effects", "state", "count"), HISTORIES, ids=[it[0] for it in HISTORIES])
def test_histories(name: str, changes: tuple[Change, ...], effects: list[Effect], state: str, count: int) -> None:
    alert, happened = after(*changes)
    assert happened == effects
    assert (f"{alert.condition}/{alert.acknowledgement}/{alert.status}", alert.count) == (state, count)


def test_nothing_happens_to_what_is_not_there() -> None:
    for change in (ACK, REAL, over(1), ClosingDue(), Unsuppressed()):
        assert transition(None, change, CONTEXT) == (None, ())


@pytest.mark.parametrize(
    ("severity", "events", "minutes"), [("low", None, None), ("medium", 50, 60), ("high", 10, 15), ("critical", 1, 0)]
)
def test_events_after_the_acknowledgement_are_counted_and_alarm_again_by_severity(
    severity: Severity, events: int | None, minutes: int | None
) -> None:
    taken = msgspec.structs.replace(made("later", ("active", "acknowledged", "open")), severity=severity)
    rules = AlertRules(AlertSettings(rules={"zone.entered": KindRule(severity=severity)}))
    alert: Alert | None = taken
    for number in range(1, 60):
        alert, _ = transition(alert, seen(), replace(CONTEXT, now_ns=START_NS + number, rules=rules))
        assert alert is not None
        again = events is not None and number >= events
        assert (alert.acknowledgement == "unacknowledged") == again
        assert alert.since_acknowledged == (0 if again else number)
        if again:
            break
    if minutes:
        just_before = replace(CONTEXT, now_ns=START_NS + minutes * MINUTE_NS - 1, rules=rules)
        for context, state in (
            (just_before, "acknowledged"),
            (replace(just_before, now_ns=START_NS + minutes * MINUTE_NS), "unacknowledged"),
        ):  # fmt: skip
            alert, _ = transition(taken, seen(), context)
            assert alert is not None
            assert alert.acknowledgement == state


def test_a_raised_severity_alarms_again_and_does_not_shrink() -> None:
    alert, effects = after(seen(), ACK, seen(1, entered("yard", "bicycle")), seen(2))
    assert effects == [F.OPENED, F.ACKNOWLEDGED, F.MERGED, F.RAISED, F.REALARMED, F.MERGED]
    assert (alert.severity, alert.object, alert.acknowledgement, alert.count) == (
        "high",
        "bicycle",
        "unacknowledged",
        3,
    )


def test_who_when_and_how_are_kept() -> None:
    alert, _ = after(seen(), ACK, Closed("false_alarm", "a branch"))
    assert (alert.acknowledged_by, alert.acknowledged_ns) == ("li", NOW_NS + MINUTE_NS)
    assert (alert.closed_by, alert.closed_ns) == ("li", NOW_NS + 2 * MINUTE_NS)
    assert (alert.outcome, alert.note) == ("false_alarm", "a branch")
    alert, _ = after(moved(), over(2, "camera.clear"))
    assert (alert.closed_by, alert.outcome, alert.ended_ns) == ("camera.clear", "", START_NS + 2 * MINUTE_NS)


def test_a_late_event_moves_nothing_back() -> None:
    alert, _ = after(seen(10, picture=JPEG, number=2), seen(7, picture=JPEG, number=1))
    assert (alert.first_ns, alert.last_ns) == (START_NS + 7 * MINUTE_NS, START_NS + 10 * MINUTE_NS)
    assert alert.picture_event == event(2).id


def test_the_newest_picture_is_shown_and_a_missing_one_replaces_none() -> None:
    alert, _ = after(seen(0, picture=JPEG, number=1), seen(1, picture=JPEG, number=2), seen(2, number=3))
    assert alert.picture_event == event(2).id


def test_what_is_merged_counts_together_and_is_unseen_if_one_of_them_was() -> None:
    one = made("acknowledged", ("active", "acknowledged", "open"))
    other = msgspec.structs.replace(
        made("person", ("ended", "unacknowledged", "open")), id="b", count=3, first_ns=START_NS - 5, picture_event="p",
        picture_ns=9,
    )  # fmt: skip
    kept, effects = transition(one, Absorbed((other,)), CONTEXT)
    gone, _ = transition(other, MergedInto("a"), CONTEXT)
    assert kept is not None
    assert gone is not None
    assert effects == (F.ABSORBED,)
    assert (kept.severity, kept.count, kept.first_ns, kept.acknowledgement) == (
        "critical", 8, START_NS - 5, "unacknowledged",
    )  # fmt: skip
    assert kept.picture_event == "p"
    assert (gone.status, gone.merged_into, gone.acknowledgement) == ("closed", "a", "acknowledged")
    for change in (Reopened(), REAL):
        assert transition(gone, change, CONTEXT) == (gone, ()), "it is closed for good"


@pytest.mark.parametrize(("count", "left"), [(0, 5), (1, 4), (4, 1), (5, 5), (9, 5)])
def test_a_split_leaves_an_event_at_least(count: int, left: int) -> None:
    alert, _ = transition(made("later", ("active", "unacknowledged", "open")), SplitOff(count, ("p", 7)), CONTEXT)
    assert alert is not None
    assert (alert.count, alert.picture_event) == (left, "p" if left < 5 else None)


@pytest.mark.parametrize("kind", [it for it, rule in RULES.items() if rule.window_s is not None])
def test_what_no_event_ends_is_due_when_its_window_is_over(kind: str) -> None:
    window_ns = round((RULES[kind].window_s or 0) * SECOND_NS)
    before = msgspec.structs.replace(
        made("later", ("active", "unacknowledged", "open")), kind=kind, severity=RULES[kind].severity, due_ns=NOW_NS
    )
    alert, _ = transition(before, over(0, ""), CONTEXT)
    assert alert is not None
    latched = RULES[kind].severity in ("high", "critical")
    assert alert.due_ns == (None if latched else NOW_NS + round(RULES[kind].closes_after_s * SECOND_NS))
    opened, _ = after(seen())
    assert opened.due_ns == NOW_NS + 5 * MINUTE_NS
    assert window_ns > 0


def test_what_is_due_and_cannot_close_is_not_due_again() -> None:
    before = msgspec.structs.replace(made("person", ("ended", "unacknowledged", "open")), due_ns=START_NS)
    alert, effects = transition(before, ClosingDue(), replace(CONTEXT, decision=types.BY_SYSTEM))
    assert alert is not None
    assert (alert.due_ns, alert.status, effects) == (None, "open", ())


def test_a_stale_condition_is_one_that_is_active_for_a_day() -> None:
    alert = made("later", ("active", "unacknowledged", "open"))
    assert not alert.stale(START_NS + types.STALE_NS)
    assert alert.stale(START_NS + types.STALE_NS + 1)
    assert not msgspec.structs.replace(alert, condition="ended").stale(START_NS + 2 * types.STALE_NS)
