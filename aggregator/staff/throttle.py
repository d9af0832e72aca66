"""Limits on guessing: so many tries in so much time, for each key."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from common.clock import SECOND_NS, Clock
from common.errors import LoginThrottled

_REMEMBERED_KEYS = 10_000


@dataclass
class Throttle:
    """At most `limit` tries per key in any `window_s` seconds.

    Args:
        clock: Monotonic time.
        limit: Tries that are let through.
        window_s: Seconds that a try is remembered.
    """

    clock: Clock
    limit: int
    window_s: float
    _tries: dict[str, deque[int]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def take(self, key: str) -> None:
        """Count a try.

        Raises:
            LoginThrottled: There were too many; this one does not count.
        """
        now_ns = self.clock.monotonic_ns()
        since_ns = now_ns - round(self.window_s * SECOND_NS)
        with self._lock:
            if len(self._tries) >= _REMEMBERED_KEYS:
                self._drop_old(since_ns)
            tries = self._tries.setdefault(key, deque())
            while tries and tries[0] <= since_ns:
                tries.popleft()
            if len(tries) >= self.limit:
                raise LoginThrottled((tries[0] - since_ns) / SECOND_NS)
            tries.append(now_ns)

    def forgive(self, key: str) -> None:
        """Forget the tries of a key: the log-in was right."""
        with self._lock:
            self._tries.pop(key, None)

    def take_back(self, key: str) -> None:
        """Forget the newest try of a key."""
        with self._lock:
            if tries := self._tries.get(key):
                tries.pop()

    def _drop_old(self, since_ns: int) -> None:
        self._tries = {key: tries for key, tries in self._tries.items() if tries and tries[-1] > since_ns}
        if len(self._tries) >= _REMEMBERED_KEYS:  # still: drop a quarter at once, so that this stays rare
            self._tries = dict(list(self._tries.items())[_REMEMBERED_KEYS // 4 :])
