"""Limits on log-ins: by name and address prefix, by prefix, by name; and a bounded report of those that failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.auth.client_address import prefix_of
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.audit.audit_entry import AuditEntry
from common import logging_setup
from common.clock import HOUR_NS, Clock
from common.errors import StoreError

_log = logging_setup.get("login")
LONGEST_S = 300.0
LONGEST_SHARED_S = 60.0
"""The longest wait that attempts of other clients can cause."""
MOST_KNOWN = 10_000
MOST_REPORTS = 100
"""Reports of failed log-ins within an hour; the others are counted in the next one."""
UNKNOWN = "unknown"
"""Written instead of an unknown user name: people type passwords into the wrong field."""


class LoginLimits:
    """Slows guessing down. Who has logged in from a prefix before waits only for their own tries from there.

    Args:
        clock: Monotonic time.
    """

    def __init__(self, clock: Clock) -> None:
        self._pair = RateLimiter(clock, 5, LONGEST_S)
        self._prefix, self._name = RateLimiter(clock, 20, LONGEST_SHARED_S), RateLimiter(clock, 50, LONGEST_SHARED_S)
        self._known: OrderedDict[str, None] = OrderedDict()

    def take(self, name: str, address: str) -> None:
        """Count a try.

        Raises:
            LoginThrottled: It comes too soon.
        """
        limits = self._limits(name, address)
        for limit, key in limits:
            limit.check(key)
        for limit, key in limits:
            limit.take(key)

    def passed(self, name: str, address: str) -> None:
        """The try was right."""
        (pair, key), *shared = self._limits(name, address)
        pair.forgive(key)
        for limit, other in shared:
            limit.take_back(other)
        self._known[key] = None
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _limits(self, name: str, address: str) -> list[tuple[RateLimiter, str]]:
        prefix = prefix_of(address)
        pair = f"{prefix}\0{name}"
        shared = [] if pair in self._known else [(self._prefix, prefix), (self._name, name)]
        return [(self._pair, pair), *shared]


@dataclass
class Failures:
    """Reports failed log-ins, in the log and in the audit log; a flood of them fills neither.

    Args:
        clock: When.
        put: Puts an act in the audit log, without waiting.
    """

    clock: Clock
    put: Callable[[AuditEntry], object]
    _since_ns: int | None = field(default=None, init=False)
    _reports: int = field(default=0, init=False)
    _untold: int = field(default=0, init=False)

    def report(self, name: str | None, address: str, why: str) -> None:
        """Report one.

        Args:
            name: The user; None if there is no such user.
            address: Where it came from; its prefix is recorded.
            why: `wrong` or `throttled`.
        """
        now_ns = self.clock.monotonic_ns()
        if self._since_ns is None or now_ns - self._since_ns >= HOUR_NS:
            self._since_ns, self._reports = now_ns, 0
        if self._reports >= MOST_REPORTS:
            self._untold += 1
            return
        self._reports += 1
        detail = {"from": prefix_of(address), "why": why} | ({"others": str(self._untold)} if self._untold else {})
        self._untold = 0
        _log.warning("login refused", user=name or UNKNOWN, **detail)
        try:
            self.put(AuditEntry(time_ns=self.clock.wall_ns(), who=name or UNKNOWN, what="login.failed", detail=detail))
        except StoreError as error:
            _log.warning("login not recorded", error=str(error))
