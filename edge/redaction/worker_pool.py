"""Worker threads with time-outs; stuck threads are replaced."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_STUCK = 4
"""Number of stuck threads after which the pool is exhausted."""


class PendingResult(Generic[T]):
    """A result that is not available yet."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self._value: T | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        """Do the work."""
        try:
            self._value = self._work()
        except Exception as error:  # on any error of a model the frame is black
            self._error = error
        del self._work  # releases the frame
        self._done.set()

    @property
    def ready(self) -> bool:
        """Whether the result is available."""
        return self._done.is_set()

    def value(self, timeout_s: float) -> T:
        """The result.

        Raises:
            TimeoutError: None came in time.
            Exception: What the work raised.
        """
        if not self._done.wait(timeout_s):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # T may be None itself


class WorkerPool(Generic[T]):
    """Some threads. A stuck one is abandoned and replaced, at most `MOST_STUCK` times.

    Args:
        threads: Number of threads.
    """

    def __init__(self, threads: int) -> None:
        self._asked: queue.SimpleQueue[PendingResult[T] | None] = queue.SimpleQueue()
        self._threads = threads
        self.stuck = 0
        for _ in range(threads):
            self._start_thread()

    @property
    def is_exhausted(self) -> bool:
        """Too many threads are stuck."""
        return self.stuck > MOST_STUCK

    def submit(self, work: Callable[[], T]) -> PendingResult[T]:
        """Submit work."""
        promise = PendingResult(work)
        self._asked.put(promise)
        return promise

    def replace(self) -> None:
        """Replace a stuck thread."""
        self.stuck += 1
        if not self.is_exhausted:
            self._start_thread()

    def close(self) -> None:
        """Let the threads end after their work."""
        for _ in range(self._threads + self.stuck):
            self._asked.put(None)

    def _start_thread(self) -> None:
        threading.Thread(target=self._run, name="blur", daemon=True).start()

    def _run(self) -> None:
        while (promise := self._asked.get()) is not None:
            promise.run()
