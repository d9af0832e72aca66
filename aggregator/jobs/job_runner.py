"""Runs the aggregator's jobs on the event loop: boxes are asked for clips and releases, and old ones are erased.

What is to be done stands in the rows of clips and releases: they are the durable record, and their state machines
decide (`aggregator/domain`). Each turn the sources make jobs of what is due; the engine bounds how many run at the same
time, and tries again after growing pauses. After a crash the rows are still there, so the jobs are made again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from common import logging_setup
from common.clock import Clock
from common.errors import PaifangError
from common.jobs.async_engine import AsyncHandler, AsyncJobEngine
from common.jobs.job import Policy
from common.jobs.queue import JobQueue, MemoryJobStore
from common.running.periodic import repeat

_log = logging_setup.get("jobs")
TURN_S = 1.0


class JobSource(Protocol):
    """Makes jobs and does them."""

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """Kind → how its jobs are run, and what does them."""

    async def plan(self, queue: JobQueue) -> None:
        """Submit what is due and cancel what is not wanted any more.

        Raises:
            PaifangError: The store cannot be reached; the next turn tries again.
        """


@dataclass
class JobRunner:
    """See the module.

    Args:
        sources: Clips and releases.
        clock: Wall clock.
        wake: Set when something is to be done at once.
        turn_s: Between two turns, seconds.
        close: Ends connections and processes of the sources with the runner.
    """

    sources: Sequence[JobSource]
    clock: Clock
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    turn_s: float = TURN_S
    close: Callable[[], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        kinds = {kind: it for source in self.sources for kind, it in source.kinds.items()}
        policies = {kind: policy for kind, (policy, _) in kinds.items()}
        queue = JobQueue(MemoryJobStore(), policies, self.clock, lambda: 1.0, remembered=0)
        self.engine = AsyncJobEngine(queue, {kind: handler for kind, (_, handler) in kinds.items()})

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await repeat(self.turn, self.turn_s, "jobs", self._wait)
        finally:
            self.engine.stop()
            if self.close is not None:
                await self.close()

    async def turn(self) -> None:
        """Plan once and start what is due."""
        self.wake.clear()  # not later: what is set from here on may not be planned yet
        for source in self.sources:
            try:
                await source.plan(self.engine.queue)
            except PaifangError as error:
                _log.warning("jobs not planned, will try again", problem=str(error))
            except Exception:  # one source must not stop the others
                _log.exception("jobs not planned, will try again")
        self.engine.turn()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), seconds)
