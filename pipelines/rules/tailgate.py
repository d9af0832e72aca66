"""Joins a door's grants and openings with the crossings of its line: more people than grants is tailgating.

A grant covers one crossing. It covers crossings from `tolerance_s` before it (clocks of a controller and a camera
differ) until it expires: `grant_s` after it was given, or when the opening it was given for has closed, whichever is
later. Everything that could be read either way is read as no tailgating; docs/features/doors.md lists the cases.

What comes late counts by its own time: a crossing is judged `tolerance_s + late_s` after it happened. Each judgement is
made from all that is kept, so the order of arrival within that time changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from common.clock import SECOND_NS
from protocol.event_types import Direction, DoorTailgated, Name

LAG_S = 0.5
"""A camera shows a crossing up to so late; a crossing so long after the closing is still inside the opening."""
KEPT_S = 120.0
"""Openings are forgotten so long after their end: vision may need a while until it knows that a thing is a person."""
FOREVER_NS = 2**62

Positive = Annotated[float, msgspec.Meta(gt=0, le=120)]


class PassageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where people pass through a door.

    Attributes:
        line: The line across the doorway, one of the door's camera.
        entry: Direction of going in.
        grant_s: A grant that nobody used expires after.
        tolerance_s: A crossing may be so much before its grant.
        late_s: Grants and contacts may arrive so late.
    """

    line: Name
    entry: Direction = "forward"
    grant_s: Positive = 10.0
    tolerance_s: Positive = 1.0
    late_s: Positive = 2.0


@dataclass(frozen=True, order=True)
class Grant:
    """One person may pass."""

    time_ns: int


@dataclass(frozen=True, order=True)
class Opened:
    """The door opened; `free`: while it was unlocked for everybody, so nothing is judged."""

    time_ns: int
    free: bool = False


@dataclass(frozen=True, order=True)
class Closed:
    """The door closed."""

    time_ns: int


@dataclass(frozen=True, order=True)
class Crossing:
    """A person crossed the line in the direction of going in; `track` means nothing outside its camera and run."""

    time_ns: int
    track: int


Move = Grant | Opened | Closed | Crossing


@dataclass(frozen=True)
class Opening:
    """From opening to closing; `closed_ns` is far away while the door stands open."""

    opened_ns: int
    free: bool
    closed_ns: int = FOREVER_NS


