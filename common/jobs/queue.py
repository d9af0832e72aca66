"""The queue of jobs: accepts, claims, ends and recovers them. The engines beside it run what it hands out.

The queue in memory is what counts while the process lives; the store is written at each change. Where that fails, the
change stays and is written again with the next `tend`; only a new job is refused then.

Crash procedure: a job is stored before it is accepted; it is stored as running before its handler is called; its end is
stored after the handler has returned. After a crash `recover` finds it as running and queues it again, so a handler may
be called again for what it has done already. A job that has expired meanwhile, or whose kind is not durable, expires.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import JobError, JobQueueFull, PaifangError
from common.jobs import job as moves
from common.jobs.job import Job, Policy, State

_log = logging_setup.get("jobs")
REMEMBERED = 500
"""Ended jobs that are kept, so that a repeated request is recognised; the oldest are dropped."""


class JobStore(Protocol):
    """Keeps jobs across restarts. Called under the queue's lock."""

    def load(self) -> Iterable[Job]:
        """All jobs, in the order in which they were first saved.

        Raises:
            JobError: They cannot be read.
        """

    def save(self, job: Job) -> None:
        """Add or replace a job; durable when this returns.

        Raises:
            JobError: It cannot be written now.
        """

    def drop(self, job_id: str) -> None:
        """Forget a job.

        Raises:
            JobError: It cannot be written now.
        """

    def close(self) -> None:
        """The process ends."""


