"""A box's handlers on a real job engine, with counts that tests wait for."""

from __future__ import annotations

from collections.abc import Mapping

from common.clock import Clock, SystemClock
from common.jobs.job import OPEN
from common.jobs.queue import JobStore, MemoryJobStore
from edge.jobs.command_jobs import CommandJobs, JobHandler


class Jobs(CommandJobs):
    """One kind of job of a box.

    Args:
        handlers: Name of the command → its handler.
        store: Keeps the jobs; None: memory.
        clock: Wall clock.
    """

    def __init__(
        self, handlers: Mapping[str, JobHandler], store: JobStore | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(handlers, store or MemoryJobStore(), clock or SystemClock(), lambda: 0.0)
        self._kinds = tuple(handlers)

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(self.queue.count(kind, "done") for kind in self._kinds)

    @property
    def failed(self) -> int:
        """How many have failed."""
        return sum(self.queue.count(kind, "failed") for kind in self._kinds)

    @property
    def open(self) -> int:
        """How many are open."""
        return sum(self.queue.count(kind, *OPEN) for kind in self._kinds)
