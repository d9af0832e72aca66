"""Threads that search pictures, and a limit to how long anybody waits for them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_STUCK = 4
"""Threads that never came back, after which nothing is asked any more."""


class Promise(Generic[T]):
    """An answer that is on its way."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self._value: T | None = None
        self._error: Exception | None = None

    def keep(self) -> None:
        """Do the work."""
        try:
            self._value = self._work()
        except Exception as error:  # whatever a model raises: the frame becomes black
            self._error = error
        del self._work  # and with it the frame
        self._done.set()

    @property
    def ready(self) -> bool:
        """Whether there is an answer."""
        return self._done.is_set()

    def value(self, timeout_s: float) -> T:
        """The answer.

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
    """Some threads. One that is stuck is left behind and another one takes its place, `MOST_STUCK` times.

    Args:
        threads: How many.
    """

    def __init__(self, threads: int) -> None:
        self._asked: queue.SimpleQueue[Promise[T] | None] = queue.SimpleQueue()
        self._threads = threads
        self.stuck = 0
        for _ in range(threads):
            self._hire()

    @property
    def hopeless(self) -> bool:
        """Too many threads are stuck."""
        return self.stuck > MOST_STUCK

    def ask(self, work: Callable[[], T]) -> Promise[T]:
        """Have something done."""
        promise = Promise(work)
        self._asked.put(promise)
        return promise

    def replace(self) -> None:
        """One of them does not come back."""
        self.stuck += 1
        if not self.hopeless:
            self._hire()

    def close(self) -> None:
        """Let them go when they are done."""
        for _ in range(self._threads + self.stuck):
            self._asked.put(None)

    def _hire(self) -> None:
        threading.Thread(target=self._run, name="blur", daemon=True).start()

    def _run(self) -> None:
        while (promise := self._asked.get()) is not None:
            promise.keep()
