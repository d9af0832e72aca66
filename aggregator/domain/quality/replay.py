"""What a change of a rule would have done to the events that are stored. Pure.

An alert would not have been opened when all of its events that are stored would not have been sent. What stored events
do not show is counted as `unknown` and treated as sent; what the box never sent (a rule that was asleep, a shorter
inertia) cannot be replayed at all: changes here only ever drop events.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, time, tzinfo
from typing import TypeAlias

from common.clock import SECOND_NS, local_time

LOOK_S = 0.2
"""Seconds between two looks of a box at a moving object, at its fastest (five a second)."""
MOST_EXAMPLES = 50
MOST_INERTIA = 50
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class StoredEvent:
    """An event of a rule.

    Attributes:
        alert: That it belongs to; None: it opened none.
        box: x1 y1 x2 y2 in pixels; None: the kind has none.
        stayed_s: How long the object stayed, seconds; None: no stored event shows it.
    """

    id: str
    alert: str | None
    time_ns: int
    box: Box | None = None
    stayed_s: float | None = None


@dataclass(frozen=True)
class Inertia:
    """So many looks in a row must agree, instead of two."""

    looks: int


@dataclass(frozen=True)
class MinimumHeight:
    """Objects that are less high, in pixels, do not count."""

    height_px: float


@dataclass(frozen=True)
class Mask:
    """Objects that stand within a rectangle, in pixels, do not count: by the ground point, as in zones."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Asleep:
    """The rule is asleep from a local time of day to another one; over midnight where it begins later."""

    begin: time
    end: time


Suggestion: TypeAlias = Inertia | MinimumHeight | Mask | Asleep


@dataclass(frozen=True)
class Effect:
    """What a change would have done.

    Attributes:
        events: That were replayed; `dropped` would not have been sent; of `unknown` the events do not show it.
        alerts: That these events belong to; `gone` would not have been opened.
        gone_by_outcome: Outcome (empty: open, or nobody judged it) → alerts that would not have been opened.
        examples: Ids of some of these, those that were real first.
    """

    events: int
    dropped: int
    unknown: int
    alerts: int
    gone: int
    gone_by_outcome: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


def replay(
    change: Suggestion, events: Iterable[StoredEvent], outcomes: Mapping[str, str], zone: tzinfo = UTC
) -> Effect:
    """The effect of a change.

    Args:
        change: Of the rule.
        events: Of the rule that are stored.
        outcomes: Alert → its outcome.
        zone: Of the site.
    """
    judge = judge_of(change, zone)
    judged = [(event, judge(event)) for event in events]
    alerts = {event.alert for event, _ in judged if event.alert is not None}
    kept = {event.alert for event, dropped in judged if event.alert is not None and not dropped}
    gone = sorted(alerts - kept, key=lambda it: (outcomes.get(it) != "real", it))
    return Effect(
        events=len(judged),
        dropped=sum(dropped is True for _, dropped in judged),
        unknown=sum(dropped is None for _, dropped in judged),
        alerts=len(alerts),
        gone=len(gone),
        gone_by_outcome=Counter(outcomes.get(it, "") for it in gone),
        examples=tuple(gone[:MOST_EXAMPLES]),
    )


Judge: TypeAlias = Callable[[StoredEvent], bool | None]
"""Whether a change would have dropped an event; None: the event does not show it."""


def judge_of(change: Suggestion, zone: tzinfo) -> Judge:
    """How a change judges events."""
    if isinstance(change, Inertia):
        return lambda it: None if it.stayed_s is None else it.stayed_s < change.looks * LOOK_S
    if isinstance(change, MinimumHeight):
        return lambda it: None if it.box is None else it.box[3] - it.box[1] < change.height_px
    if isinstance(change, Mask):
        return lambda it: None if it.box is None else _inside(change, ground_point(it.box))
    return lambda it: _asleep(change, local_time(it.time_ns, zone).time())


def ground_point(box: Box) -> tuple[float, float]:
    """Where an object stands: the middle of its lower edge."""
    return (box[0] + box[2]) / 2, box[3]


def stays(arrivals: Sequence[tuple[int, int]], departures: Iterable[tuple[int, int]]) -> list[float | None]:
    """How long objects stayed, seconds; None where no departure was stored.

    Args:
        arrivals: (track, time in nanoseconds).
        departures: Likewise, of the same zone.
    """
    by_track: dict[int, list[int]] = {}
    for track, time_ns in sorted(departures):
        by_track.setdefault(track, []).append(time_ns)
    return [_stay(by_track.get(track, []), time_ns) for track, time_ns in arrivals]


def _stay(departures: Sequence[int], time_ns: int) -> float | None:
    """Seconds until the next departure, by bisection: a box may report any number of events with one track."""
    place = bisect.bisect_left(departures, time_ns)
    return (departures[place] - time_ns) / SECOND_NS if place < len(departures) else None


def _inside(mask: Mask, point: tuple[float, float]) -> bool:
    return mask.left <= point[0] <= mask.right and mask.top <= point[1] <= mask.bottom


def _asleep(window: Asleep, at: time) -> bool:
    if window.begin <= window.end:
        return window.begin <= at < window.end
    return at >= window.begin or at < window.end
