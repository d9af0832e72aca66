"""The engines in threads and on an event loop: handlers that succeed, fail, ask for more time, or are stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.clock import FakeClock
from common.errors import JobQueueFull, PaifangError, TryAgain
from common.jobs.async_engine import AsyncJobEngine
from common.jobs.engine import Attempt, JobEngine
from common.jobs.job import Job, Policy
from common.jobs.queue import JobQueue, MemoryJobStore

POLICIES = {"clip": Policy(first_s=0.0, cap_s=0.0)}
"""Without a pause, so that no test waits for a clock."""


class Side:
    """A threaded engine whose handler is `do`; `came` counts its calls."""

    def __init__(self) -> None:
        self.store, self.came, self.ended = MemoryJobStore(), threading.Semaphore(0), threading.Semaphore(0)
        self.do: Callable[[Attempt], None] = lambda _: None
        self.clock = FakeClock()
        self.queue = JobQueue(self.store, POLICIES, self.clock, lambda: 1.0, lambda _: self.ended.release())
        self.engine = JobEngine(self.queue, {"clip": self._handle})
        self.engine.start()

    def _handle(self, attempt: Attempt) -> None:
        self.came.release()
        self.do(attempt)

    def run(self, job_id: str = "1") -> Job:
        self.engine.submit(job_id, "clip", "cam-1", b"x")
        assert self.ended.acquire(timeout=20)
        job = self.queue.get(job_id)
        assert job is not None
        return job


@pytest.fixture
def side() -> Iterator[Side]:
    made = Side()
    yield made
    made.engine.stop()


def raises(error: Exception) -> Callable[[Attempt], None]:
    def do(_: Attempt) -> None:
        raise error

    return do


@pytest.mark.parametrize(
    ("error", "problem"), [(PaifangError("no such footage"), "no such footage"), (ZeroDivisionError("1/0"), "ZeroDiv")]
)
def test_a_handler_that_fails_ends_its_job_and_nothing_else(side: Side, error: Exception, problem: str) -> None:
    side.do = raises(error)
    job = side.run()
    assert job.state == "failed"
    assert problem in job.problem
    side.do = lambda attempt: attempt.progress(0.5)
    assert side.run("2").state == "done"


def test_what_asks_for_more_time_is_tried_again(side: Side) -> None:
    calls = iter((True, True, False))

    def do(_: Attempt) -> None:
        if next(calls):
            raise TryAgain("busy")

    side.do = do
    side.engine.submit("1", "clip", "cam-1", b"x")
    assert side.ended.acquire(timeout=20)
    job = side.queue.get("1")
    assert job is not None
    assert (job.state, job.attempts) == ("done", 3)


def test_stopping_interrupts_a_job_which_is_queued_again(side: Side) -> None:
    def do(attempt: Attempt) -> None:
        assert attempt.stop.wait(20)
        raise PaifangError("stopped")

    side.do = do
    side.engine.submit("1", "clip", "cam-1", b"x")
    assert side.came.acquire(timeout=20)
    side.engine.stop()
    assert (side.store.jobs["1"].state, side.store.jobs["1"].crashes) == ("queued", 0)
    with pytest.raises(JobQueueFull):
        side.engine.submit("2", "clip", "cam-1", b"x")


def test_an_event_loop_runs_retries_and_cancels() -> None:
    clock, store = FakeClock(), MemoryJobStore()
    queue = JobQueue(store, {"ask": Policy(parallel=2, first_s=2.0)}, clock, lambda: 1.0)
    outcomes: dict[str, Exception | None] = {"1": TryAgain("busy"), "2": PaifangError("no"), "3": None, "4": KeyError()}

    async def ask(job: Job) -> None:
        if job.id == "5":
            await asyncio.Event().wait()
        if (error := outcomes[job.id]) is not None:
            raise error

    async def story() -> None:
        engine = AsyncJobEngine(queue, {"ask": ask})
        for job_id in outcomes:
            queue.submit(job_id, "ask", f"box-{job_id}")
        for _ in range(3):
            engine.turn()
            await engine.settled()
        assert [store.jobs[it].state for it in outcomes] == ["waiting", "waiting", "done", "waiting"]
        outcomes["1"] = None
        assert [queue.cancel(f"box-{it}", "not wanted") for it in "24"] == [1, 1]
        clock.advance(2)
        queue.submit("5", "ask", "box")
        engine.turn()
        await asyncio.sleep(0)
        engine.stop()
        with pytest.raises(asyncio.CancelledError):
            await engine.settled()
        assert (store.jobs["1"].state, store.jobs["5"].state) == ("done", "queued")

    with ThreadPoolExecutor(1) as apart:  # this thread may run a browser's event loop
        apart.submit(asyncio.run, story()).result()
