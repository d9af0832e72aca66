"""Which sessions the identity provider has just opened: where there is no password, that is the proof."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from common.clock import SECOND_NS, Clock

GOOD_S = 600.0
"""So long after a log-in through the provider it stands in for a password."""
_MOST = 10_000


@dataclass
class Vouchers:
    """Remembers such sessions in memory only: after a restart, their users log in once more. Any thread.

    Args:
        clock: Monotonic time, which cannot be set back.
    """

    clock: Clock
    _began: OrderedDict[str, int] = field(default_factory=OrderedDict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def add(self, session: str) -> None:
        """A session has begun; it is known by its token's hash."""
        with self._lock:
            self._began[session] = self.clock.monotonic_ns()
            while len(self._began) > _MOST or self._is_old(next(iter(self._began.values()))):
                self._began.popitem(last=False)

    def good(self, session: str) -> bool:
        """Whether it began so recently."""
        with self._lock:
            began_ns = self._began.get(session)
            return began_ns is not None and not self._is_old(began_ns)

    def _is_old(self, began_ns: int) -> bool:
        return self.clock.monotonic_ns() - began_ns > GOOD_S * SECOND_NS