class MemoryJobStore:
    """Jobs that need no durability of their own, and a fake for tests."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}

    def load(self) -> list[Job]:
        """All jobs."""
        return list(self.jobs.values())

    def save(self, job: Job) -> None:
        """Add or replace a job."""
        self.jobs[job.id] = job

    def drop(self, job_id: str) -> None:
        """Forget a job."""
        self.jobs.pop(job_id, None)

    def close(self) -> None:
        """Nothing is open."""


class JobQueue:
    """See the module. Any thread.

    Args:
        store: Keeps jobs.
        policies: Kind → how its jobs are run; jobs of other kinds fail.
        clock: Wall clock.
        random: Uniform in [0, 1), for the pauses.
        ended: Called once for each job that has ended and whose handler has returned; must not raise.
        remembered: So many ended jobs are kept; 0 where something else decides what is to be done again.
    """

    def __init__(
        self,
        store: JobStore,
        policies: Mapping[str, Policy],
        clock: Clock,
        random: Callable[[], float],
        ended: Callable[[Job], None] = lambda _: None,
        *,
        remembered: int = REMEMBERED,
    ) -> None:
        self.policies = dict(policies)
        self._store, self._clock, self._random, self._ended = store, clock, random, ended
        self._remembered = remembered
        self._jobs: dict[str, Job] = {}
        self._signals: dict[str, threading.Event] = {}
        self._unsaved: dict[str, None] = {}
        self._lock = threading.RLock()

    def recover(self) -> None:
        """Load what the store has, and queue again what was running.

        Raises:
            JobError: The store cannot be read.
        """
        with self._lock:
            self._jobs = {job.id: job for job in self._store.load()}
            self.expire_volatile()
            for job in list(self._jobs.values()):
                if job.state == "running":
                    self._close(moves.interrupt(job, crashed=True))
            self.tend()

    def expire_volatile(self) -> None:
        """End open jobs of kinds that do not survive a restart: the process begins or ends."""
        with self._lock:
            for job in list(self._jobs.values()):
                policy = self.policies.get(job.kind)
                if job.open and (policy is None or not policy.durable):
                    self._close(moves.expire(job, "the process was restarted"))

    def submit(self, job_id: str, kind: str, key: str, payload: bytes = b"", *, expires_ns: int = 0) -> Job:
        """Accept a job; the one with this id where there is one already.

        Args:
            job_id: Unique.
            kind: One of the policies'.
            key: What it is about.
            payload: The handler's input.
            expires_ns: UTC nanoseconds; 0: after the policy's life.

        Raises:
            JobQueueFull: Too many of this kind are open.
            JobError: It cannot be stored, or the id belongs to a job of another kind.
        """
        with self._lock:
            policy = self.policies[kind]
            known = self._jobs.get(job_id)
            if known is not None:
                if known.kind != kind:
                    raise JobError(f"the id {job_id} belongs to a job of kind '{known.kind}'")
                return known
            if sum(job.open for job in self._of(kind)) >= policy.most_open:
                raise JobQueueFull(f"at most {policy.most_open} jobs of kind '{kind}' may be open")
            now_ns = self._clock.wall_ns()
            expires_ns = expires_ns or now_ns + round(policy.life_s * SECOND_NS)
            job = Job(id=job_id, kind=kind, key=key, payload=payload, next_ns=now_ns, expires_ns=expires_ns)
            self._store.save(job)
            self._jobs[job_id] = job
            return job

    def get(self, job_id: str) -> Job | None:
        """A job that is open or remembered."""
        with self._lock:
            return self._jobs.get(job_id)

    def jobs(self) -> list[Job]:
        """All that are open or remembered, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def count(self, kind: str, *states: State) -> int:
        """How many jobs of a kind are in one of these states."""
        with self._lock:
            found = Counter(job.state for job in self._of(kind))
        return sum(found[state] for state in states)

    def claim(self, kind: str) -> tuple[Job, threading.Event] | None:
        """Start the job of this kind that is due first; None where none is, or enough are running.

        Returns:
            The job, and a signal that is set when it must end.
        """
        with self._lock:
            policy, now_ns = self.policies[kind], self._clock.wall_ns()
            mine = list(self._of(kind))
            due = [job for job in mine if moves.is_due(job, policy, now_ns)]
            if not due or sum(job.state == "running" for job in mine) >= policy.parallel:
                return None
            job = moves.start(min(due, key=lambda it: it.next_ns))
            self._put(job)
            self._signals[job.id] = threading.Event()
            return job, self._signals[job.id]

    def progress(self, job_id: str, fraction: float) -> None:
        """Note how much is done, 0..1; never less than before in an attempt; not stored before the next state."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and job.state == "running":
                self._jobs[job_id] = msgspec.structs.replace(job, progress=min(1.0, max(job.progress, fraction)))

    def finish(self, job_id: str) -> None:
        """Its handler has returned."""
        self._end(job_id, moves.finish)

    def fail(self, job_id: str, problem: str, code: str = "") -> None:
        """Its handler gave up."""
        self._end(job_id, lambda job: moves.fail(job, problem, code))

    def retry(self, job_id: str, problem: str) -> None:
        """Its handler could not do it now; the next attempt is due after a growing pause."""

        def waiting(job: Job) -> Job:
            pause_ns = moves.pause_ns(self.policies[job.kind], job.attempts, self._random())
            return moves.retry(job, problem, self._clock.wall_ns() + pause_ns)

        self._end(job_id, waiting)

    def interrupt(self, job_id: str) -> None:
        """The process is stopping."""
        self._end(job_id, lambda job: moves.interrupt(job, crashed=False))

    def cancel(self, key: str, problem: str) -> int:
        """End all open jobs about `key`; how many there were."""
        with self._lock:
            found = [job for job in self._jobs.values() if job.open and job.key == key]
            for job in found:
                self._close(moves.cancel(job, problem))
            return len(found)

    def tend(self) -> None:
        """End what has expired, write what could not be written, and forget the oldest ended jobs."""
        with self._lock:
            now_ns = self._clock.wall_ns()
            for job in list(self._jobs.values()):
                if job.open and now_ns >= job.expires_ns:
                    self._close(moves.expire(job))
            for job_id in list(self._unsaved):
                self._save(self._jobs[job_id])
            self._drop_oldest()

    def release_all(self) -> None:
        """Set the signal of every running job: the process is stopping."""
        with self._lock:
            for signal in self._signals.values():
                signal.set()

    def _drop_oldest(self) -> None:
        kept = self._unsaved.keys() | self._signals.keys()
        ended = [job.id for job in self._jobs.values() if not job.open and job.id not in kept]
        for job_id in ended[: max(0, len(ended) - self._remembered)]:
            with contextlib.suppress(JobError):
                self._store.drop(job_id)
                del self._jobs[job_id]

    def _of(self, kind: str) -> Iterable[Job]:
        return (job for job in self._jobs.values() if job.kind == kind)

    def _end(self, job_id: str, move: Callable[[Job], Job]) -> None:
        with self._lock:
            self._signals.pop(job_id, None)
            job = self._jobs[job_id]
            if job.state == "running":  # not: cancelled or expired meanwhile
                job = move(job)
                self._put(job)
            if not job.open:
                self._ended(job)
                self._drop_oldest()

    def _close(self, job: Job) -> None:
        self._put(job)
        if (signal := self._signals.get(job.id)) is not None:
            signal.set()  # its handler is still at work
        elif not job.open:
            self._ended(job)

    def _put(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._save(job)

    def _save(self, job: Job) -> None:
        try:
            self._store.save(job)
        except PaifangError as error:
            if job.id not in self._unsaved:
                _log.warning("job not stored, will try again", job=job.id, kind=job.kind, problem=str(error))
            self._unsaved[job.id] = None
        else:
            self._unsaved.pop(job.id, None)
