"""How long one camera may send no picture, learned from the pictures that it sent. Pure: the clock is passed in.

Cameras send from sixty pictures a second to one an hour, and key frames from every picture to every few minutes.
A fixed number of seconds is too short for some of them and too long for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.clock import SECOND_NS
from common.running.backoff import exponential_s

SILENCE_S = 4.0
"""Shortest limit: a camera that sends several pictures a second is lost after this long without one."""
UNKNOWN_S = 90.0
"""Limit for the first picture of a camera that nothing is known of: some send none before their next key frame."""
FIRST_S = 10.0
"""Shortest limit for the first picture of a connection."""
LONGEST_S = 7200.0
_MEMORY_NS = 600 * SECOND_NS
"""A long interval counts for this long, or for four times itself."""


@dataclass
class Longest:
    """The longest interval of late."""

    ns: int = 0
    _at_ns: int = 0

    def add(self, interval_ns: int, now_ns: int) -> None:
        """One more interval; it replaces the longest when that is out of date."""
        if interval_ns >= self.ns or now_ns - self._at_ns > max(_MEMORY_NS, 4 * self.ns):
            self.ns, self._at_ns = interval_ns, now_ns


class Patience:
    """One camera's limits; it outlives connections. Used by one thread at a time."""

    def __init__(self) -> None:
        self._between, self._between_keys = Longest(), Longest()
        self._last_ns: int | None = None
        self._last_key_ns: int | None = None
        self._failed_connections = 0

    def connected(self) -> None:
        """A connection begins: the time before it is no interval."""
        self._last_ns = self._last_key_ns = None

    def picture(self, mono_ns: int, key: bool) -> None:
        """A picture came.

        Args:
            mono_ns: Monotonic clock of its arrival.
            key: A key frame.
        """
        if self._last_ns is not None:
            self._between.add(mono_ns - self._last_ns, mono_ns)
            self._failed_connections = 0
        self._last_ns = mono_ns
        if key:
            if self._last_key_ns is not None:
                self._between_keys.add(mono_ns - self._last_key_ns, mono_ns)
            self._last_key_ns = mono_ns

    def connection_failed(self) -> None:
        """A connection ended because no picture came: the next one may take twice as long for its first."""
        self._failed_connections += 1

    @property
    def silence_s(self) -> float:
        """Seconds without a picture after which a connection that had some is lost.

        >>> Patience().silence_s
        90.0
        """
        if not self._between.ns:
            return self.first_s
        return min(LONGEST_S, max(SILENCE_S, 1.5 * self._between.ns / SECOND_NS + 2.0))

    @property
    def first_s(self) -> float:
        """Seconds that a connection may take for its first picture."""
        known_s = max(self._between.ns, self._between_keys.ns) / SECOND_NS
        base_s = max(FIRST_S, 1.5 * known_s + 5.0) if known_s else UNKNOWN_S
        return exponential_s(base_s, LONGEST_S, self._failed_connections)