@dataclass
class Tailgate:
    """The rule for one door. Times are wall time, UTC nanoseconds.

    Args:
        door: Its id.
        settings: Where people pass.
    """

    door: str
    settings: PassageSettings
    _grants: list[int] = field(default_factory=list)
    _opened: list[Opened] = field(default_factory=list)
    _closed: list[int] = field(default_factory=list)
    _crossings: list[Crossing] = field(default_factory=list)
    _reported: dict[int, int] = field(default_factory=dict)
    _judged_ns: int = 0

    def add(self, move: Move) -> None:
        """Take a grant, an opening, a closing or a crossing, in any order."""
        match move:
            case Grant(time_ns=time_ns):
                insort(self._grants, time_ns)
            case Opened():
                insort(self._opened, move)
            case Closed(time_ns=time_ns):
                insort(self._closed, time_ns)
            case Crossing():
                insort(self._crossings, move)

    def judge(self, now_ns: int) -> list[tuple[DoorTailgated, int]]:
        """What is certain now and was not told: the event's data and the time of the crossing that made it so."""
        settled = [crossing for crossing in self._crossings if crossing.time_ns + self._wait_ns <= now_ns]
        found = []
        for opening, covered, uncovered in count(self._grants, self._openings(), settled, self.settings):
            if len(uncovered) > self._reported.get(opening.opened_ns, 0):
                self._reported[opening.opened_ns] = len(uncovered)
                data = DoorTailgated(door=self.door, granted=covered, crossed=covered + len(uncovered))
                found.append((data, uncovered[-1]))
        self._judged_ns = now_ns
        self._forget(now_ns - _ns(KEPT_S))
        return found

    def due_ns(self) -> int | None:
        """Wall time at which `judge` may have something new; None: only a move can change anything."""
        times = [crossing.time_ns + self._wait_ns for crossing in self._crossings]
        return min((time_ns for time_ns in times if time_ns > self._judged_ns), default=None)

    @property
    def _wait_ns(self) -> int:
        return _ns(self.settings.tolerance_s + self.settings.late_s)

    def _openings(self) -> list[Opening]:
        """Each opening ends with the first closing after it, or where the next one begins."""
        starts = [opened.time_ns for opened in self._opened] + [FOREVER_NS]
        ends = [self._closed[i] if i < len(self._closed) else FOREVER_NS
                for i in (bisect_left(self._closed, opened.time_ns) for opened in self._opened)]  # fmt: skip
        return [
            Opening(opened.time_ns, opened.free, min(end, next_ns))
            for opened, end, next_ns in zip(self._opened, ends, starts[1:], strict=True)
        ]

    def _forget(self, before_ns: int) -> None:
        """Forget openings that ended before, and what is older than the first that is kept."""
        remaining = [opening.opened_ns for opening in self._openings() if opening.closed_ns > before_ns]
        start_ns = min([*remaining, before_ns])
        self._opened = [opened for opened in self._opened if opened.time_ns >= start_ns]
        self._closed = [closed for closed in self._closed if closed >= start_ns]
        self._reported = {
            opened_ns: reported for opened_ns, reported in self._reported.items() if opened_ns >= start_ns
        }
        oldest_ns = start_ns - _ns(KEPT_S)  # a grant that was given before the first opening
        self._grants = [grant for grant in self._grants if grant > oldest_ns]
        self._crossings = [crossing for crossing in self._crossings if crossing.time_ns > oldest_ns]


def count(
    grants: list[int], openings: list[Opening], crossings: Iterable[Crossing], settings: PassageSettings
) -> list[tuple[Opening, int, list[int]]]:
    """For each judged opening: how many crossings a grant covers, and the times of those that none covers.

    Earliest grant first is the best choice, since a later grant never expires before an earlier one.

    Args:
        grants: Times, sorted.
        openings: Sorted by opening.
        crossings: Sorted.
        settings: Where people pass.
    """
    ends = [_expires(grant, openings, settings) for grant in grants]
    used = [False] * len(grants)
    seen: set[tuple[int, int]] = set()
    result: dict[int, tuple[Opening, int, list[int]]] = {}
    for crossing in crossings:
        opening = _opening_of(crossing.time_ns, openings)
        if opening is None or opening.free or (opening.opened_ns, crossing.track) in seen:
            continue
        seen.add((opening.opened_ns, crossing.track))
        _, covered, uncovered = result.get(opening.opened_ns, (opening, 0, []))
        choice = _choose(crossing.time_ns, grants, ends, used, settings)
        if choice is None:
            uncovered = [*uncovered, crossing.time_ns]
        else:
            used[choice] = True
            covered += 1
        result[opening.opened_ns] = (opening, covered, uncovered)
    return list(result.values())


def _choose(
    time_ns: int, grants: list[int], ends: list[int], used: list[bool], settings: PassageSettings
) -> int | None:
    early_ns = _ns(settings.tolerance_s)
    for i, (grant, end) in enumerate(zip(grants, ends, strict=True)):
        if not used[i] and grant - early_ns <= time_ns <= end:
            return i
    return None


def _expires(grant: int, openings: list[Opening], settings: PassageSettings) -> int:
    """When a grant ends: after `grant_s`, or with the opening it was given for (the first that it fits)."""
    end = grant + _ns(settings.grant_s)
    for opening in openings:
        if opening.closed_ns >= grant and opening.opened_ns <= end:
            return max(end, opening.closed_ns + _ns(LAG_S))
    return end


def _opening_of(time_ns: int, openings: list[Opening]) -> Opening | None:
    """The last opening that a crossing lies in."""
    for opening in reversed(openings):
        if opening.opened_ns <= time_ns <= opening.closed_ns + _ns(LAG_S):
            return opening
    return None


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
