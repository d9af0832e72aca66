"""Whether there is an alarm flood in a caller's scope, from what was opened lately."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.quiet.flood import Flood, flood_at
from aggregator.domain.store_port.quiet import QuietReader
from common.clock import SECOND_NS, Clock

LOOKS_BACK_NS = 24 * 3600 * SECOND_NS
"""A flood that goes on for longer is one as long as it begins anew within this time."""
MOST_OPENINGS = 20_000
FRESH_NS = 5 * SECOND_NS


@dataclass
class FloodService:
    """Reads openings at most every few seconds, for all who ask.

    Args:
        reader: Of the store.
        clock: Wall clock and monotonic clock.
        operators: Operators on duty.
    """

    reader: QuietReader
    clock: Clock
    operators: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _openings: list[tuple[int, str, str]] = field(default_factory=list)
    _read_ns: int | None = None

    async def now(self, caller: Principal) -> Flood:
        """The state now, from the alerts that the caller may see.

        Raises:
            StoreError: It cannot be read.
        """
        return await asyncio.to_thread(self._now, caller)

    def _now(self, caller: Principal) -> Flood:
        scope = caller.within("alerts.see")
        shown = [time_ns for time_ns, site, place in self._recent() if scope.holds(site, place)]
        return flood_at(shown, self.clock.wall_ns(), self.operators)

    def _recent(self) -> list[tuple[int, str, str]]:
        with self._lock:
            now_ns = self.clock.monotonic_ns()
            if self._read_ns is None or now_ns - self._read_ns >= FRESH_NS:
                since_ns = self.clock.wall_ns() - LOOKS_BACK_NS
                self._openings = self.reader.openings(since_ns, MOST_OPENINGS)
                self._read_ns = now_ns
            return self._openings
