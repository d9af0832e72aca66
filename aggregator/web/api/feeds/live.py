"""Live video for consumers: fragmented MP4 over HTTP and WebSocket, and the tickets of players."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import ClassVar

from fastapi import FastAPI, Request, WebSocket
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aggregator.auth.client_address import address_of
from aggregator.services.feeds.feed_service import Limits
from aggregator.services.stream_relay import StreamKey
from aggregator.services.video_out.consumer_streams import ConsumerStream, ConsumerStreams, Opening
from aggregator.services.video_out.stream_tickets import LIFE_S, StreamTickets
from aggregator.web.api.dependencies import NamePath, Responses, Tags, content, errors
from aggregator.web.api.feeds.feed import Asking
from aggregator.web.api_models.feeds import live as models
from aggregator.web.event_stream import EventStream
from aggregator.web.websocket_tasks import AWAY, close, first_of, gone
from common.clock import SECOND_NS
from common.errors import CommandError, FeedThrottled, Forbidden, PaifangError
from protocol.identifiers import to_rfc3339
from protocol.live_frames import HEAD

TAGS: Tags = ["video out"]
TICKET = "A ticket in the address opens it too."
_MP4: Responses = content("video/mp4", "Fragmented MP4 (H.264), one fragment a picture, until the stream ends.")
_ENDED, _FORBIDDEN, _THROTTLED = 4401, 4403, 4429
ANY_ORIGIN = {"access-control-allow-origin": "*"}
"""Pages of other origins may play what a ticket opens; a browser sends nothing else along that would open it."""


class LiveResponse(EventStream):
    """One client's live view. The stack closes the stream.

    Args:
        stream: Is open.
        first: Its first message, which has come already.
        stack: Holds it open.
    """

    media_type = "video/mp4"
    sent_headers: ClassVar[dict[str, str]] = EventStream.sent_headers | ANY_ORIGIN

    def __init__(self, stream: ConsumerStream, first: bytes, stack: AsyncExitStack) -> None:
        super().__init__()
        self._stream, self._first, self._stack = stream, first, stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request until it is over."""
        async with self._stack:
            await super().__call__(scope, receive, send)

    async def follow(self) -> None:
        """Send fragments as they come."""
        await self.put(self._first[HEAD:])
        async for message in self._stream.messages():
            await self.put(message[HEAD:])

    async def until_over(self, receive: Receive) -> None:
        """Until the client has left, or nothing may be handed over any more."""
        left, over = asyncio.create_task(super().until_over(receive)), asyncio.create_task(self._stream.over.wait())
        try:
            await asyncio.wait((left, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
            over.cancel()


def add(app: FastAPI, streams: ConsumerStreams, tickets: StreamTickets, limits: Limits) -> None:
    """Add the routes."""
    _add_ticket(app, streams, tickets, limits)

    @app.get(
        "/api/feed/live/{site}/{box}/{camera}/stream.mp4", tags=TAGS, response_class=Response,
        responses=_MP4 | errors(409),
    )  # fmt: skip
    async def stream_video(
        site: NamePath, box: NamePath, camera: NamePath, consumer: Asking, request: Request
    ) -> Response:
        """The camera's redacted live view as it comes. A ticket in the address opens it too."""
        limits.requests.take(consumer.id, consumer.requests_per_minute)
        asked = Opening(consumer, StreamKey(site, box, camera), "http", address_of(request))
        async with AsyncExitStack() as stack:
            stream = await stack.enter_async_context(streams.open(asked))
            first = await anext(stream.messages(), None)
            if first is None:
                raise CommandError(stream.problem or "the camera sends no picture")
            return LiveResponse(stream, first, stack.pop_all())

    @app.websocket("/api/feed/live/{site}/{box}/{camera}/stream")
    async def stream_messages(socket: WebSocket, site: str, box: str, camera: str) -> None:
        await socket.accept()
        consumer = socket.state.consumer
        asked = Opening(consumer, StreamKey(site, box, camera), "websocket", address_of(socket))
        try:
            limits.requests.take(consumer.id, consumer.requests_per_minute)
            async with streams.open(asked) as stream:
                code, reason = await first_of(_send(socket, stream), gone(socket), _over(stream))
        except PaifangError as error:
            kinds = {Forbidden: _FORBIDDEN, FeedThrottled: _THROTTLED}
            code, reason = kinds.get(type(error), AWAY), str(error)
        await close(socket, code, reason)


def _add_ticket(app: FastAPI, streams: ConsumerStreams, tickets: StreamTickets, limits: Limits) -> None:
    @app.post("/api/feed/live/{site}/{box}/{camera}/ticket", tags=TAGS, status_code=201, responses=errors(409))
    async def make_stream_ticket(
        site: NamePath, box: NamePath, camera: NamePath, consumer: Asking
    ) -> models.TicketResponse:
        """Addresses that open the camera's live view without a header, for players; valid for a minute to begin."""
        limits.requests.take(consumer.id, consumer.requests_per_minute)
        await streams.check(consumer, StreamKey(site, box, camera))
        base, ticket = f"/api/feed/live/{site}/{box}/{camera}", tickets.make(consumer, f"{site}/{box}/{camera}")
        return models.TicketResponse(
            expires=to_rfc3339(tickets.clock.wall_ns() + LIFE_S * SECOND_NS),
            hls=f"{base}/index.m3u8?ticket={ticket}",
            mp4=f"{base}/stream.mp4?ticket={ticket}",
            websocket=f"{base}/stream?ticket={ticket}",
        )  # fmt: skip


async def _send(socket: WebSocket, stream: ConsumerStream) -> tuple[int, str]:
    async for message in stream.messages():
        await socket.send_bytes(message[HEAD:])
    return _ENDED if stream.over.is_set() else AWAY, stream.problem


async def _over(stream: ConsumerStream) -> tuple[int, str]:
    await stream.over.wait()
    return _ENDED, stream.problem
