"""One loop for what is connected again and again."""

from __future__ import annotations

import threading

from common.running.backoff import Backoff, run_with_retries


def test_every_end_of_an_attempt_is_reported_and_delayed_until_the_stop() -> None:
    stop = threading.Event()
    seen: list[str] = []
    waits: list[float] = []
    ends = iter([None, ValueError("one"), RuntimeError("two")])

    def attempt() -> None:
        end = next(ends, "stop")
        if end == "stop":
            stop.set()
            raise OSError("after the stop this is not a failure")
        if isinstance(end, Exception):
            raise end

    backoff = Backoff(lambda: 1.0, first_s=1, cap_s=3)
    run_with_retries(attempt, backoff, stop, lambda error: seen.append(str(error)), waits.append)
    assert seen == ["None", "one", "two"]
    assert waits == [1.0, 2.0, 3.0]


def test_a_stop_before_the_first_attempt_starts_nothing() -> None:
    stop = threading.Event()
    stop.set()
    run_with_retries(lambda: 1 / 0, Backoff(lambda: 1.0), stop, lambda _error: 1 / 0)
