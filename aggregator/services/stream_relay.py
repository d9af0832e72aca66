"""Streams from boxes and their subscribers. Belongs to the event loop. All live subscribers of a camera share a stream.

A viewer's queue is bounded. One that does not keep up loses what waits and goes on at the next key frame.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from aggregator.domain.accounts.authorization import Permission
from aggregator.messaging.command_client import CommandClient
from aggregator.storage.keyring import KeyRing
from common import logging_setup
from common.clock import Clock
from common.errors import CommandError, ContractError
from protocol.commands import Command
from protocol.live_frames import FrameType, what_of
from protocol.signing.upload_tokens import SCHEME, seal
from protocol.topics import BoxTopics

_log = logging_setup.get("live")
USE = "live"
WAITING = 45
"""Messages of one viewer, three seconds."""
COMING_S = 15.0
"""How long a box that accepted may take to connect."""


class StreamKey(NamedTuple):
    """What is streamed: a camera live, or its footage of a time range.

    Attributes:
        from_ns: Begin of the stretch, UTC nanoseconds; 0 for now.
        to_ns: Its end; 0 for now.
        reason: Why, for the box.
        own: Makes a playback unique: each subscriber has a position of their own.
    """

    site: str
    box: str
    camera: str
    from_ns: int = 0
    to_ns: int = 0
    reason: str = "live view"
    own: str = ""

    @property
    def permission(self) -> Permission:
        """The permission that a view needs."""
        return "footage.look" if self.to_ns else "live.see"


@dataclass(eq=False)
class Subscriber:
    """A subscriber of a stream.

    Attributes:
        queue: What is to be sent; None: it is over.
        problem: Why it ended; empty: as it should.
        code: The same of `protocol.problems`.
        skipped: Messages that were dropped because the viewer was slow.
    """

    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(WAITING))
    problem: str = ""
    code: str = ""
    skipped: int = 0
    _waits_for_key: bool = True

    def give(self, what: FrameType, message: bytes) -> None:
        """One message of the view."""
        if what is FrameType.KEY:
            self._waits_for_key = False
        if what is not FrameType.INIT and self._waits_for_key:
            return
        if self.queue.full():
            self._drop()
            if what is not FrameType.KEY:
                return
            self._waits_for_key = False
        self.queue.put_nowait(message)

    def end(self, problem: str, code: str = "") -> None:
        """It is over."""
        if not self.problem:
            self.problem, self.code = problem, code
        if self.queue.full():
            self._drop()
        self.queue.put_nowait(None)

    def _drop(self) -> None:
        """All but the header that a player needs first: it is not sent again."""
        for message in [self.queue.get_nowait() for _ in range(self.queue.qsize())]:
            if message is not None and what_of(message) is FrameType.INIT:
                self.queue.put_nowait(message)
            else:
                self.skipped += 1
        self._waits_for_key = True


@dataclass(eq=False)
class RelayedStream:
    """One view.

    Attributes:
        job: Its id, on the way from the box.
        init: What a player needs first.
        over: Set when there are no subscribers: the box's socket is closed.
    """

    key: StreamKey
    job: str
    viewers: set[Subscriber] = field(default_factory=set)
    init: bytes = b""
    connected: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def hand_on(self, message: bytes) -> None:
        """A message of the box, to all.

        Raises:
            ContractError: It is none.
        """
        what = what_of(message)
        if what is FrameType.INIT:
            self.init = message
        for viewer in self.viewers:
            viewer.give(what, message)


@dataclass
class StreamRelay:
    """All views.

    Args:
        remote: Sends commands to boxes.
        keys: Make and seal tickets.
        clock: The present time.
        new_id: Makes a UUIDv7.
        random: Makes random bytes.
    """

    remote: CommandClient
    keys: KeyRing
    clock: Clock
    new_id: Callable[[], str]
    random: Callable[[int], bytes]
    views: dict[StreamKey, RelayedStream] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def join(self, key: StreamKey, by: str) -> Subscriber:
        """Look at a camera; the first has the box asked. Who may, and the record, are the caller's business."""
        viewer, view = Subscriber(), self.views.get(key)
        if view is None:
            view = self.views[key] = RelayedStream(key, self.new_id())
            task = asyncio.create_task(self._ask(view, by))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        view.viewers.add(viewer)
        if view.init:
            viewer.give(FrameType.INIT, view.init)
        return viewer

    def leave(self, key: StreamKey, viewer: Subscriber) -> None:
        """Look no more; the last one ends the view."""
        view = self.views.get(key)
        if view is not None and viewer in view.viewers:
            view.viewers.discard(viewer)
            if not view.viewers:
                self.end(view, "no subscribers")

    def end(self, view: RelayedStream, problem: str, code: str = "") -> None:
        """A view is over; `code` is the problem's of `protocol.problems`."""
        if self.views.get(view.key) is view:
            del self.views[view.key]
        for viewer in view.viewers:
            viewer.end(problem, code)
        view.viewers.clear()
        view.over.set()

    def expected(self, job: str, authorization: str) -> RelayedStream | None:
        """The stream for a box's upload with the right ticket; None if it is not wanted, or is connected already."""
        scheme, _, ticket = authorization.partition(" ")
        right = hmac.compare_digest(ticket.encode(), self.keys.ticket(USE, job).encode())
        view = next((it for it in self.views.values() if it.job == job), None)
        return view if view is not None and right and scheme == SCHEME and not view.connected else None

    async def _ask(self, view: RelayedStream, by: str) -> None:
        key = view.key
        ticket = seal(self.keys.of_site(key.site), view.job, self.keys.ticket(USE, view.job), self.random)
        command = Command(
            id=self.new_id(), name="live", target=key.camera, by=by, reason=key.reason, time_ns=self.clock.wall_ns(),
            from_ns=key.from_ns, to_ns=key.to_ns, job=view.job, ticket=ticket,
        )  # fmt: skip
        try:
            reply = await self.remote.ask(BoxTopics(key.site, key.box), command)
        except (CommandError, ContractError) as error:
            self.end(view, str(error), "box.silent" if isinstance(error, CommandError) else "failed")
            return
        if not reply.done:
            self.end(view, f"the box refused: {reply.problem or 'no reason given'}", reply.code or "box.refused")
            return
        await asyncio.sleep(COMING_S)
        if not view.connected:
            self.end(view, "the box did not connect", "box.silent")
