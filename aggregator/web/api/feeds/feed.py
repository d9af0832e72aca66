"""The feed for consumers: pages with a cursor, server-sent events with the same cursor, and pictures."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import msgspec
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from starlette.responses import Response

from aggregator.domain.feeds.consumer import Consumer
from aggregator.services.feeds.feed_service import MOST_PAGE, MOST_WAIT_S, FeedPage, FeedService
from aggregator.web.api.dependencies import IdPath, Responses, Tags, content
from aggregator.web.api_models.feeds import feed as models
from aggregator.web.event_stream import HEARTBEAT_S, EventStream, Slot, StreamCounter
from common.errors import CursorExpired, FeedError, FeedThrottled, Forbidden

TAGS: Tags = ["feed"]
MOST_OF_A_CONSUMER, MOST_STREAMS = 5, 200
STREAM_PAGE = 100
GONE: Responses = {410: {"model": models.FeedCursorResponse, "description": "The cursor is older than what is kept."}}
_encode = msgspec.json.Encoder().encode
_After = Annotated[
    str | None, Query(description="`next` of an answer; without it only what comes from now on.", pattern=models.CURSOR)
]
_Limit = Annotated[int, Query(ge=1, le=MOST_PAGE, description="The most events.")]
_Wait = Annotated[float, Query(ge=0, le=MOST_WAIT_S, description="Seconds to wait where there is nothing yet.")]
_LastId = Annotated[str | None, Header(alias="Last-Event-ID", description="As `after`, which it precedes.")]


def consumer_of(request: Request) -> Consumer:
    """Who asks; the authentication middleware has found out."""
    consumer: Consumer = request.state.consumer
    return consumer


Asking = Annotated[Consumer, Depends(consumer_of)]


class FeedStream(EventStream):
    """A consumer's stream; it ends with the client, or when the consumer gets nothing any more.

    Args:
        feed: Reads it.
        consumer: Whose stream.
        first: The first part, which was read already.
        slot: Counts the stream while it is open.
    """

    def __init__(self, feed: FeedService, consumer: Consumer, first: FeedPage, slot: Slot) -> None:
        super().__init__(slot)
        self._feed, self._consumer, self._first = feed, consumer, first

    async def follow(self) -> None:
        """Send entries as they come. The `id` of each is the cursor after it."""
        page = self._first
        await self._put(page)
        try:
            while True:
                before = page.next
                try:
                    page = await self._feed.follow(self._consumer, before, STREAM_PAGE, HEARTBEAT_S)
                except FeedThrottled as error:
                    await self.put(":\n\n")
                    await asyncio.sleep(min(error.wait_s, HEARTBEAT_S))
                    continue
                await self._put(page)
        except (FeedError, Forbidden):
            return

    async def _put(self, page: FeedPage) -> None:
        events = [
            f"id: {it.position}\ndata: {_encode(self._feed.body(self._consumer, it)).decode()}\n\n"
            for it in page.entries
        ]
        moved = f"id: {page.next}\n\n"  # without data: no event, but the client comes back after it
        await self.put("".join(events) + ("" if page.entries and page.entries[-1].position == page.next else moved))


def add(app: FastAPI, feed: FeedService) -> None:
    """Add the routes."""
    open_requests = StreamCounter()
    _map_errors(app)

    @app.get("/api/feed", tags=TAGS, response_model=models.FeedResponse, responses=GONE)
    async def read_feed(consumer: Asking, after: _After = None, limit: _Limit = 100, wait: _Wait = 0.0) -> Response:
        """The next part of the consumer's feed, in order; with `wait` the answer comes with the first new event."""
        open_requests.check(consumer.id, MOST_OF_A_CONSUMER, MOST_STREAMS)
        with open_requests.slot(consumer.id):
            page = await feed.read(consumer, None if after is None else int(after), limit, wait)
        body = {
            "events": [feed.body(consumer, it) for it in page.entries], "next": str(page.next), "end": page.end,
        }  # fmt: skip
        return Response(_encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})

    @app.get(
        "/api/feed/stream", tags=TAGS, response_class=Response,
        responses=content("text/event-stream", "Events whose `data` is a CloudEvents object.") | GONE,
    )  # fmt: skip
    async def stream_feed(consumer: Asking, after: _After = None, last: _LastId = None) -> Response:
        """The consumer's feed as server-sent events: `id` is the cursor, `data` a CloudEvents object.

        Send `Last-Event-ID`, or `after`, to go on after an event. An `id` without data moves the cursor over events
        that are not for this consumer.
        """
        open_requests.check(consumer.id, MOST_OF_A_CONSUMER, MOST_STREAMS)
        cursor = after if last is None else _cursor(last)
        with open_requests.slot(consumer.id):  # streams that open while this one reads are counted with it
            first = await feed.read(consumer, None if cursor is None else int(cursor), STREAM_PAGE)
        return FeedStream(feed, consumer, first, partial(open_requests.slot, consumer.id))

    @app.get(
        "/api/feed/pictures/{event_id}", tags=TAGS, response_class=Response,
        responses=content("image/jpeg", "The redacted picture."),
    )  # fmt: skip
    async def show_feed_picture(event_id: IdPath, consumer: Asking) -> Response:
        """The redacted picture of an event of the consumer's feed; each access is in the audit log."""
        jpeg = await feed.picture(consumer, event_id)
        if jpeg is None:
            raise HTTPException(404, "there is no such picture in your feed")
        return Response(jpeg, media_type="image/jpeg")


def _cursor(text: str) -> str | None:
    """A cursor that a client sends as a header; an empty one is none.

    Raises:
        FeedError: It is no cursor.
    """
    if text and not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise FeedError("Last-Event-ID: take it from the 'id' of an event, or leave it out")
    return text or None


def _map_errors(app: FastAPI) -> None:
    @app.exception_handler(CursorExpired)
    async def expired(_request: Request, error: CursorExpired) -> Response:
        body = {"error": str(error), "oldest": error.oldest}
        return Response(_encode(body), 410, media_type="application/json")
