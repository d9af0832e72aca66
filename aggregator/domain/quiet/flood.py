"""Alarm floods after ISA-18.2 (IEC 62682): more new alerts than a person can take in.

A flood begins with more than 10 new alerts in 10 minutes for each operator on duty, and ends below 5. During a flood
the dashboard shows low and medium alerts as one row for each kind and site; high and critical ones stay as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from common.clock import SECOND_NS

WINDOW_S = 600
STARTS_ABOVE, ENDS_BELOW = 10, 5
"""New alerts in `WINDOW_S` for each operator."""
_WINDOW_NS = WINDOW_S * SECOND_NS


@dataclass(frozen=True)
class Flood:
    """Whether there is a flood. Times are UTC nanoseconds.

    Attributes:
        active: Whether there is one.
        since_ns: When it began; None: there is none.
        recent: New alerts in the last 10 minutes.
        operators: Operators on duty, at least 1.
    """

    active: bool
    since_ns: int | None
    recent: int
    operators: int


def flood_at(openings_ns: Iterable[int], now_ns: int, operators: int = 1) -> Flood:
    """Whether there is a flood at a moment.

    Args:
        openings_ns: When alerts were opened, in any order; later ones than `now_ns` do not count.
        now_ns: The moment.
        operators: Operators on duty; less than 1 counts as 1.
    """
    count = _Counter(max(1, operators))
    for time_ns in sorted(it for it in openings_ns if it <= now_ns):
        count.expire(time_ns)
        count.open(time_ns)
    count.expire(now_ns)
    return Flood(count.since_ns is not None, count.since_ns, len(count.recent_ns), count.operators)


class _Counter:
    """New alerts of the last 10 minutes, and whether there is a flood."""

    def __init__(self, operators: int) -> None:
        self.operators = operators
        self.recent_ns: deque[int] = deque()
        self.since_ns: int | None = None

    def open(self, time_ns: int) -> None:
        self.recent_ns.append(time_ns)
        if self.since_ns is None and len(self.recent_ns) > STARTS_ABOVE * self.operators:
            self.since_ns = time_ns

    def expire(self, now_ns: int) -> None:
        """Let old ones drop out, one by one: the flood ends with the first that makes it few."""
        while self.recent_ns and self.recent_ns[0] <= now_ns - _WINDOW_NS:
            self.recent_ns.popleft()
            if len(self.recent_ns) < ENDS_BELOW * self.operators:
                self.since_ns = None
