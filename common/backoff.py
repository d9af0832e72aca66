"""Exponential back-off with full jitter.

Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015 (the "full jitter" variant, with a
floor so that a retry is never immediate).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Delays that double from `first_s` to `cap_s`, each drawn between half of it and all of it.

    Args:
        random: Uniform in [0, 1).
        first_s: The first delay's upper end, seconds.
        cap_s: No delay is longer, seconds.
    """

    random: Callable[[], float]
    first_s: float = 0.5
    cap_s: float = 8.0
    _tries: int = field(default=0, init=False)

    def next_s(self) -> float:
        """The next delay in seconds.

        >>> delays = Backoff(lambda: 1.0, first_s=1, cap_s=5)
        >>> [delays.next_s() for _ in range(4)]
        [1.0, 2.0, 4.0, 5.0]
        """
        top = min(self.cap_s, self.first_s * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return top * (0.5 + 0.5 * self.random())

    def reset(self) -> None:
        """Start again from `first_s`: the last try succeeded."""
        self._tries = 0
