"""Sends one live view to one receiver, from the connection to its end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.domain.feeds.consumer import Consumer
from aggregator.services.stream_relay import StreamKey
from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.consumer_streams import ConsumerStream, ConsumerStreams, Opening, Output
from aggregator.services.video_out.fmp4_reader import Fmp4Reader, VideoFormat
from aggregator.services.video_out.push.push_address import PushTarget, Stream, connected
from aggregator.services.video_out.push.rtmp_publisher import RtmpPublisher
from aggregator.services.video_out.push.rtsp_publisher import RtspPublisher
from common.errors import PushFailed

BEGIN_S, SEND_S, FIRST_S, END_S = 10.0, 10.0, 25.0, 0.5
"""Time for a receiver to accept, to take a picture, for the box to send the first one, and for a good end."""
MOST_RESOLVERS = 8


class Publisher(Protocol):
    """Speaks the protocol of a receiver over an open connection."""

    async def begin(self, form: VideoFormat) -> None:
        """Everything up to the first picture."""

    async def send(self, unit: AccessUnit, time_90khz: int) -> None:
        """Send a picture; `time_90khz` is since the first one."""

    async def listen(self) -> None:
        """Answer what the receiver sends, until it ends the stream."""

    async def end(self) -> None:
        """Say that there will be no more."""


PUBLISHERS: dict[Output, Callable[[Stream, PushTarget, Callable[[int], bytes]], Publisher]] = {
    "rtmp": RtmpPublisher,
    "rtmps": RtmpPublisher,
    "rtsp": RtspPublisher,
    "rtsps": RtspPublisher,
}
"""Scheme of an address → what speaks its protocol."""


def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_RESOLVERS, "video-names")


@dataclass
class Pusher:
    """Belongs to the event loop.

    Args:
        streams: Open live views.
        networks: Private networks that may be connected to.
        random: Makes random bytes.
        tls: Makes the context of TLS connections; blocks.
    """

    streams: ConsumerStreams
    networks: Sequence[str]
    random: Callable[[int], bytes]
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    _resolvers: ThreadPoolExecutor = field(default_factory=_resolvers, init=False)

    async def run(
        self, consumer: Consumer, key: StreamKey, target: PushTarget, begun: Callable[[], Awaitable[None]]
    ) -> None:
        """Send until something ends it; always raises.

        Args:
            consumer: Whose output it is.
            key: The live view.
            target: The receiver.
            begun: Called when the receiver takes the video.

        Raises:
            PushFailed: The receiver does not take it, or not any more.
            PaifangError: As `ConsumerStreams.open`.
        """
        asked = Opening(consumer, key, target.scheme, target.host, by_token=False)
        async with connected(target, self.networks, self._resolvers, self.tls) as stream:
            publisher = PUBLISHERS[target.scheme](stream, target, self.random)
            async with self.streams.open(asked) as view:
                try:
                    await self._send(publisher, view, begun)
                except TimeoutError as error:
                    raise PushFailed("the receiver takes too long") from error
                except (asyncio.IncompleteReadError, OSError) as error:
                    raise PushFailed("the receiver has closed the connection") from error
                raise PushFailed(view.problem or "the receiver ended the stream")

    async def _send(self, publisher: Publisher, view: ConsumerStream, begun: Callable[[], Awaitable[None]]) -> None:
        reader = Fmp4Reader()
        pictures = view.pictures(reader)
        try:
            async with asyncio.timeout(FIRST_S):
                first = await anext(pictures, None)
        except TimeoutError as error:
            raise PushFailed("the camera sends no picture") from error
        if first is None or reader.format is None:
            return
        async with asyncio.timeout(BEGIN_S):
            await publisher.begin(reader.format)
        await begun()
        await _first(_pictures(publisher, first, pictures), publisher.listen(), view.over.wait())
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(END_S):
                await publisher.end()


async def _pictures(publisher: Publisher, first: AccessUnit, rest: AsyncIterator[AccessUnit]) -> None:
    """Not with `asyncio.wait_for`: before Python 3.12 it loses a cancellation that comes with the result."""
    unit: AccessUnit | None = first
    while unit is not None:
        async with asyncio.timeout(SEND_S):
            await publisher.send(unit, max(0, unit.time_90khz - first.time_90khz))
        unit = await anext(rest, None)


async def _first(*works: Awaitable[object]) -> None:
    """Until the first of them ends; the others are cancelled. Its error is raised."""
    tasks = [asyncio.ensure_future(it) for it in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for it in done:
            it.result()
    finally:
        for it in tasks:
            it.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
