"""Limits the requests of a consumer: a token bucket that holds a minute's worth."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from common.clock import SECOND_NS, Clock
from common.errors import FeedThrottled

MOST_KEYS = 1_000


@dataclass
class RequestQuota:
    """May be used from any thread.

    Args:
        clock: Monotonic time.
    """

    clock: Clock
    _left: dict[str, tuple[float, int]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def take(self, key: str, per_minute: int) -> None:
        """Count a request.

        Raises:
            FeedThrottled: There were too many; this one does not count.
        """
        now_ns = self.clock.monotonic_ns()
        with self._lock:
            left, seen_ns = self._left.get(key, (float(per_minute), now_ns))
            left = min(float(per_minute), left + (now_ns - seen_ns) / SECOND_NS * per_minute / 60)
            if left < 1:
                raise FeedThrottled((1 - left) * 60 / per_minute, "too many requests")
            if len(self._left) >= MOST_KEYS and key not in self._left:
                self._left.pop(next(iter(self._left)))
            self._left[key] = (left - 1, now_ns)
