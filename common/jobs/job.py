"""A job: what it is, and each change that there can be, as a pure function of what was before.

    queued → running → done | failed
      ↑        ↓ ↑
      └──── waiting          expired and cancelled: from every open state

A job that was running when its process ended is queued again at the next start, so handlers are idempotent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from common.clock import SECOND_NS
from common.errors import JobError
from common.running.backoff import exponential_s

State = Literal["queued", "running", "waiting", "done", "failed", "expired", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
Transition = Literal["start", "finish", "fail", "retry", "interrupt", "expire", "cancel"]
OPEN: tuple[State, ...] = ("queued", "running", "waiting")
TRANSITIONS: Mapping[tuple[State, Transition], State] = {
    ("queued", "start"): "running",
    ("waiting", "start"): "running",
    ("running", "finish"): "done",
    ("running", "fail"): "failed",
    ("running", "retry"): "waiting",
    ("running", "interrupt"): "queued",
    **{(state, "expire"): "expired" for state in OPEN},
    **{(state, "cancel"): "cancelled" for state in OPEN},
}
"""(state, transition) → state. What is not here is an error."""
MAX_CRASHES = 3
"""A job during which the process ended so often is not tried again: it may be what ends the process."""
PROBLEM_LENGTH = 500


@dataclass(frozen=True)
class Policy:
    """How jobs of a kind are run.

    Args:
        parallel: How many at the same time.
        most_open: How many may be open; a further one is refused.
        life_s: A job expires so many seconds after it was submitted.
        first_s: The pause after its first failure, seconds; it doubles with each.
        cap_s: The longest pause, seconds.
        durable: Whether a job survives a restart of the process.
    """

    parallel: int = 1
    most_open: int = 64
    life_s: float = 24 * 3600.0
    first_s: float = 1.0
    cap_s: float = 300.0
    durable: bool = True


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job. Times are UTC nanoseconds.

    Attributes:
        id: Unique; a second job with this id is not accepted.
        kind: Selects the handler.
        key: What it is about; jobs are cancelled by it.
        payload: The handler's input; empty when the job has ended.
        state: Where it stands.
        attempts: How often it was started.
        crashes: How often the process ended while it ran.
        next_ns: When it is due.
        expires_ns: It is not run from here on.
        progress: 0..1, of the current attempt.
        problem: Why it waits, failed, expired or was cancelled.
        code: The same for translations, where the engine was told how to find it.
    """

    id: str
    kind: str
    key: str
    expires_ns: int
    payload: bytes = b""
    state: State = "queued"
    attempts: int = 0
    crashes: int = 0
    next_ns: int = 0
    progress: float = 0.0
    problem: str = ""
    code: str = ""

    @property
    def open(self) -> bool:
        """Whether it may still be run."""
        return self.state in OPEN

    def __repr__(self) -> str:
        return f"Job({self.kind}, {self.id}, {self.state})"

    def __rich_repr__(self) -> Iterator[tuple[str, object]]:  # type: ignore[override]
        """In tracebacks: without the payload."""
        yield from (("kind", self.kind), ("id", self.id), ("state", self.state))


def is_due(job: Job, policy: Policy, now_ns: int) -> bool:
    """Whether a job is to be started now.

    A due time further away than the longest pause means that the wall clock was set back: the job is due.
    """
    waits = job.next_ns - now_ns
    startable = (job.state, "start") in TRANSITIONS and now_ns < job.expires_ns
    return startable and not 0 < waits <= policy.cap_s * SECOND_NS


def start(job: Job) -> Job:
    """An attempt begins.

    Raises:
        JobError: It cannot be started in its state.
    """
    return _moved(job, "start", attempts=job.attempts + 1, progress=0.0)


def finish(job: Job) -> Job:
    """It is done.

    Raises:
        JobError: It does not run.
    """
    return _moved(job, "finish", progress=1.0)


def fail(job: Job, problem: str, code: str = "") -> Job:
    """It is not tried again.

    Raises:
        JobError: It does not run.
    """
    return _moved(job, "fail", problem or "failed", code=code)


def retry(job: Job, problem: str, next_ns: int) -> Job:
    """The attempt failed; the next is due at `next_ns`.

    Raises:
        JobError: It does not run.
    """
    return _moved(job, "retry", problem, next_ns=next_ns)


def interrupt(job: Job, crashed: bool) -> Job:
    """The process ends, or has ended, while it runs; after too many crashes it fails.

    Raises:
        JobError: It does not run.
    """
    crashes = job.crashes + crashed
    if crashes >= MAX_CRASHES:
        return _moved(job, "fail", f"the process ended {crashes} times during this job", crashes=crashes)
    return _moved(job, "interrupt", crashes=crashes)


def expire(job: Job, problem: str = "") -> Job:
    """Its time is over.

    Raises:
        JobError: It has ended.
    """
    return _moved(job, "expire", f"not done in time: {problem or job.problem or 'it was not finished'}")


def cancel(job: Job, problem: str) -> Job:
    """It is not needed any more.

    Raises:
        JobError: It has ended.
    """
    return _moved(job, "cancel", problem)


def pause_ns(policy: Policy, attempts: int, jitter: float) -> int:
    """The pause after so many attempts, nanoseconds: between half and all of an exponential delay.

    Args:
        policy: Of the kind.
        attempts: At least 1.
        jitter: In [0, 1]; 1 is all of it.
    """
    return round(exponential_s(policy.first_s, policy.cap_s, attempts - 1) * (0.5 + 0.5 * jitter) * SECOND_NS)


def _moved(job: Job, transition: Transition, problem: str = "", code: str = "", **changed: object) -> Job:
    state = TRANSITIONS.get((job.state, transition))
    if state is None:
        raise JobError(f"job {job.id}: '{transition}' is not possible in state '{job.state}'")
    payload = job.payload if state in OPEN else b""
    ended = {"state": state, "problem": problem[:PROBLEM_LENGTH], "code": code, "payload": payload}
    return msgspec.structs.replace(job, **ended, **changed)
