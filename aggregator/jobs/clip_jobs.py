"""Clips: boxes are asked for them, uploads are taken in, and what is past its retention is erased."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aggregator.domain import clip as moves
from aggregator.domain.clip import FIRST_PAUSE_S, GIVE_UP_NS, LONGEST_PAUSE_S, USE, Clip
from aggregator.domain.store_port.clips import ClipReader, ClipWriter
from aggregator.jobs.uploads import ReceivedFile
from aggregator.messaging.command_client import CommandClient
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.storage.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from common import logging_setup
from common.clock import Clock
from common.errors import CommandError, JobQueueFull
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Job, Policy
from common.jobs.queue import JobQueue
from protocol.commands import Command, Reply
from protocol.signing.upload_tokens import seal
from protocol.topics import BoxTopics

_log = logging_setup.get("clips")
PARALLEL, MOST = 8, 100
BY, REASON = "system", "clip of an alert"
ASK, ERASE = "clip", "clip.erase"


@dataclass(frozen=True)
class ClipCommands:
    """Commands to boxes for clips.

    Args:
        remote: Sends commands.
        keys: Make and encrypt tickets.
        clock: Wall clock.
        new_id: Makes a UUIDv7.
        random: Makes random bytes.
    """

    remote: CommandClient
    keys: KeyRing
    clock: Clock
    new_id: Callable[[], str]
    random: Callable[[int], bytes]

    async def send(self, clip: Clip) -> Reply:
        """Ask a clip's box for it.

        Raises:
            CommandError: The box did not answer.
        """
        ticket = seal(self.keys.of_site(clip.site), clip.id, self.keys.ticket(USE, clip.id), self.random)
        command = Command(
            id=self.new_id(), name="clip", target=clip.camera, by=BY, reason=REASON, time_ns=self.clock.wall_ns(),
            from_ns=clip.from_ns, to_ns=clip.to_ns, job=clip.id, ticket=ticket,
        )  # fmt: skip
        return await self.remote.ask(BoxTopics(clip.site, clip.box), command)


@dataclass
class ClipJobs:
    """An `aggregator.jobs.job_runner.JobSource`, and an `aggregator.jobs.uploads.UploadHandler`.

    Args:
        reader: Clips.
        write: Runs a job on the writer's thread.
        commands: Asks boxes.
        objects: Where clips are stored.
        broadcast: Tells browsers of a new clip.
        clock: Wall clock.
        forget: Drops an upload that was begun, by its job.
    """

    reader: ClipReader
    write: Callable[[Callable[[ClipWriter], Any]], Awaitable[Any]]
    commands: ClipCommands
    objects: ObjectStorage
    broadcast: ChangeFeed
    clock: Clock
    forget: Callable[[str], None]

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """Asking and erasing."""
        asking = Policy(PARALLEL, MOST, GIVE_UP_NS / 1e9, FIRST_PAUSE_S, LONGEST_PAUSE_S)
        return {ASK: (asking, self.ask), ERASE: (Policy(PARALLEL, MOST), self.erase)}

    async def plan(self, queue: JobQueue) -> None:
        """Submit what is due.

        Raises:
            StoreError: The store cannot be reached.
        """
        now_ns = self.clock.wall_ns()
        for clip in await asyncio.to_thread(self.reader.expired_clips, now_ns, MOST):
            _submit(queue, ERASE, clip.id)
        for clip in await asyncio.to_thread(self.reader.due_clips, now_ns, MOST):
            if (over := moves.expire(clip, now_ns)) is not None:
                await self._change(clip, over)
                queue.cancel(clip.id, over.problem)
            elif now_ns < clip.expires_ns:  # otherwise it is being erased
                _submit(queue, ASK, clip.id)

    async def ask(self, job: Job) -> None:
        """Ask a box for a clip, once: the clip itself says when it is asked again.

        Raises:
            StoreError: The answer could not be stored.
        """
        clip = await asyncio.to_thread(self.reader.clip, job.key)
        if clip is None or not clip.open or clip.next_ns > self.clock.wall_ns():
            return
        try:
            reply = await self.commands.send(clip)
        except CommandError as error:
            after = moves.mark_requested(clip, self.clock.wall_ns(), str(error), "box.silent")
        else:
            after = (
                moves.mark_requested(clip, self.clock.wall_ns())
                if reply.done
                else moves.mark_failed(clip, reply.problem or "the box refused", reply.code or "box.refused")
            )
        await self._change(clip, after)

    async def erase(self, job: Job) -> None:
        """Erase a clip whose retention has ended.

        The object first: a crash in between leaves a row that is erased again, never an object without a row.

        Raises:
            StoreError: It could not be erased.
        """
        now_ns = self.clock.wall_ns()
        clip = await asyncio.to_thread(self.reader.clip, job.key)
        if clip is None or now_ns < clip.expires_ns:
            return
        await asyncio.to_thread(self.objects.delete, clip.object)
        entry = moves.erasure(clip, now_ns) if clip.state == "stored" else None
        await self.write(lambda store: store.delete_clip(clip.id, entry))

    async def _change(self, before: Clip, after: Clip) -> bool:
        changed = bool(await self.write(lambda store: store.change_clip(before, after)))
        if changed and after.state == "failed":
            _log.info("clip failed", alert=after.id, problem=after.problem)
            await asyncio.to_thread(self.forget, after.id)
        if changed and not after.open:
            self.broadcast.publish(ChangeSet(clips={after.id}))
        return changed

    def expects(self, job: str) -> bool:
        """Whether this job's file is still wanted."""
        clip = self.reader.clip(job)
        return clip is not None and clip.open

    async def take(self, received: ReceivedFile) -> None:
        """The file is there.

        Raises:
            StoreError: It could not be stored; the box uploads it again.
        """
        for _ in range(3):  # the answer of a box that was asked again may come in between
            clip = await asyncio.to_thread(self.reader.clip, received.job)
            if clip is None or not clip.open:
                return
            if await self._change(clip, moves.mark_stored(clip, received.bytes, received.digest)):
                return


def _submit(queue: JobQueue, kind: str, clip_id: str) -> None:
    with contextlib.suppress(JobQueueFull):  # it follows in a later turn
        queue.submit(f"{kind}/{clip_id}", kind, clip_id)
