"""A box's jobs over restarts of the process, on the real file: what goes on, what does not, and what is left behind."""

from __future__ import annotations

import secrets
import sqlite3
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from edge_kit import wait_until
from job_kit import Jobs

from common.clock import SECOND_NS, FakeClock
from common.errors import FootageRefused, JobError, UplinkError, UplinkRefused
from common.jobs.engine import Attempt
from common.jobs.job import Job, Policy
from edge.jobs.job_store import SqliteJobStore
from protocol.commands import Command
from protocol.identifiers import uuid7
from protocol.receipts import JobStatus


@dataclass
class Handler:
    """A handler that fails as it is told to, or blocks until it is stopped."""

    policy: Policy = field(default_factory=Policy)
    problems: list[Exception] = field(default_factory=list)
    blocks: bool = False
    ran: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    kept: frozenset[str] = frozenset()

    def clean(self, open_jobs: frozenset[str]) -> None:
        self.kept = open_jobs

    def discard(self, job_id: str) -> None:
        self.discarded.append(job_id)

    def check(self, command: Command) -> None:
        if command.target == "nowhere":
            raise FootageRefused("no such camera")

    def run(self, command: Command, attempt: Attempt) -> None:
        self.ran.append(command.job)
        if self.blocks and attempt.stop.wait(20):
            raise UplinkError("stopped")
        if self.problems:
            raise self.problems.pop(0)


def command(target: str = "cam-1") -> Command:
    job = uuid7(SECOND_NS, secrets.token_bytes(10))
    return Command(id=job, name="clip", target=target, by="li", reason="a clip", time_ns=0, job=job, ticket="secret")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "jobs.sqlite3"


@dataclass
class HalfWay(Handler):
    """A handler that is half done, and cannot upload."""

    def run(self, command: Command, attempt: Attempt) -> None:
        attempt.progress(0.407)
        raise UplinkError("the cable is out")


def test_the_status_names_jobs_that_have_begun_with_their_per_cent(path: Path) -> None:
    jobs = Jobs({"clip": HalfWay(), "live": HalfWay(policy=Policy(durable=False))}, SqliteJobStore(path))
    jobs.start()
    try:
        order = command()
        for it in (order, msgspec.structs.replace(command(), name="live")):
            jobs.take(it)
        wait_until(lambda: jobs.queue.count("clip", "waiting") == jobs.queue.count("live", "waiting") == 1, 20)
        assert jobs.statuses() == [JobStatus(id=order.job, progress=41)]
    finally:
        jobs.stop()


def test_a_box_that_was_restarted_goes_on_and_starts_nothing_twice(path: Path) -> None:
    first, second, order = Handler(blocks=True), Handler(), command()
    jobs = Jobs({"clip": first}, SqliteJobStore(path))
    jobs.start()
    jobs.take(order)
    jobs.take(order)
    wait_until(lambda: len(first.ran) == 1, 20)
    jobs.stop()
    assert first.discarded == []
    jobs = Jobs({"clip": second}, SqliteJobStore(path))
    jobs.start()
    wait_until(lambda: jobs.done == 1, 20)
    jobs.take(order)
    jobs.stop()
    assert second.kept == {order.job}
    assert (first.ran, second.ran, second.discarded) == ([order.job], [order.job], [order.job])
    assert b"secret" not in path.read_bytes(), "the ticket of a job that has ended is still in the file"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("durable", [True, False])
def test_a_process_that_was_killed(path: Path, durable: bool) -> None:
    store, clock = SqliteJobStore(path), FakeClock()
    store.load()
    order = command()
    expires_ns = clock.wall_ns() + SECOND_NS
    body = msgspec.json.encode(order)
    store.save(Job(id=order.job, kind="clip", key="cam-1", state="running", payload=body, expires_ns=expires_ns))
    store.close()
    handler = Handler(Policy(durable=durable))
    jobs = Jobs({"clip": handler}, SqliteJobStore(path), clock)
    jobs.start()
    wait_until(lambda: jobs.open == 0, 20)
    jobs.stop()
    assert handler.ran == ([order.job] if durable else [])
    assert handler.discarded == [order.job]


def test_what_has_expired_while_the_box_was_off_is_not_run(path: Path) -> None:
    clock, order = FakeClock(), command()
    jobs = Jobs({"clip": Handler(blocks=True)}, SqliteJobStore(path), clock)
    jobs.start()
    jobs.take(order)
    jobs.stop()
    clock.advance(25 * 3600)
    handler = Handler()
    jobs = Jobs({"clip": handler}, SqliteJobStore(path), clock)
    jobs.start()
    with pytest.raises(FootageRefused, match="not done in time"):
        jobs.take(order)
    jobs.stop()
    assert handler.ran == []


def test_an_uplink_that_fails_is_tried_again_and_a_refusal_is_the_end(path: Path) -> None:
    clock = FakeClock()
    handler = Handler(problems=[UplinkError("no answer"), UplinkError("no answer"), UplinkRefused("answered 404")])
    jobs, order = Jobs({"clip": handler}, SqliteJobStore(path), clock), command()
    jobs.start()
    jobs.take(order)

    def failed() -> bool:
        clock.advance(5)
        return jobs.failed == 1

    wait_until(failed, 30)
    with pytest.raises(FootageRefused, match="answered 404"):
        jobs.take(order)
    jobs.stop()
    assert handler.ran == [order.job] * 3


def test_what_is_refused_is_not_stored(path: Path) -> None:
    jobs = Jobs({"clip": Handler(), "live": Handler(Policy(most_open=0, durable=False))}, SqliteJobStore(path))
    jobs.start()
    for wrong in (command("nowhere"), msgspec.structs.replace(command(), job="../x")):
        with pytest.raises(FootageRefused):
            jobs.take(wrong)
    with pytest.raises(FootageRefused, match="at most 0"):
        jobs.take(msgspec.structs.replace(command(), name="live"))
    jobs.stop()
    assert jobs.queue.jobs() == []


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"", "row"])
def test_a_damaged_file_is_made_anew(path: Path, content: bytes | str) -> None:
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        store = SqliteJobStore(path)
        store.load()
        store.close()
        with sqlite3.connect(path) as db:
            db.execute("INSERT INTO jobs (id, body) VALUES ('1', x'7b')")
    store = SqliteJobStore(path)
    assert store.load() == []
    store.save(Job(id="1", kind="clip", key="k", expires_ns=1))
    store.close()
    assert [job.id for job in SqliteJobStore(path).load()] == ["1"]


def test_without_its_file_commands_are_refused_and_the_rest_works(path: Path) -> None:
    path.mkdir(parents=True)
    jobs = Jobs({"clip": Handler()}, SqliteJobStore(path))
    jobs.start()
    with pytest.raises(JobError, match=r"jobs\.sqlite3"):
        jobs.take(command())
    jobs.stop()
    with pytest.raises(JobError, match=r"jobs\.sqlite3"):
        SqliteJobStore(path).load()
    with pytest.raises(JobError, match="not open"):
        SqliteJobStore(path).save(Job(id="1", kind="clip", key="k", expires_ns=1))
    assert not any(it.name.startswith("job") for it in threading.enumerate())
