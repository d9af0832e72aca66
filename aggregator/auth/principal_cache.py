"""Principals of sessions and API tokens, kept for a moment, so that a page's many requests read the store once.

A change of an account, a session or a token clears the cache at once: in this process by `clear`, by a command on this
machine through the change stamp. A change from another machine takes effect within `KEEP_S`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from aggregator.domain.accounts.authorization import Principal
from common.clock import SECOND_NS, Clock

KEEP_S = 1.0
MOST = 10_000
"""Entries; when there are more, all are dropped."""


@dataclass(frozen=True)
class _Entry:
    principal: Principal
    until_ns: int
    expires_ns: int


class PrincipalCache:
    """May be used from any thread.

    Args:
        clock: Monotonic time for entries, wall time for what expires.
        stamp: Differs when another process has changed accounts.
    """

    def __init__(self, clock: Clock, stamp: Callable[[], object] = lambda: None) -> None:
        self._clock, self._stamp = clock, stamp
        self._stamped = stamp()
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._generation = 0

    def generation(self) -> int:
        """To be read before the store is read, and given to `put`."""
        stamped = self._stamp()
        with self._lock:
            if stamped != self._stamped:
                self._stamped = stamped
                self._clear()
            return self._generation

    def get(self, token_hash: str) -> Principal | None:
        """The principal; None where it is not known, or no longer. To be called after `generation`."""
        with self._lock:
            entry = self._entries.get(token_hash)
        if entry is None or self._clock.monotonic_ns() >= entry.until_ns or self._clock.wall_ns() >= entry.expires_ns:
            return None
        return entry.principal

    def put(self, token_hash: str, principal: Principal, expires_ns: int, generation: int) -> None:
        """Keep a principal for `KEEP_S`.

        Args:
            token_hash: Of the session's or API token.
            principal: As read from the store.
            expires_ns: When the session or token expires, UTC nanoseconds.
            generation: From before the store was read: what was revoked meanwhile is not kept.
        """
        entry = _Entry(principal, self._clock.monotonic_ns() + round(KEEP_S * SECOND_NS), expires_ns)
        with self._lock:
            if generation != self._generation:
                return
            if len(self._entries) >= MOST:
                self._entries.clear()
            self._entries[token_hash] = entry

    def clear(self) -> None:
        """Something was revoked or changed: drop all entries."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._generation += 1
        self._entries.clear()
