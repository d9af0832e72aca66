"""Keeps the video outputs of consumers running: one task for each that is active, with growing pauses between attempts.

The rows say what is to run, so that it runs again after a restart. Outputs belong to the process that serves the web:
boxes send their streams there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from aggregator.domain.feeds import video_output as rules
from aggregator.domain.feeds.video_output import LiveOutput
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import VideoOutputReader, VideoOutputWriter
from aggregator.services.stream_relay import StreamKey
from aggregator.services.video_out.output_service import SEALED
from aggregator.services.video_out.push.push_address import parse
from aggregator.services.video_out.push.pusher import Pusher
from aggregator.storage.keyring import KeyRing
from common import logging_setup
from common.clock import Clock
from common.errors import PaifangError, PushFailed
from common.running.periodic import repeat

_log = logging_setup.get("video out")
TURN_S = 1.0
MOST_AT_ONCE = 50
Change = Callable[[LiveOutput], LiveOutput]


@dataclass
class VideoOutputRunner:
    """Belongs to the event loop.

    Args:
        reader: Outputs and consumers.
        queue: Of the store's writer.
        pusher: Sends.
        keys: Open addresses.
        clock: The present.
        random: Uniform in [0, 1).
    """

    reader: VideoOutputReader
    queue: WriteJobs[VideoOutputWriter]
    pusher: Pusher
    keys: KeyRing
    clock: Clock
    random: Callable[[], float]
    wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)
    _ending: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await repeat(self.turn, TURN_S, "video outputs", self._wait)
        finally:
            for task in (*self._tasks.values(), *self._ending):
                task.cancel()

    async def turn(self) -> None:
        """Start the outputs that are due, and end those that are not wanted any more.

        Raises:
            StoreError: They cannot be read; what runs goes on.
        """
        self.wake.clear()  # not later: what is set from here on may not be read yet
        now_ns = self.clock.wall_ns()
        wanted = {it.id: it for it in await asyncio.to_thread(self.reader.wanted_video_outputs, now_ns, MOST_AT_ONCE)}
        self._ending |= {self._tasks.pop(output_id) for output_id in self._tasks.keys() - wanted.keys()}
        self._ending = {it for it in self._ending if not it.done()}
        for task in self._ending:  # again: before Python 3.12 `asyncio.wait_for` may lose a cancellation
            task.cancel()
        for it in wanted.values():
            if it.id not in self._tasks and it.next_ns <= now_ns:
                task = self._tasks[it.id] = asyncio.create_task(self._push(it))
                task.add_done_callback(partial(self._done, it.id))

    def _done(self, output_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(output_id) is task:
            del self._tasks[output_id]

    async def _push(self, output: LiveOutput) -> None:
        """One attempt, from its begin to its end; what came of it is stored, unless somebody has ended it."""
        problem = ""
        try:
            await self._send(output)
        except PaifangError as error:
            problem = str(error)
        except Exception as error:  # one output must not stop the others
            _log.exception("a video output broke")
            problem = type(error).__name__
        share = self.random()
        await self._store(output.id, lambda it: rules.ended(it, problem, self.clock.wall_ns(), share))
        _log.warning("video output failed, will try again", output=output.id, camera=output.camera, problem=problem)

    async def _send(self, output: LiveOutput) -> None:
        consumer = await asyncio.to_thread(self.reader.consumer, output.consumer)
        if consumer is None:
            raise PushFailed("the consumer is not there any more")
        target = parse(self.keys.shown(SEALED, output.address), self.pusher.networks)
        key = StreamKey(output.site, output.box, output.camera)
        if output.sending_ns:  # from before a restart or a pause
            await self._store(output.id, lambda it: msgspec.structs.replace(it, sending_ns=0, version=it.version + 1))

        async def begun() -> None:
            await self._store(output.id, lambda it: rules.begun(it, self.clock.wall_ns()))

        await self.pusher.run(consumer, key, target, begun)

    async def _store(self, output_id: str, change: Change) -> None:
        def job(store: VideoOutputWriter) -> None:
            before = store.video_output_now(output_id)
            if before is not None and before.state == "active":
                store.change_video_output(before, change(before))

        with contextlib.suppress(PaifangError):  # the row says what was before; the next attempt writes again
            await self.queue.write(job)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wake.wait()
