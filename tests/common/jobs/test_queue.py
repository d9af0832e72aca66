"""The queue of jobs: what is accepted, started, ended, recovered and forgotten."""

from __future__ import annotations

import msgspec
import pytest

from common.clock import FakeClock
from common.errors import JobError, JobQueueFull
from common.jobs.job import Job, Policy
from common.jobs.queue import REMEMBERED, JobQueue, MemoryJobStore

POLICIES = {
    "clip": Policy(first_s=2.0, cap_s=60.0, life_s=1000.0),
    "live": Policy(parallel=2, most_open=2, durable=False),
}


class FailingStore(MemoryJobStore):
    """Refuses to write while `full`."""

    full = False

    def save(self, job: Job) -> None:
        if self.full:
            raise JobError("the disk is full")
        super().save(job)


class Side:
    def __init__(self) -> None:
        self.store, self.clock, self.ended = FailingStore(), FakeClock(), list[str]()
        self.queue = self.restarted()

    def restarted(self) -> JobQueue:
        """A queue after a start of the process."""
        self.queue = JobQueue(self.store, POLICIES, self.clock, lambda: 1.0, lambda job: self.ended.append(job.id))
        self.queue.recover()
        return self.queue

    def started(self, kind: str = "clip") -> Job:
        claimed = self.queue.claim(kind)
        assert claimed is not None
        return claimed[0]

    def state(self, job_id: str) -> str:
        job = self.queue.get(job_id)
        assert job is not None
        return job.state


@pytest.fixture
def side() -> Side:
    return Side()


def test_a_repeated_id_starts_nothing_twice(side: Side) -> None:
    side.queue.submit("1", "clip", "cam-1", b"x")
    job = side.started()
    assert side.queue.submit("1", "clip", "cam-1", b"y") == job
    side.queue.finish("1")
    assert side.queue.submit("1", "clip", "cam-1").state == "done"
    assert side.queue.claim("clip") is None
    with pytest.raises(JobError, match="kind 'clip'"):
        side.queue.submit("1", "live", "cam-1")
    assert side.ended == ["1"]


def test_what_waits_is_started_after_growing_pauses(side: Side) -> None:
    side.queue.submit("1", "clip", "cam-1")
    at = []
    for second in range(100):
        if side.queue.claim("clip") is not None:
            at.append(second)
            side.queue.retry("1", "busy")
        side.clock.advance(1)
    assert at == [0, 2, 6, 14, 30, 62]


def test_an_expired_job_is_never_run_and_a_running_one_is_stopped(side: Side) -> None:
    for job_id in ("1", "2"):
        side.queue.submit(job_id, "clip", "cam-1")
    claimed = side.queue.claim("clip")
    assert claimed is not None
    side.clock.advance(1000)
    assert side.queue.claim("clip") is None
    side.queue.tend()
    assert (side.state("1"), side.state("2")) == ("expired", "expired")
    assert claimed[1].is_set()
    assert side.ended == ["2"]  # the handler of the other one has not returned
    side.queue.finish("1")
    assert (side.state("1"), side.ended) == ("expired", ["2", "1"])


def test_jobs_are_cancelled_by_their_key(side: Side) -> None:
    for job_id, key in (("1", "cam-1"), ("2", "cam-2"), ("3", "cam-1")):
        side.queue.submit(job_id, "clip", key)
    claimed = side.queue.claim("clip")
    assert claimed is not None
    assert side.queue.cancel("cam-1", "the camera was removed") == 2
    assert claimed[1].is_set()
    assert [side.state(it) for it in "123"] == ["cancelled", "queued", "cancelled"]
    assert side.queue.cancel("cam-1", "again") == 0


def test_jobs_survive_a_restart_and_those_of_other_kinds_expire(side: Side) -> None:
    for job_id, kind in (("1", "clip"), ("2", "clip"), ("3", "live"), ("4", "live")):
        side.queue.submit(job_id, kind, "cam-1", b"x")
    side.started()
    side.started("live")
    side.restarted()
    assert [side.state(it) for it in "1234"] == ["queued", "queued", "expired", "expired"]
    assert sorted(side.ended) == ["3", "4"]
    assert side.started().payload == b"x"
    for _ in range(2):
        side.restarted()
        side.queue.claim("clip")
    assert [side.state(it) for it in "12"] == ["failed", "running"]
    assert sorted(side.store.jobs) == ["1", "2", "3", "4"]
    assert sorted(side.ended) == ["1", "3", "4"]


def test_too_many_open_jobs_are_refused(side: Side) -> None:
    for job_id in ("1", "2"):
        side.queue.submit(job_id, "live", "cam-1")
    with pytest.raises(JobQueueFull, match="at most 2"):
        side.queue.submit("3", "live", "cam-1")
    side.started("live")
    side.queue.finish("1")
    side.queue.submit("3", "live", "cam-1")


def test_a_store_that_fails_loses_nothing_that_was_accepted(side: Side) -> None:
    side.queue.submit("1", "clip", "cam-1")
    side.started()
    side.store.full = True
    with pytest.raises(JobError, match="full"):
        side.queue.submit("2", "clip", "cam-1")
    assert side.queue.get("2") is None
    side.queue.finish("1")
    assert (side.state("1"), side.store.jobs["1"].state) == ("done", "running")
    side.store.full = False
    side.queue.tend()
    assert side.store.jobs["1"].state == "done"


def test_ended_jobs_are_forgotten_at_last(side: Side) -> None:
    for number in range(REMEMBERED + 50):
        side.queue.submit(str(number), "clip", "cam-1")
        side.started()
        side.queue.fail(str(number), "broken")
        side.queue.tend()
    assert len(side.store.jobs) == len(side.queue.jobs()) == REMEMBERED
    assert "0" not in side.store.jobs


def test_progress_is_kept_within_its_bounds(side: Side) -> None:
    side.queue.submit("1", "clip", "cam-1")
    job = side.started()
    for given, shown in ((-1.0, 0.0), (0.25, 0.25), (0.1, 0.25), (7.0, 1.0)):
        side.queue.progress("1", given)
        assert side.queue.get("1") == msgspec.structs.replace(job, progress=shown)
