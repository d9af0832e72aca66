"""Live views for consumers: within what was approved, counted, logged before the first picture, ended when it ends.

All subscribers of a camera, browsers too, share one stream of its box (`aggregator.services.stream_relay`), which runs
only while somebody consumes it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.read_models import Camera
from aggregator.domain.store_port.events import FleetReader
from aggregator.domain.store_port.feeds import ConsumerReader
from aggregator.services.stream_relay import StreamKey, StreamRelay, Subscriber
from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.fmp4_reader import Fmp4Reader
from common import logging_setup
from common.clock import Clock
from common.errors import CommandError, FeedThrottled, Forbidden, StoreError

_log = logging_setup.get("video out")
Output = Literal["http", "websocket", "hls", "rtmp", "rtmps", "rtsp", "rtsps", "gb28181"]
CHECK_S = 1.0
"""How often it is checked that the consumer still may."""
MOST_OF_A_CONSUMER, MOST_STREAMS = 8, 64
_MOST_BY = 64
"""Characters of a name in a command."""
OVER = "the consumer gets nothing any more"


class StreamReader(ConsumerReader, FleetReader, Protocol):
    """Reads consumers and cameras."""


@dataclass(frozen=True)
class Opening:
    """What is to be opened.

    Attributes:
        output: How it is handed over.
        address: To whom: the client's address, or the host that it is sent to.
        by_token: It ends with the token that opened it; an output of an administrator does not.
    """

    consumer: Consumer
    key: StreamKey
    output: Output
    address: str
    by_token: bool = True


@dataclass(eq=False)
class ConsumerStream:
    """An open stream.

    Attributes:
        over: Set when nothing may be handed over any more, also of what waits.
    """

    viewer: Subscriber
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def problem(self) -> str:
        """Why it ended."""
        return self.viewer.problem

    async def messages(self) -> AsyncIterator[bytes]:
        """Messages of `protocol.live_frames`, the initialisation first, until the stream ends."""
        while (message := await self.viewer.queue.get()) is not None:
            yield message

    async def pictures(self, reader: Fmp4Reader) -> AsyncIterator[AccessUnit]:
        """The same as coded pictures; the first is a key picture, and `reader.format` is known then.

        Raises:
            ContractError: A message cannot be read.
        """
        async for message in self.messages():
            if (unit := reader.read(message)) is not None:
                yield unit

    def end(self, problem: str) -> None:
        """End it at once."""
        self.viewer.end(problem)
        self.over.set()


@dataclass
class ConsumerStreams:
    """Opens streams. Belongs to the event loop.

    Args:
        relay: Relays the streams of boxes.
        reader: Consumers and cameras.
        record: Writes an audit entry; returns when it is on the disk.
        areas: The areas of each place.
        clock: The present.
    """

    relay: StreamRelay
    reader: StreamReader
    record: Callable[[AuditEntry], Awaitable[None]]
    areas: Areas
    clock: Clock
    _open: Counter[str] = field(default_factory=Counter, init=False)

    async def check(self, consumer: Consumer, key: StreamKey) -> None:
        """Whether a consumer may open the live view of a camera.

        Raises:
            CommandError: There is no such camera.
            Forbidden: It may not.
        """
        if "live" not in consumer.selection.media:
            raise Forbidden("live: this consumer was not approved for live video")
        if not consumer.selection.within(self.areas).holds(key.site, key.camera):
            raise Forbidden("camera: it is not among the places of this consumer")
        if key[:3] not in {(it.site, it.box, it.id) for it in await self.cameras(consumer)}:
            raise CommandError("there is no such camera")

    async def cameras(self, consumer: Consumer) -> list[Camera]:
        """The cameras whose live view a consumer may open, by site, box and id."""
        if "live" not in consumer.selection.media:
            return []
        within = consumer.selection.within(self.areas)
        known = await asyncio.to_thread(self.reader.cameras)
        found = (it for it in known if within.holds(it.site, it.id))
        return sorted(found, key=lambda it: (it.site, it.box, it.id))

    @contextlib.asynccontextmanager
    async def open(self, asked: Opening) -> AsyncIterator[ConsumerStream]:
        """A stream while the block runs.

        Raises:
            CommandError: There is no such camera.
            FeedThrottled: Too many streams are open.
            Forbidden: The consumer may not, or gets nothing now.
            StoreError: It could not be logged: nothing may be handed over.
        """
        with self._slot(asked.consumer.id):
            await self.check(asked.consumer, asked.key)
            if not await asyncio.to_thread(self._may, asked):
                raise Forbidden(OVER)
            await self.record(self._entry(asked, {"live": "begins"}))
            stream = ConsumerStream(self.relay.join(asked.key, f"consumer:{asked.consumer.name}"[:_MOST_BY]))
            watch = asyncio.create_task(self._watch(asked, stream))
            try:
                yield stream
            finally:
                watch.cancel()
                self.relay.leave(asked.key, stream.viewer)
                await asyncio.shield(asyncio.create_task(self._log_end(asked, stream.problem)))

    def _may(self, asked: Opening) -> bool:
        now = self.reader.consumer(asked.consumer.id)
        return (
            now is not None
            and now.serves(self.clock.wall_ns())
            and (not asked.by_token or now.token_hash == asked.consumer.token_hash)
        )

    async def _watch(self, asked: Opening, stream: ConsumerStream) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            with contextlib.suppress(StoreError):
                if not await asyncio.to_thread(self._may, asked):
                    stream.end(OVER)
                    self.relay.leave(asked.key, stream.viewer)
                    return

    async def _log_end(self, asked: Opening, problem: str) -> None:
        try:
            await self.record(self._entry(asked, {"live": "ends"} | ({"problem": problem[:200]} if problem else {})))
        except StoreError as error:
            _log.error("end of a stream not logged", camera=asked.key.camera, problem=str(error))

    def _entry(self, asked: Opening, more: dict[str, str]) -> AuditEntry:
        key = asked.key
        detail = {"consumer": asked.consumer.id, "output": asked.output, "address": asked.address[:100]} | more
        return AuditEntry(
            time_ns=self.clock.wall_ns(), who=f"consumer:{asked.consumer.name}", what="view", site=key.site,
            target=f"{key.box}/{key.camera}", detail=detail,
        )  # fmt: skip

    @contextlib.contextmanager
    def _slot(self, consumer_id: str) -> Iterator[None]:
        if self._open[consumer_id] >= MOST_OF_A_CONSUMER:
            raise FeedThrottled(15, f"this consumer has {MOST_OF_A_CONSUMER} streams open; close one")
        if self._open.total() >= MOST_STREAMS:
            raise FeedThrottled(15, "too many streams are open")
        self._open[consumer_id] += 1
        try:
            yield
        finally:
            self._open[consumer_id] -= 1
            if not self._open[consumer_id]:
                del self._open[consumer_id]
