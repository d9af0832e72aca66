"""Exponential back-off with full jitter.

Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015 (the "full jitter" variant, with a
floor so that a retry is never immediate).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


def exponential_s(first_s: float, cap_s: float, failures: int) -> float:
    """The delay in seconds after so many failures beyond the first: it doubles from `first_s` to `cap_s`.

    >>> [exponential_s(1.0, 5.0, failures) for failures in (0, 1, 2, 3, 100_000)]
    [1.0, 2.0, 4.0, 5.0, 5.0]
    """
    return min(cap_s, first_s * 2.0 ** min(failures, 60))


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
        top = exponential_s(self.first_s, self.cap_s, self._tries)
        self._tries += 1
        return top * (0.5 + 0.5 * self.random())

    def reset(self) -> None:
        """Start again from `first_s`: the last try succeeded."""
        self._tries = 0


def run_with_retries(
    attempt: Callable[[], object],
    backoff: Backoff,
    stop: threading.Event,
    failed: Callable[[Exception | None], object],
    wait: Callable[[float], object] | None = None,
) -> None:
    """Repeat `attempt` until `stop` is set, with a delay after each that ends. The attempt resets the back-off.

    Args:
        attempt: One connection or run, from its start to its end.
        backoff: The delays.
        stop: Ends the repetition.
        failed: Called after an attempt that ended without a stop, with its exception; None: it returned.
        wait: Waits so many seconds, or less; otherwise `stop.wait`.
    """
    while not stop.is_set():
        error: Exception | None = None
        try:
            attempt()
        except Exception as caught:  # `failed` separates expected errors from faults; no error ends the thread
            error = caught
        if stop.is_set():
            return
        failed(error)
        (wait or stop.wait)(backoff.next_s())
