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
from test_clips_table import made

from aggregator.broadcast import Broadcast
from aggregator.clips.clip import DAY_NS, Clip
from aggregator.clips.keeper import Keeper
from aggregator.config import ObjectsSettings
from aggregator.ledger import Ledger
from aggregator.lists.keys import Keys
from aggregator.mailbox import Mailbox
from aggregator.objects import Objects
from aggregator.posts import Answered, Posts
from aggregator.record import acts
from aggregator.record.scribe import Scribe
from aggregator.remote import Remote
from aggregator.stores import Store, Writer
from aggregator.stores.records import Batch
from aggregator.uploads import Brought
from common.clock import SECOND_NS, FakeClock
from events import commands, tickets
from events.commands import Command, Reply
from events.identifiers import uuid7
from events.topics import BoxTopics

BOX = BoxTopics("village", "gate-1")


class Side:
    """A keeper, and the box at the other end of its commands."""

    def __init__(self, folder: Path, ledger: Ledger, store: Store, clock: FakeClock) -> None:
        self.answer: Reply | None = None
        self.asked: list[Command] = []
        self.forgotten: list[str] = []
        self.keys, self.clock, numbers = Keys(folder, secrets.token_bytes), clock, itertools.count(1)
        self.posts = Posts(self._box)
        mailbox: Mailbox[Writer] = Mailbox()

        async def write(work: Callable[[Writer], Any]) -> Any:
            return work(ledger.store)

        remote = Remote(self.keys, self.posts, Scribe(mailbox).put, clock, answer_s=0.02)
        self.objects = Objects(ObjectsSettings(), folder / "objects")
        self.keeper = Keeper(
            store.reader(), write, remote, self.keys, self.objects, Broadcast(), clock, self.forgotten.append,
            lambda: uuid7(clock.wall_ns(), next(numbers).to_bytes(10, "big")), secrets.token_bytes,
        )  # fmt: skip

    def _box(self) -> None:
        for _, message, _retain in list(self.posts._waiting):
            trusted = self.keys.signing.public_key()
            command = commands.unpack(message, "clip", BOX, trusted, self.clock.wall_ns())
            self.asked.append(command)
            if self.answer is not None:
                answer = msgspec.structs.replace(self.answer, id=command.id)
                self.posts.answered([Answered(BOX.site, BOX.box, answer)])
        self.posts._waiting.clear()

    def turn(self, seconds: float = 0.0) -> None:
        """Time goes by, and the keeper looks once."""
        self.clock.advance(seconds)

        async def call() -> None:
            await self.keeper.turn()
            await self.keeper.settled()

        run_apart(call())

    def clip(self, number: str) -> Clip:
        found = self.keeper.reader.clip(number)
        assert found is not None
        return found


@pytest.fixture
def side(tmp_path: Path, ledger: Ledger, store: Store, clock: FakeClock) -> Side:
    ledger.store.apply(Batch(clips=[made()]))
    return Side(tmp_path, ledger, store, clock)


def test_a_box_that_never_answers_is_asked_less_and_less_and_given_up_after_a_day(side: Side) -> None:
    number = made().id
    side.turn()
    assert side.asked == []  # the twenty seconds are not over
    for _ in range(30 * 60):
        side.turn(60)
    assert 20 < len(side.asked) < 40
    clip = side.clip(number)
    assert clip.state == "failed"
    assert "did not answer" in clip.problem
    assert side.forgotten == [number]
    command = side.asked[0]
    assert (command.target, command.job, command.by) == ("cam-1", number, "system")
    assert tickets.unseal(side.keys.of_site("village"), number, command.ticket) == side.keys.ticket("clip", number)


def test_a_refusal_is_the_end(side: Side) -> None:
    side.answer = Reply(id="x", done=False, problem="no footage in this range")
    side.turn(26)
    side.turn(4000)
    assert len(side.asked) == 1
    assert (side.clip(made().id).state, side.clip(made().id).problem) == ("failed", "no footage in this range")


def test_what_was_brought_is_kept_and_erased_on_the_record(side: Side, tmp_path: Path) -> None:
    number = made().id
    side.answer = Reply(id="x", done=True)
    side.turn(26)
    assert (side.clip(number).state, side.keeper.expects(number)) == ("asked", True)
    (tmp_path / "film").write_bytes(b"film")
    side.objects.put(f"clip/{number}", tmp_path / "film")
    run_apart(side.keeper.take(Brought(number, f"clip/{number}", 4, "ab")))
    assert (side.clip(number).state, side.keeper.expects(number)) == ("stored", False)
    side.turn(30 * DAY_NS / SECOND_NS - 60)
    assert side.objects.size(f"clip/{number}") == 4
    side.turn(60)
    assert side.objects.size(f"clip/{number}") is None
    assert side.keeper.reader.clip(number) is None
    told = [acts.decode(entry) for _, entry in side.keeper.reader.record(0, 9)]
    assert [(it.what, it.target, it.detail["clip"]) for it in told] == [("erased", number, "ab")]
