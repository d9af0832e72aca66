"""Supervised threads: work that raises is logged, reported as unhealthy, and restarted."""

from __future__ import annotations

import threading
from collections.abc import Callable

from common import logging_setup
from common.running.backoff import exponential_s

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class Worker(threading.Thread):
    """A daemon thread that ends only when its work returns.

    Args:
        target: The work: returns when it is stopped, and may be called again after it has raised.
        name: Of the thread, in logs and in `/healthz`.
        pause: Waits so many seconds before the work is started again; None: really.

    Attributes:
        failures: How often the work has raised.
        is_healthy: False from a failure until the work has been started again.
    """

    def __init__(self, target: Callable[[], object], name: str, pause: Callable[[float], object] | None = None) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._pause = target, pause or threading.Event().wait
        self.failures = 0
        self.is_healthy = True

    def run(self) -> None:
        """Work until the work returns."""
        while not self._done():
            self.failures += 1
            self.is_healthy = False
            self._pause(exponential_s(FIRST_PAUSE_S, LONGEST_PAUSE_S, self.failures - 1))
            self.is_healthy = True

    def _done(self) -> bool:
        try:
            self._work()
        except BaseException:  # SystemExit too: whatever it is, the others depend on this thread
            logging_setup.get("threads").exception("thread failed, starting again", thread=self.name)
            return False
        return True


def health() -> dict[str, bool]:
    """`thread:NAME` of each running worker → whether it is healthy."""
    return {f"thread:{it.name}": it.is_healthy for it in threading.enumerate() if isinstance(it, Worker)}
