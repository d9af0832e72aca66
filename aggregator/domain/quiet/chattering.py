"""Chattering alerts after ISA-18.2: a mark that points to a rule or device that needs work.

3 or more activations within a minute; the mark stays until there were none for 10 minutes.
"""

from __future__ import annotations

from collections import OrderedDict

from common.clock import SECOND_NS

ACTIVATIONS, WITHIN_S = 3, 60
CALM_S = 600
MOST_REMEMBERED = 20_000


class ChatteringDetector:
    """The newest activations of each fingerprint, in bounded memory: the one that was calm longest is dropped first."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._newest: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._newest)

    def activated(self, fingerprint: str, time_ns: int) -> bool:
        """Count an activation, at UTC nanoseconds, in any order; whether the alert chatters with it."""
        known = self._newest.pop(fingerprint, ())
        newest = tuple(sorted((*known, time_ns))[-ACTIVATIONS:])
        self._newest[fingerprint] = newest
        if len(self._newest) > self._most:
            self._newest.popitem(last=False)
        return chatters(newest)


def chatters(activations_ns: tuple[int, ...]) -> bool:
    """Whether the newest activations, oldest first, lie within a minute."""
    return len(activations_ns) >= ACTIVATIONS and activations_ns[-1] - activations_ns[-ACTIVATIONS] <= (
        WITHIN_S * SECOND_NS
    )


def is_calm(last_ns: int, now_ns: int) -> bool:
    """Whether the mark is taken away: nothing happened for `CALM_S`."""
    return now_ns - last_ns >= CALM_S * SECOND_NS
