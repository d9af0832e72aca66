"""The state machine of a job: its table, and what holds in every sequence of transitions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import SECOND_NS
from common.errors import JobError
from common.jobs import job as moves
from common.jobs.job import MAX_CRASHES, OPEN, STATES, TRANSITIONS, Job, Policy, State, Transition

POLICY = Policy(first_s=2.0, cap_s=60.0)
MOVES: dict[Transition, Callable[[Job], Job]] = {
    "start": moves.start,
    "finish": moves.finish,
    "fail": lambda job: moves.fail(job, "broken"),
    "retry": lambda job: moves.retry(job, "busy", 7),
    "interrupt": lambda job: moves.interrupt(job, crashed=False),
    "expire": moves.expire,
    "cancel": lambda job: moves.cancel(job, "not wanted"),
}


def job(state: State = "queued", next_ns: int = 0) -> Job:
    end_ns = 100 * SECOND_NS
    return Job(id="1", kind="clip", key="cam-1", state=state, payload=b"x", next_ns=next_ns, expires_ns=end_ns)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("transition", MOVES)
def test_only_what_the_table_has_is_possible(state: State, transition: Transition) -> None:
    after = TRANSITIONS.get((state, transition))
    if after is None:
        with pytest.raises(JobError, match=f"'{transition}' is not possible in state '{state}'"):
            MOVES[transition](job(state))
        return
    made = MOVES[transition](job(state))
    assert made.state == after
    assert bool(made.payload) == (after in OPEN)


@given(st.lists(st.sampled_from(sorted(MOVES))))
def test_an_ended_job_never_moves_and_attempts_count_starts(names: list[Transition]) -> None:
    now, starts = job(), 0
    for name in names:
        before = now
        try:
            now = MOVES[name](now)
        except JobError:
            assert (before.state, name) not in TRANSITIONS
            continue
        assert before.open
        starts += name == "start"
        assert now.attempts == starts
        assert 0.0 <= now.progress <= 1.0


def test_a_job_during_which_the_process_ends_is_given_up() -> None:
    now = job()
    for crash in range(MAX_CRASHES):
        now = moves.interrupt(moves.start(now), crashed=True)
        assert now.state == ("failed" if crash == MAX_CRASHES - 1 else "queued")
    assert "ended 3 times" in now.problem


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_and_stay_between_their_bounds(attempts: int, jitter: float) -> None:
    pause = moves.pause_ns(POLICY, attempts, jitter)
    assert SECOND_NS <= pause <= 60 * SECOND_NS
    assert pause <= moves.pause_ns(POLICY, attempts + 1, jitter)


@pytest.mark.parametrize(
    ("state", "next_s", "now_s", "due"),
    [
        ("queued", 5, 4, False), ("queued", 5, 5, True), ("waiting", 5, 6, True), ("running", 5, 6, False),
        ("queued", 5, 99, True), ("queued", 5, 100, False), ("done", 5, 6, False),
        ("waiting", 99, 40, False), ("waiting", 99, 38, True),  # further away than any pause: the clock was set back
    ],
)  # fmt: skip
def test_what_is_due(state: State, next_s: int, now_s: int, due: bool) -> None:
    assert moves.is_due(job(state, next_ns=next_s * SECOND_NS), POLICY, now_s * SECOND_NS) == due


def test_a_payload_is_in_no_log() -> None:
    secret = Job(id="1", kind="clip", key="cam-1", payload=b"the ticket", expires_ns=1)
    assert "ticket" not in f"{secret} {secret!r} {list(secret.__rich_repr__())}"
