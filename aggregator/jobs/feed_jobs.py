"""Writes what consumers were sent into the audit log, once for each consumer and hour.

Crash procedure: the counts are rows, written before anything is handed over. An hour whose entry was not written before
a crash is written after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import FeedWriter
from common.clock import HOUR_NS, SECOND_NS, Clock
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Policy
from common.jobs.queue import JobQueue

EVERY_S = 60.0
MOST_ROWS = 500


@dataclass
class FeedUseJobs:
    """An `aggregator.jobs.job_runner.JobSource` without jobs of its own.

    Args:
        queue: Of the store's writer.
        clock: Wall and monotonic.
    """

    queue: WriteJobs[FeedWriter]
    clock: Clock
    _done_ns: int | None = field(default=None, init=False)

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """None."""
        return {}

    async def plan(self, queue: JobQueue) -> None:  # noqa: ARG002
        """Write the entries of hours that are over.

        Raises:
            StoreError: The store cannot be reached.
        """
        now_ns = self.clock.monotonic_ns()
        if self._done_ns is not None and now_ns - self._done_ns < EVERY_S * SECOND_NS:
            return
        wall_ns = self.clock.wall_ns()
        await self.queue.write(lambda store: store.log_feed_use(wall_ns // HOUR_NS, wall_ns, MOST_ROWS))
        self._done_ns = now_ns
