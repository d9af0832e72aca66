"""Time as an argument: wall clock in UTC nanoseconds, monotonic clock for durations; local times."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol

SECOND_NS, MILLISECOND_NS = 1_000_000_000, 1_000_000
HOUR_NS, DAY_NS = 3600 * SECOND_NS, 86_400 * SECOND_NS


def local_time(time_ns: int, zone: tzinfo) -> datetime:
    """UTC nanoseconds as the local time of a zone, in whole seconds."""
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).astimezone(zone)


def instant_ns(local: datetime, zone: tzinfo) -> int:
    """A wall-clock time (without its zone) as UTC nanoseconds.

    One that occurs twice, when clocks are set back, is the first; one that the clocks skip is read with the offset from
    before the gap (RFC 5545, section 3.3.5).
    """
    return round(local.replace(tzinfo=zone, fold=0).timestamp()) * SECOND_NS


class Clock(Protocol):
    """The two clocks of a machine."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC. May step."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary time. Never steps."""


class SystemClock:
    """The machine's own clocks."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds of the monotonic clock."""
        return time.monotonic_ns()


@dataclass
class FakeClock:
    """A clock that moves only by `advance`; `step_wall` moves the wall clock alone."""

    now_ns: int = 1_700_000_000 * SECOND_NS
    mono_ns: int = 0

    def wall_ns(self) -> int:
        """The fake wall clock."""
        return self.now_ns

    def monotonic_ns(self) -> int:
        """The fake monotonic clock."""
        return self.mono_ns

    def advance(self, seconds: float) -> None:
        """Let both clocks run for `seconds`."""
        self.now_ns += round(seconds * SECOND_NS)
        self.mono_ns += round(seconds * SECOND_NS)

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock, as NTP or an operator does."""
        self.now_ns += round(seconds * SECOND_NS)
