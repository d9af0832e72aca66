"""The keeper against a store, with a clock that is moved by hand and a box that answers, refuses, or never does."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agg_support import run_apart
from domain.test_clips_table import made

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import Clip
from aggregator.domain.read_models import Batch
from aggregator.domain.store_port import Store, Writer
from aggregator.jobs.clip_jobs import ClipCommands, ClipJobs
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.uploads import ReceivedFile
from aggregator.messaging.command_client import CommandClient
from aggregator.messaging.outbound_queue import OutboundQueue, ReplyReceived
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.settings.aggregator import ObjectsSettings
from aggregator.storage.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from aggregator.storage.write_queue import WriteQueue
from common.clock import DAY_NS, SECOND_NS, FakeClock
from common.errors import StoreError
from protocol import commands
from protocol.commands import Command, Reply
from protocol.identifiers import uuid7
from protocol.signing import upload_tokens
from protocol.topics import BoxTopics

BOX = BoxTopics("village", "gate-1")


class Side:
    """A keeper, and the box at the other end of its commands."""

    def __init__(self, folder: Path, writer: Writer, store: Store, clock: FakeClock) -> None:
        self.reader = store.reader()
        self.answer: Reply | None = None
        self.asked: list[Command] = []
        self.forgotten: list[str] = []
        self.keys, self.clock, numbers = KeyRing(folder, secrets.token_bytes), clock, itertools.count(1)
        self.outbound = OutboundQueue(self._box)
        queue = WriteQueue(writer)

        async def write(work: Callable[[Writer], Any]) -> Any:
            return work(writer)

        remote = CommandClient(self.keys, self.outbound, AuditLogWriter(queue).put, clock, answer_s=0.02)
        self.objects = ObjectStorage(ObjectsSettings(), folder / "objects")
        new_id = lambda: uuid7(clock.wall_ns(), next(numbers).to_bytes(10, "big"))  # noqa: E731
        sender = ClipCommands(remote, self.keys, clock, new_id, secrets.token_bytes)
        self.feed = ChangeFeed()
        self.jobs = ClipJobs(self.reader, write, sender, self.objects, self.feed, clock, self.forgotten.append)
        self.runner = JobRunner((self.jobs,), clock)

    def _box(self) -> None:
        for _, message, _retain in list(self.outbound._waiting):
            trusted = self.keys.signing.public_key()
            command = commands.unpack(message, "clip", BOX, trusted, self.clock.wall_ns())
            self.asked.append(command)
            if self.answer is not None:
                answer = msgspec.structs.replace(self.answer, id=command.id)
                self.outbound.answered([ReplyReceived(BOX.site, BOX.box, answer)])
        self.outbound._waiting.clear()

    def turn(self, seconds: float = 0.0) -> None:
        """Time goes by, and the keeper looks once."""
        self.clock.advance(seconds)

        async def call() -> None:
            await self.runner.turn()
            await self.runner.engine.settled()

        run_apart(call())

    def clip(self, number: str) -> Clip:
        found = self.jobs.reader.clip(number)
        assert found is not None
        return found


@pytest.fixture
def side(tmp_path: Path, writer: Writer, store: Store, clock: FakeClock) -> Side:
    writer.apply(Batch(clips=[made()]))
    return Side(tmp_path, writer, store, clock)


def test_a_box_that_never_answers_is_asked_less_and_less_and_given_up_after_a_day(side: Side) -> None:
    number = made().id
    side.turn()
    assert side.asked == []  # the twenty seconds are not over
    for _ in range(30 * 12):
        side.turn(300)
    assert 20 < len(side.asked) < 40
    clip = side.clip(number)
    assert clip.state == "failed"
    assert "did not answer" in clip.problem
    assert side.forgotten == [number]
    command = side.asked[0]
    assert (command.target, command.job, command.by) == ("cam-1", number, "system")
    assert upload_tokens.unseal(side.keys.of_site("village"), number, command.ticket) == side.keys.ticket(
        "clip", number
    )


def test_a_refusal_is_the_end_and_open_pages_get_it(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[ChangeSet] = []
    monkeypatch.setattr(side.feed, "publish", published.append)
    side.answer = Reply(id="x", done=False, problem="no footage in this range")
    side.turn(26)
    side.turn(4000)
    assert published == [ChangeSet(clips={made().id})]
    assert len(side.asked) == 1
    assert (side.clip(made().id).state, side.clip(made().id).problem) == ("failed", "no footage in this range")


def test_what_was_brought_is_kept_and_erased_on_the_record(side: Side, tmp_path: Path) -> None:
    number = made().id
    side.answer = Reply(id="x", done=True)
    side.turn(26)
    assert (side.clip(number).state, side.jobs.expects(number)) == ("asked", True)
    (tmp_path / "film").write_bytes(b"film")
    side.objects.put(f"clip/{number}", tmp_path / "film")
    run_apart(side.jobs.take(ReceivedFile(number, f"clip/{number}", 4, "ab")))
    assert (side.clip(number).state, side.jobs.expects(number)) == ("stored", False)
    side.turn(30 * DAY_NS / SECOND_NS - 60)
    assert side.objects.size(f"clip/{number}") == 4
    side.turn(60)
    assert side.objects.size(f"clip/{number}") is None
    assert side.jobs.reader.clip(number) is None
    told = [audit_entry.decode(entry) for _, entry in side.reader.audit_entries(0, 9)]
    assert [(it.what, it.target, it.detail["clip"]) for it in told] == [("erased", number, "ab")]


def test_a_clip_that_failed_and_is_requested_again_is_asked_for_again(side: Side, writer: Writer) -> None:
    side.answer = Reply(id="x", done=False, problem="no footage in this range")
    side.turn(26)
    assert side.clip(made().id).state == "failed"
    now_ns = side.clock.wall_ns()
    again = msgspec.structs.replace(made(), made_ns=now_ns, next_ns=now_ns)
    assert writer.request_clip(again, AuditEntry(time_ns=now_ns, who="li", what="clip"))
    side.answer = Reply(id="x", done=True)
    side.turn()
    assert (len(side.asked), side.clip(made().id).state) == (2, "asked")


def test_objects_that_cannot_be_erased_are_tried_again_and_delay_nothing(
    side: Side, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = msgspec.structs.replace(made(), id=uuid7(1, b"0123456789"), state="stored", expires_ns=side.clock.wall_ns())
    writer.apply(Batch(clips=[old]))
    broken = True

    def delete(_: str) -> None:
        if broken:
            raise StoreError("the object store does not answer")

    monkeypatch.setattr(side.objects, "delete", delete)
    side.turn(26)
    assert len(side.asked) == 1  # for the other clip
    assert side.reader.clip(old.id) is not None
    broken = False
    side.turn(2)
    assert side.reader.clip(old.id) is None
