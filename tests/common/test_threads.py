from __future__ import annotations

import threading

import pytest

from common.running.threads import Worker, health


@pytest.mark.parametrize("error", [ValueError("no"), MemoryError(), RecursionError(), SystemExit(1)])
def test_work_that_raises_is_started_again_and_shows_meanwhile(error: BaseException) -> None:
    ended, paused, go_on = threading.Event(), threading.Event(), threading.Event()
    runs: list[int] = []

    def work() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise error
        ended.wait()

    def pause(_: float) -> None:
        paused.set()
        go_on.wait()

    worker = Worker(work, "test-worker", pause)
    worker.start()
    assert paused.wait(20)
    assert health()["thread:test-worker"] is False
    go_on.set()
    ended.set()
    worker.join(20)
    assert (len(runs), worker.failures, worker.is_alive()) == (2, 1, False)
    assert "thread:test-worker" not in health()


def test_pauses_grow() -> None:
    pauses: list[float] = []

    def work() -> None:
        if len(pauses) < 9:
            raise ValueError

    worker = Worker(work, "test-worker", pauses.append)
    worker.start()
    worker.join(20)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
