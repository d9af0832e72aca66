"""Keeps a target that fails from taking the place of others: one attempt at a time, and pauses that grow."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.clock import SECOND_NS, Clock
from common.running.backoff import exponential_s

FAILURES = 3
FIRST_S, LONGEST_S = 30.0, 600.0
MOST = 10_000


@dataclass
class CircuitBreaker:
    """After `FAILURES` failures in a row a target is closed for a while; then one attempt decides.

    Args:
        clock: Monotonic time.
        slow: How many targets with a failure may be attempted at the same time.
    """

    clock: Clock
    slow: int = 2
    _failures: dict[str, int] = field(default_factory=dict, init=False)
    _until_ns: dict[str, int] = field(default_factory=dict, init=False)
    _busy: set[str] = field(default_factory=set, init=False)

    def closed(self) -> list[str]:
        """Targets that no attempt may begin for now: what waits for them takes no place from others."""
        now_ns = self.clock.monotonic_ns()
        return [*self._busy, *(target for target, until_ns in self._until_ns.items() if now_ns < until_ns)]

    def take(self, target: str) -> bool:
        """Whether an attempt may begin now; if so, it has."""
        if target in self._busy or self.clock.monotonic_ns() < self._until_ns.get(target, 0):
            return False
        if target in self._failures and sum(it in self._failures for it in self._busy) >= self.slow:
            return False
        self._busy.add(target)
        return True

    def release(self, target: str, good: bool | None) -> None:
        """An attempt has ended; None: it was not made."""
        self._busy.discard(target)
        if good:
            self._failures.pop(target, None)
            self._until_ns.pop(target, None)
        elif good is False:
            if len(self._failures) >= MOST:
                self._failures.clear()
                self._until_ns.clear()
            count = self._failures[target] = self._failures.get(target, 0) + 1
            if count >= FAILURES:
                pause_s = exponential_s(FIRST_S, LONGEST_S, count - FAILURES)
                self._until_ns[target] = self.clock.monotonic_ns() + round(pause_s * SECOND_NS)
