"""Runs jobs on an event loop: as many of each kind as its policy allows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from common import logging_setup
from common.errors import PaifangError
from common.jobs.job import Job
from common.jobs.queue import JobQueue

_log = logging_setup.get("jobs")
AsyncHandler: TypeAlias = Callable[[Job], Awaitable[None]]
"""Does the job. Any error means later; a job that must not be tried again is cancelled by who made it."""


@dataclass
class AsyncJobEngine:
    """See the module. Belongs to the event loop; the queue's store must not block.

    Args:
        queue: The jobs.
        handlers: Kind → its handler.
    """

    queue: JobQueue
    handlers: Mapping[str, AsyncHandler]
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def turn(self) -> None:
        """Expire what is too old and start what is due."""
        self.queue.tend()
        for kind in self.handlers:
            while (claimed := self.queue.claim(kind)) is not None:
                job, _ = claimed
                task = asyncio.create_task(self._run(job))
                self._tasks[job.id] = task
                task.add_done_callback(partial(self._forget, job.id))

    def _forget(self, job_id: str, _: asyncio.Task[None]) -> None:
        self._tasks.pop(job_id, None)

    async def settled(self) -> None:
        """Until every handler that runs now has returned."""
        await asyncio.gather(*self._tasks.values())

    def stop(self) -> None:
        """Cancel what runs."""
        for task in list(self._tasks.values()):
            task.cancel()

    async def _run(self, job: Job) -> None:
        try:
            await self.handlers[job.kind](job)
        except asyncio.CancelledError:
            self.queue.interrupt(job.id)
            raise
        except PaifangError as error:
            _log.info("job waits", kind=job.kind, job=job.id, problem=str(error))
            self.queue.retry(job.id, str(error))
        except Exception as error:  # one job must not end the others
            _log.exception("job failed, will try again", kind=job.kind, job=job.id)
            self.queue.retry(job.id, type(error).__name__)
        else:
            self.queue.finish(job.id)
