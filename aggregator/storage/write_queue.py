"""How other threads reach the one thread that owns the store's writer: jobs in, futures out.

The file descriptor wakes a thread that waits in `select`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common.errors import StoreError

WRITE_TIMEOUT_S = 10.0
Owner = TypeVar("Owner")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Job(Generic[Owner]):
    work: Callable[[Owner], Any]
    future: Future[Any]


class WriteQueue(Generic[Owner]):
    """A bounded queue of jobs for the thread that owns something; a full one refuses.

    Args:
        owner: What each job is given, such as the store's writer.
        size: How many jobs may wait.
    """

    def __init__(self, owner: Owner, size: int = 1000) -> None:
        self._owner = owner
        self._jobs: queue.Queue[_Job[Owner]] = queue.Queue(size)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closed = False

    def fileno(self) -> int:
        """Readable when there is something to do."""
        return self._wake

    def wake(self) -> None:
        """Wake the waiting thread."""
        os.eventfd_write(self._wake, 1)

    def submit(self, work: Callable[[Owner], Result], /) -> Future[Result]:
        """Have `work` done by the owner's thread; its result or exception arrives in the future.

        Raises:
            StoreError: The queue is full or closed.
        """
        future: Future[Result] = Future()
        if self._closed:
            raise StoreError("the store is closing")
        try:
            self._jobs.put_nowait(_Job(work, future))
        except queue.Full as error:
            raise StoreError("the store is busy; try again") from error
        self.wake()
        return future

    async def write(self, work: Callable[[Owner], Result], /) -> Result:
        """As `submit`, for the event loop.

        Raises:
            StoreError: The queue is full or closed, or the writer does not answer.
        """
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                return await asyncio.wrap_future(self.submit(work))
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    def serve(self) -> None:
        """Do all waiting jobs. Called by the owner's thread only."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(job.work(self._owner))
            except Exception as error:
                job.future.set_exception(error)

    def close(self) -> None:
        """Refuse new jobs and fail the waiting ones."""
        self._closed = True
        while True:
            try:
                self._jobs.get_nowait().future.set_exception(StoreError("the store is closing"))
            except queue.Empty:
                return
