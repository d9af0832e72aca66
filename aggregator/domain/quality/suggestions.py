"""Changes of a rule that would have kept false alarms away without losing a real alert. Pure.

Each candidate is chosen from the stored events, and `replay` gives its effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, tzinfo

from aggregator.domain.quality.replay import (
    Asleep,
    Effect,
    Inertia,
    Mask,
    MinimumHeight,
    StoredEvent,
    Suggestion,
    ground_point,
    replay,
)
from common.clock import local_time

LOOKS = (3, 5, 8, 12, 20, 30, 50)
"""Values of inertia that are tried."""
GRID = 8
"""Columns and rows of the grid that masks are looked for in."""


@dataclass(frozen=True)
class Proposal:
    """A change and what it would have done."""

    change: Suggestion
    effect: Effect


@dataclass(frozen=True)
class RuleHistory:
    """The stored events of a rule with the outcomes of their alerts.

    Attributes:
        outcomes: Alert → its outcome, of judged ones.
        zone: Of the site.
    """

    events: Sequence[StoredEvent]
    outcomes: Mapping[str, str]
    zone: tzinfo

    def of(self, outcome: str) -> list[StoredEvent]:
        """Events of alerts with this outcome."""
        return [it for it in self.events if it.alert is not None and self.outcomes.get(it.alert) == outcome]


def proposals(history: RuleHistory) -> list[Proposal]:
    """Changes that keep a false alarm away and lose no real alert, those that keep the most away first."""
    found = []
    for make in _CANDIDATES:
        tried = (Proposal(it, replay(it, history.events, history.outcomes, history.zone)) for it in make(history))
        good = [it for it in tried if _false(it) and not it.effect.gone_by_outcome.get("real")]
        if good:
            found.append(max(good, key=_false))
    return sorted(found, key=_false, reverse=True)


def _false(proposal: Proposal) -> int:
    return proposal.effect.gone_by_outcome.get("false_alarm", 0)


def _inertia(_: RuleHistory) -> Iterable[Suggestion]:
    return map(Inertia, LOOKS)


def _height(history: RuleHistory) -> Iterable[Suggestion]:
    """Just below the smallest real object; without a real one, the middle of the false ones."""
    real = _highest(history.of("real"))
    false = sorted(_highest(history.of("false_alarm")))
    if real:
        return [MinimumHeight(float(int(min(real))))]
    return [MinimumHeight(float(int(false[len(false) // 2]) + 1))] if false else []


def _highest(events: Iterable[StoredEvent]) -> list[float]:
    """The height of the highest object of each alert, pixels."""
    by_alert: dict[str, float] = {}
    for it in events:
        if it.box is not None and it.alert is not None:
            by_alert[it.alert] = max(by_alert.get(it.alert, 0.0), it.box[3] - it.box[1])
    return list(by_alert.values())


def _mask(history: RuleHistory) -> Iterable[Suggestion]:
    """The cells of a grid over all ground points in which false alarms stood."""
    points = [ground_point(it.box) for it in history.events if it.box is not None]
    if not points:
        return []
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, top = min(xs), min(ys)
    width, height = max((max(xs) - left) / GRID, 1.0), max((max(ys) - top) / GRID, 1.0)
    cells = Counter(
        (int((x - left) / width), int((y - top) / height))
        for x, y in (ground_point(it.box) for it in history.of("false_alarm") if it.box is not None)
    )
    return [
        Mask(
            *(
                round(it, 1)
                for it in (left + x * width, top + y * height, left + (x + 1) * width, top + (y + 1) * height)
            )
        )
        for (x, y), _ in cells.most_common(GRID)
    ]


def _asleep(history: RuleHistory) -> Iterable[Suggestion]:
    """The longest run of hours of the day with false alarms and without a real one."""
    false = {local_time(it.time_ns, history.zone).hour for it in history.of("false_alarm")}
    real = {local_time(it.time_ns, history.zone).hour for it in history.of("real")}
    free = false - real
    if not real:
        return []  # no alert shows when the rule is needed
    runs = [_run(hour, real, free) for hour in sorted(free)]
    return [Asleep(time(begin), time(end)) for begin, end in runs]


def _run(hour: int, real: set[int], free: set[int]) -> tuple[int, int]:
    """The hours around one that have no real alert, trimmed to those with a false alarm."""
    begin = end = hour
    for step in range(1, 24):
        if (hour - step) % 24 in real:
            break
        if (hour - step) % 24 in free:
            begin = (hour - step) % 24
    for step in range(1, 24):
        if (hour + step) % 24 in real or (hour + step) % 24 == begin:
            break
        if (hour + step) % 24 in free:
            end = (hour + step) % 24
    return begin, (end + 1) % 24


_CANDIDATES: tuple[Callable[[RuleHistory], Iterable[Suggestion]], ...] = (_height, _mask, _asleep, _inertia)
