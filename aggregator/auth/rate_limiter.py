"""Limits on guessing: some tries of a key are free, then each waits longer than the last. Nobody is locked out.

A try within its wait is refused and not counted, so the wait does not grow by asking.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from common.clock import SECOND_NS, Clock
from common.errors import LoginThrottled
from common.running.backoff import exponential_s

_REMEMBERED_KEYS = 10_000
FIRST_S = 5.0
"""The first wait; each further one is twice as long."""


@dataclass
class _Tries:
    count: int = 0
    newest_ns: int = 0
    until_ns: int = 0


@dataclass
class RateLimiter:
    """Waits that grow with the tries of a key.

    Args:
        clock: Monotonic time.
        limit: Tries that are free.
        most_s: The longest wait; after as long without a try, all is forgotten.
    """

    clock: Clock
    limit: int
    most_s: float
    _tries: dict[str, _Tries] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def check(self, key: str) -> None:
        """Whether a try would be let through now; counts nothing.

        Raises:
            LoginThrottled: It would not.
        """
        with self._lock:
            tries = self._tries.get(key)
            if tries is not None:
                self._wait(tries)

    def take(self, key: str) -> None:
        """Count a try.

        Raises:
            LoginThrottled: It comes too soon; this one does not count.
        """
        with self._lock:
            now_ns = self.clock.monotonic_ns()
            if len(self._tries) >= _REMEMBERED_KEYS:
                self._drop_old(now_ns)
            tries = self._tries.setdefault(key, _Tries())
            self._wait(tries)
            if self._is_old(tries, now_ns):
                tries.count = 0
            tries.count, tries.newest_ns = tries.count + 1, now_ns
            if tries.count >= self.limit:
                wait_s = exponential_s(FIRST_S, self.most_s, tries.count - self.limit)
                tries.until_ns = now_ns + round(wait_s * SECOND_NS)

    def forgive(self, key: str) -> None:
        """Forget the tries of a key: the log-in was right."""
        with self._lock:
            self._tries.pop(key, None)

    def take_back(self, key: str) -> None:
        """Forget the newest try of a key."""
        with self._lock:
            if tries := self._tries.get(key):
                tries.count, tries.until_ns = max(0, tries.count - 1), 0

    def _wait(self, tries: _Tries) -> None:
        wait_ns = tries.until_ns - self.clock.monotonic_ns()
        if wait_ns > 0:
            raise LoginThrottled(wait_ns / SECOND_NS)

    def _is_old(self, tries: _Tries, now_ns: int) -> bool:
        return now_ns - max(tries.newest_ns, tries.until_ns) > self.most_s * SECOND_NS

    def _drop_old(self, now_ns: int) -> None:
        self._tries = {key: tries for key, tries in self._tries.items() if not self._is_old(tries, now_ns)}
        if len(self._tries) >= _REMEMBERED_KEYS:  # still: drop a quarter at once, so that this stays rare
            self._tries = dict(list(self._tries.items())[_REMEMBERED_KEYS // 4 :])
