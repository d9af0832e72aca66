"""Who looks at a view and what they get: queues, key frames, tickets, ends. No box, no browser."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from agg_support import run_apart

from aggregator.messaging.command_client import CommandClient
from aggregator.messaging.outbound_queue import OutboundQueue, ReplyReceived
from aggregator.services.stream_relay import WAITING, StreamKey, StreamRelay, Subscriber
from aggregator.storage.keyring import KeyRing
from common.clock import FakeClock
from common.errors import ContractError
from protocol import commands
from protocol.commands import Command, Reply
from protocol.identifiers import uuid7
from protocol.live_frames import MOST_BYTES, FrameType, LiveFrame, pack, what_of
from protocol.signing import upload_tokens
from protocol.topics import BoxTopics

KEY = StreamKey("village", "gate-1", "yard")
INIT, KEY_FRAME, FRAME = (pack(LiveFrame(what, 5, b"data")) for what in FrameType)


def hub_of(folder: Path, clock: FakeClock) -> tuple[StreamRelay, OutboundQueue]:
    keys, numbers = KeyRing(folder, secrets.token_bytes), itertools.count(1)
    posts = OutboundQueue(lambda: None)
    remote = CommandClient(keys, posts, lambda _: Future(), clock, answer_s=0.05)
    return StreamRelay(
        remote, keys, clock, lambda: uuid7(clock.wall_ns(), next(numbers).to_bytes(10, "big")), bytes
    ), posts


def given(posts: OutboundQueue, hub: StreamRelay, clock: FakeClock) -> Command:
    """The one command that waits to be sent."""
    ((topic, message, retain),) = posts._waiting
    assert not retain
    assert topic == BoxTopics(*KEY[:2]).command("live")
    trusted = hub.keys.signing.public_key()
    return commands.unpack(message, "live", BoxTopics(*KEY[:2]), trusted, clock.wall_ns())


def in_loop(work: Callable[[], object]) -> None:
    async def call() -> None:
        made = work()
        assert asyncio.iscoroutine(made)
        await made

    run_apart(call())


def waiting(viewer: Subscriber) -> list[bytes | None]:
    return [viewer.queue.get_nowait() for _ in range(viewer.queue.qsize())]


def test_two_viewers_have_one_view_and_late_ones_begin_at_a_key_frame(tmp_path: Path, clock: FakeClock) -> None:
    async def work() -> None:
        hub, posts = hub_of(tmp_path, clock)
        first = hub.join(KEY, "li")
        await asyncio.sleep(0)
        view = hub.views[KEY]
        for message in (INIT, KEY_FRAME, FRAME):
            view.hand_on(message)
        second = hub.join(KEY, "wang")
        await asyncio.sleep(0)
        command = given(posts, hub, clock)
        assert (command.target, command.by, command.job) == ("yard", "li", view.job)
        for message in (FRAME, KEY_FRAME, FRAME):
            view.hand_on(message)
        assert waiting(first) == [INIT, KEY_FRAME, FRAME, FRAME, KEY_FRAME, FRAME]
        assert waiting(second) == [INIT, KEY_FRAME, FRAME]
        hub.leave(KEY, first)
        assert hub.views == {KEY: view}
        assert not view.over.is_set()
        hub.leave(KEY, second)
        hub.leave(KEY, second)
        assert hub.views == {}
        assert view.over.is_set()

    in_loop(work)


def test_a_slow_viewer_goes_on_at_the_next_key_frame_and_holds_nobody_up(tmp_path: Path, clock: FakeClock) -> None:
    async def work() -> None:
        hub, _ = hub_of(tmp_path, clock)
        slow, quick = hub.join(KEY, "li"), hub.join(KEY, "wang")
        view, got = hub.views[KEY], list[bytes | None]()
        for message in [INIT, KEY_FRAME] + [FRAME] * 2 * WAITING + [KEY_FRAME, FRAME]:
            view.hand_on(message)
            got += waiting(quick)
        assert len(got) == 4 + 2 * WAITING
        assert waiting(slow) == [INIT, KEY_FRAME, FRAME], "without the first it could play nothing"
        assert slow.skipped == WAITING - 1
        for message in [FRAME] * WAITING + [FRAME, KEY_FRAME]:
            view.hand_on(message)
        assert waiting(slow) == [KEY_FRAME]
        assert slow.skipped == 2 * WAITING - 1

    in_loop(work)


def test_a_ticket_lets_one_box_in_for_its_own_view(tmp_path: Path, clock: FakeClock) -> None:
    async def work() -> None:
        hub, posts = hub_of(tmp_path, clock)
        hub.join(KEY, "li")
        await asyncio.sleep(0)
        command = given(posts, hub, clock)
        ticket = upload_tokens.unseal(hub.keys.of_site("village"), command.job, command.ticket)
        for wrong in ("x" * 64, hub.keys.ticket("clip", command.job), ""):
            assert hub.expected(command.job, f"Ticket {wrong}") is None
        assert hub.expected(command.id, f"Ticket {ticket}") is None
        assert hub.expected(command.job, f"Bearer {ticket}") is None
        view = hub.expected(command.job, f"Ticket {ticket}")
        assert view is hub.views[KEY]
        view.connected = True
        assert hub.expected(command.job, f"Ticket {ticket}") is None  # there is one already
        hub.end(view, "over")
        assert hub.expected(command.job, f"Ticket {ticket}") is None

    in_loop(work)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "did not answer"),
        (Reply(id="x", done=False, problem="no such camera"), "the box refused: no such camera"),
    ],
)
def test_who_looks_is_told_why_there_is_nothing(
    tmp_path: Path, clock: FakeClock, answer: Reply | None, problem: str
) -> None:
    async def work() -> None:
        hub, posts = hub_of(tmp_path, clock)
        viewer = hub.join(KEY, "li")
        await asyncio.sleep(0)
        if answer is not None:
            reply = Reply(id=given(posts, hub, clock).id, done=False, problem=answer.problem)
            posts.answered([ReplyReceived(*KEY[:2], reply)])
        assert await viewer.queue.get() is None
        assert problem in viewer.problem
        assert hub.views == {}

    in_loop(work)


@pytest.mark.parametrize("message", [b"", b"\1" * 9, b"\3" + b"x" * 20, b"\1" * (MOST_BYTES + 1)])
def test_what_is_no_piece_is_refused(message: bytes) -> None:
    with pytest.raises(ContractError):
        what_of(message)
