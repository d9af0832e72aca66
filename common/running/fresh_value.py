"""A value that is read again at most every few seconds, for all who need it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from common.clock import SECOND_NS, Clock

FRESH_NS = 5 * SECOND_NS
Value = TypeVar("Value")


class FreshValue(Generic[Value]):
    """May be used from any thread: while one reads, the others wait for what it reads.

    Args:
        read: Reads the value; what it raises reaches the caller, and the next call reads again.
        clock: Monotonic.
        fresh_ns: For how long a value that was read is given again; None: `FRESH_NS`.
    """

    def __init__(self, read: Callable[[], Value], clock: Clock, fresh_ns: int | None = None) -> None:
        self._read, self._clock, self._fresh_ns = read, clock, fresh_ns
        self._lock = threading.Lock()
        self._known: tuple[Value, int] | None = None

    def get(self) -> Value:
        """The value; reads it where the known one is too old."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            fresh_ns = FRESH_NS if self._fresh_ns is None else self._fresh_ns
            if self._known is None or now_ns - self._known[1] >= fresh_ns:
                self._known = (self._read(), now_ns)
            return self._known[0]
