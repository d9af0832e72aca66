"""Repeated work: at its interval, after expected errors too, until it is stopped."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from common import logging_setup
from common.errors import StoreError
from common.running.periodic import repeat, run_periodically


def test_work_is_repeated_after_expected_errors_until_the_stop(capsys: pytest.CaptureFixture[str]) -> None:
    logging_setup.configure("info")  # other tests of this process may have set another level
    waits: list[float] = []
    runs: list[int] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 3

    def work() -> None:
        runs.append(1)
        if len(runs) == 2:
            raise StoreError("the disk is full")

    run_periodically(work, 7.0, wait, "tests")
    assert (waits, len(runs)) == ([7.0] * 4, 3)
    log = capsys.readouterr()
    assert "tests: failed; will try again" in log.out + log.err
    assert "the disk is full" in log.out + log.err


def test_a_stop_before_the_first_run_is_noticed() -> None:
    run_periodically(lambda: pytest.fail("it was stopped"), 7.0, lambda _: True, "tests")


def test_unexpected_errors_in_a_thread_reach_its_supervisor() -> None:
    def work() -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        run_periodically(work, 7.0, lambda _: False, "tests")


@pytest.mark.parametrize("error", [StoreError("the disk is full"), ValueError("a fault")])
def test_repetition_on_the_loop_survives_every_error(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    logging_setup.configure("info")
    waits: list[float] = []
    runs: list[int] = []

    async def work() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise error

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await repeat(work, 7.0, "tests", wait)

    with ThreadPoolExecutor(1) as apart:  # another test may have left a loop in this thread
        apart.submit(asyncio.run, main()).result()
    assert (waits, len(runs)) == ([7.0] * 3, 3)
    log = capsys.readouterr()
    assert str(error) in log.out + log.err
