"""What happens by itself: clips are asked for, taken in, and erased when their time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aggregator.crypto.keyring import KeyRing
from aggregator.domain import clip as moves
from aggregator.domain.clip import USE, Clip
from aggregator.domain.store_port.clips import ClipReader, ClipWriter
from aggregator.jobs.uploads import ReceivedFile
from aggregator.messaging.command_client import CommandClient
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.storage.object_store import ObjectStorage
from common import logging_setup
from common.clock import Clock
from common.errors import CommandError, PaifangError
from common.periodic import repeat
from protocol.commands import Command
from protocol.signing.upload_tokens import seal
from protocol.topics import BoxTopics

_log = logging_setup.get("clips")
TURN_S = 1.0
AT_ONCE, MOST = 8, 100
BY, REASON = "system", "clip of an alert"


@dataclass
class ClipWorker:
    """Works on open and old clips. Belongs to the event loop.

    Args:
        reader: Clips.
        write: Has something written on the writer's thread.
        remote: The way to the boxes.
        keys: Make and seal tickets.
        objects: Where clips lie.
        broadcast: Told when one has come.
        clock: Says when.
        forget: Drops an upload that was begun, by its job.
        new_id: Makes a UUIDv7.
        random: Gives random bytes.
    """

    reader: ClipReader
    write: Callable[[Callable[[ClipWriter], Any]], Awaitable[Any]]
    remote: CommandClient
    keys: KeyRing
    objects: ObjectStorage
    broadcast: ChangeFeed
    clock: Clock
    forget: Callable[[str], None]
    new_id: Callable[[], str]
    random: Callable[[int], bytes]
    _asking: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await repeat(self.turn, TURN_S, "clips")
        finally:
            for task in self._asking.values():
                task.cancel()

    async def turn(self) -> None:
        """Look once at what is due.

        Raises:
            StoreError: The store or the objects cannot be reached.
        """
        now_ns = self.clock.wall_ns()
        for clip in await asyncio.to_thread(self.reader.expired_clips, now_ns, MOST):
            await self._erase(clip, now_ns)
        for clip in await asyncio.to_thread(self.reader.due_clips, now_ns, MOST):
            if (over := moves.expire(clip, now_ns)) is not None:
                await self._change(clip, over)
            elif clip.id not in self._asking and len(self._asking) < AT_ONCE:
                task = asyncio.create_task(self._ask(clip))
                self._asking[clip.id] = task
                task.add_done_callback(partial(self._asked, clip.id))

    def _asked(self, clip_id: str, _: asyncio.Task[None]) -> None:
        self._asking.pop(clip_id, None)

    async def settled(self) -> None:
        """Until every box that is being asked has answered, or has not."""
        await asyncio.gather(*self._asking.values())

    async def _ask(self, clip: Clip) -> None:
        try:
            reply = await self.remote.ask(BoxTopics(clip.site, clip.box), self._command(clip))
            now_ns = self.clock.wall_ns()
            after = (
                moves.mark_requested(clip, now_ns)
                if reply.done
                else moves.mark_failed(clip, reply.problem or "the box says no")
            )
        except CommandError as error:
            after = moves.mark_requested(clip, self.clock.wall_ns(), str(error))
        try:
            await self._change(clip, after)
        except PaifangError as error:
            _log.warning("a clip waits", alert=clip.id, problem=str(error))

    def _command(self, clip: Clip) -> Command:
        ticket = seal(self.keys.of_site(clip.site), clip.id, self.keys.ticket(USE, clip.id), self.random)
        return Command(
            id=self.new_id(), name="clip", target=clip.camera, by=BY, reason=REASON, time_ns=self.clock.wall_ns(),
            from_ns=clip.from_ns, to_ns=clip.to_ns, job=clip.id, ticket=ticket,
        )  # fmt: skip

    async def _change(self, before: Clip, after: Clip) -> bool:
        changed = bool(await self.write(lambda store: store.change_clip(before, after)))
        if changed and after.state == "failed":
            _log.info("no clip", alert=after.id, problem=after.problem)
            await asyncio.to_thread(self.forget, after.id)
        return changed

    async def _erase(self, clip: Clip, now_ns: int) -> None:
        """The object first: a crash in between leaves a row that is erased again, never an object without a row."""
        await asyncio.to_thread(self.objects.delete, clip.object)
        act = moves.erasure(clip, now_ns) if clip.state == "stored" else None
        await self.write(lambda store: store.delete_clip(clip.id, act))

    def expects(self, job: str) -> bool:
        """Whether this job's file is still wanted: `aggregator.jobs.uploads.Taker`."""
        clip = self.reader.clip(job)
        return clip is not None and clip.open

    async def take(self, brought: ReceivedFile) -> None:
        """The file is there.

        Raises:
            StoreError: It could not be noted; the box will bring it again.
        """
        for _ in range(3):  # the answer of a box that was asked again may come in between
            clip = await asyncio.to_thread(self.reader.clip, brought.job)
            if clip is None or not clip.open:
                return
            if await self._change(clip, moves.mark_stored(clip, brought.bytes, brought.digest)):
                self.broadcast.publish(ChangeSet(clips={clip.id}))
                return
