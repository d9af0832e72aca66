"""Notices when the wall clock steps: it is compared with the monotonic clock, which never does."""

from __future__ import annotations

from dataclasses import dataclass

from common.clock import SECOND_NS, Clock
from protocol.event_types import ClockStepped

STEP_S = 1.0
"""A smaller difference between two checks is drift."""


@dataclass
class ClockStepDetector:
    """Asked every few seconds.

    Args:
        clock: Both clocks.
    """

    clock: Clock

    def __post_init__(self) -> None:
        self._offset_ns = self.clock.wall_ns() - self.clock.monotonic_ns()

    def check(self) -> ClockStepped | None:
        """The step since the last check, if there was one."""
        offset_ns = self.clock.wall_ns() - self.clock.monotonic_ns()
        step_ns, self._offset_ns = offset_ns - self._offset_ns, offset_ns
        return ClockStepped(seconds=step_ns / SECOND_NS) if abs(step_ns) >= STEP_S * SECOND_NS else None
