"""Work that is repeated at an interval, in a thread or on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from common import logging_setup
from common.errors import PaifangError

_log = logging_setup.get("periodic")


def run_periodically(work: Callable[[], object], interval_s: float, wait: Callable[[float], bool], what: str) -> None:
    """Repeat `work` in this thread, each time after an interval. An expected error is logged; the next run follows.

    Other errors are raised: `common.running.threads.Worker` logs them, shows them in the health, and starts again.

    Args:
        work: One run.
        interval_s: Between two runs, seconds.
        wait: Waits so many seconds, or less; True ends the repetition, as `threading.Event.wait` does.
        what: Name of the work in logs.
    """
    while not wait(interval_s):
        try:
            work()
        except PaifangError as error:
            _log.warning(f"{what}: failed; will try again", problem=str(error))


async def repeat(
    work: Callable[[], Awaitable[None]],
    interval_s: float,
    what: str,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Repeat `work` on the event loop until it is cancelled, with an interval after each. Any error is logged.

    Args:
        work: One run.
        interval_s: Between two runs, seconds.
        what: Name of the work in logs.
        wait: Waits so many seconds, or less.
    """
    while True:
        try:
            await work()
        except PaifangError as error:
            _log.warning(f"{what}: failed; will try again", problem=str(error))
        except Exception:
            _log.exception(f"{what}: failed; will try again")
        await wait(interval_s)
