"""Whether there is an alarm flood in a caller's scope, from what was opened lately."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.quiet.flood import Flood, flood_at
from aggregator.domain.store_port.quiet import QuietReader
from common.clock import DAY_NS, Clock
from common.running.fresh_value import FreshValue

LOOKS_BACK_NS = DAY_NS
"""A flood that goes on for longer is one as long as it begins anew within this time."""
MOST_OPENINGS = 20_000


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
    _openings: FreshValue[list[tuple[int, str, str]]] = field(init=False)

    def __post_init__(self) -> None:
        self._openings = FreshValue(self._read, self.clock)

    async def now(self, caller: Principal) -> Flood:
        """The state now, from the alerts that the caller may see.

        Raises:
            StoreError: It cannot be read.
        """
        return await asyncio.to_thread(self._now, caller)

    def _now(self, caller: Principal) -> Flood:
        scope = caller.within("alerts.see")
        shown = [time_ns for time_ns, site, place in self._openings.get() if scope.holds(site, place)]
        return flood_at(shown, self.clock.wall_ns(), self.operators)

    def _read(self) -> list[tuple[int, str, str]]:
        return self.reader.openings(self.clock.wall_ns() - LOOKS_BACK_NS, MOST_OPENINGS)
