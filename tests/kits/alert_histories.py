"""Random histories of alerts: what happens to a matter, in any order and as often as one likes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.domain.alerts.grouping import fingerprint_of
from aggregator.domain.alerts.lifecycle import Context, transition
from aggregator.domain.alerts.rules import RULES, AlertRules
from aggregator.domain.alerts.types import (
    OUTCOMES,
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
    SplitOff,
    Suppressed,
    Unassigned,
    Unsuppressed,
)
from aggregator.settings.alerts import AlertSettings, SeverityRule
from common.clock import SECOND_NS
from protocol.envelope import Event
from protocol.event_types import (
    CameraLost,
    CameraMoved,
    Data,
    DoorDuress,
    DoorForced,
    DoorHeld,
    LineCrossed,
    ZoneEntered,
)

RAISING = AlertRules(AlertSettings(severities=(SeverityRule(severity="critical", objects=("truck",)),)))
"""A truck makes any alert critical."""
_ENDING = {kind: rule.ended_by[0] if rule.ended_by else "" for kind, rule in RULES.items()}


def _zone(kind_of_object: str) -> Data:
    return ZoneEntered(zone="yard", object=kind_of_object, track=1, bbox=(1, 2, 3, 4), confidence=0.9)  # type: ignore[arg-type]


_MATTERS: tuple[Callable[[random.Random], Data], ...] = (
    lambda _: DoorForced(door="d"),
    lambda _: DoorDuress(door="d"),
    lambda _: DoorHeld(door="d"),
    lambda _: CameraLost(),
    lambda _: CameraMoved(),
    lambda _: LineCrossed(line="l", direction="forward", object="person", track=1),
    lambda dice: _zone(dice.choice(("person", "person", "car", "truck"))),
)
_KINDS = ("door.forced", "door.duress", "door.held", "camera.lost", "camera.moved", "line.crossed", "zone.entered")


@dataclass
class Story:
    """The alerts of one matter, and how each critical one came to be closed.

    Attributes:
        unseen: Critical alerts that were closed though no person had acknowledged or closed them since their newest
            alarm.
        lost: Events that no alert counts.
    """

    alerts: dict[str, Alert] = field(default_factory=dict)
    unseen: int = 0
    lost: int = 0
    steps: int = 0


def play(seed: int, steps: int = 30) -> Story:
    """One random history; the same for the same seed."""
    dice, numbers, story = random.Random(seed), itertools.count(1), Story()
    matter = dice.randrange(len(_MATTERS))
    newest: Alert | None = None
    now_ns, events = 1_795_000_000 * SECOND_NS, 0
    for _ in range(steps):
        now_ns += dice.choice((0, 1, 40, 400, 4_000, 90_000)) * SECOND_NS
        change, decision = _happening(dice, newest, matter, now_ns)
        context = Context(now_ns, lambda: f"a-{next(numbers)}", RAISING, decision)
        after, effects = transition(newest, change, context)
        events += isinstance(change, EventObserved)
        if after is None:
            continue
        story.steps += 1
        if newest is not None and after.id == newest.id and _closed_unseen(newest, after, decision):
            story.unseen += 1
        if Effect.SPLIT in effects:
            events -= change.count if isinstance(change, SplitOff) else 0
        if Effect.ABSORBED in effects and isinstance(change, Absorbed):
            events += sum(it.count for it in change.others)
        story.alerts[after.id] = newest = after
    story.lost = events - sum(it.count for it in story.alerts.values())
    return story


def _closed_unseen(before: Alert, after: Alert, decision: Decision) -> bool:
    closed = before.status == "open" and after.status == "closed"
    return closed and "critical" in (before.severity, after.severity) and not decision.person


def _event(dice: random.Random, matter: int, now_ns: int) -> Event:
    time_ns = now_ns - dice.choice((0, 0, 0, 30, 3_000)) * SECOND_NS
    return Event(
        id="e", site="s", box="b", place="p", kind=_KINDS[matter], time_ns=time_ns, sequence=1,
        data=_MATTERS[matter](dice), epoch="ab", picture=b"p" if dice.random() < 0.5 else None,
    )  # fmt: skip


def _happening(dice: random.Random, newest: Alert | None, matter: int, now_ns: int) -> tuple[Change, Decision]:
    """What happens next: half of it events, the rest the system or one of two people."""
    by = Decision(dice.choice(("li", "wu")), dice.choice(("dashboard", "api", "link")))
    system = Decision(dice.choice(("system:alerts", "system:quiet", "system:escalation")))
    if newest is None or dice.random() < 0.4:
        ended_ns = now_ns + dice.choice((-50, 50)) * SECOND_NS if dice.random() < 0.1 else None
        ended_ns = ended_ns if _ENDING[_KINDS[matter]] else None
        return EventObserved(_event(dice, matter, now_ns), ended_ns), system
    other = Alert(
        id="other", fingerprint=fingerprint_of(_event(dice, matter, now_ns)), site="s", box="b", place="p",
        kind=_KINDS[matter], subject="", object="", severity=dice.choice(("low", "critical")), count=2,
        first_ns=now_ns, last_ns=now_ns, opened_ns=now_ns,
        acknowledgement=dice.choice(("unacknowledged", "acknowledged")),
    )  # fmt: skip
    changes: tuple[Change, ...] = (
        ConditionEnded(_ENDING[_KINDS[matter]], now_ns), ConditionEnded("", now_ns), ClosingDue(), Acknowledged(),
        Assigned(dice.choice(("li", "wu"))), Unassigned(), Noted("n"), EscalationRequested(),
        Closed(dice.choice(OUTCOMES)), Reopened(), Absorbed((other,)), MergedInto("x"),
        SplitOff(dice.randrange(4)), Marked(dice.random() < 0.5),
        Suppressed("shelved", "li", now_ns + SECOND_NS), Unsuppressed(),
    )  # fmt: skip
    return dice.choice(changes), system if dice.random() < 0.5 else by
