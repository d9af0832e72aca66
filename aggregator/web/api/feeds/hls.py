"""HTTP Live Streaming for consumers (draft-pantos-hls-rfc8216bis): low latency, with blocking reload."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from starlette.responses import Response

from aggregator.auth.client_address import address_of
from aggregator.services.feeds.feed_service import Limits
from aggregator.services.stream_relay import StreamKey
from aggregator.services.video_out.consumer_streams import Opening
from aggregator.services.video_out.hls.sessions import AHEAD, BLOCK_S, HlsSession, HlsSessions
from aggregator.services.video_out.hls.window import master_playlist
from aggregator.web.api.dependencies import NamePath, content, errors
from aggregator.web.api.feeds.feed import Asking
from aggregator.web.api.feeds.live import ANY_ORIGIN, TAGS

PLAYLIST, MP4 = "application/vnd.apple.mpegurl", "video/mp4"
_SEGMENT = re.compile(r"(\d{1,9})(?:\.(\d{1,4}))?\.m4s", re.ASCII)
_HEADERS = ANY_ORIGIN | {"Cache-Control": "no-store"}
_Number = Annotated[int | None, Query(alias="_HLS_msn", ge=0, le=10**9)]
_Part = Annotated[int | None, Query(alias="_HLS_part", ge=0, le=10**4)]


def add(app: FastAPI, sessions: HlsSessions, limits: Limits) -> None:
    """Add the routes; those of a session check its secret themselves."""

    @app.get(
        "/api/feed/live/{site}/{box}/{camera}/index.m3u8", tags=TAGS, response_class=Response,
        responses=content(PLAYLIST, "A playlist whose addresses hold the secret of a session.") | errors(409),
    )  # fmt: skip
    async def begin_hls(
        site: NamePath, box: NamePath, camera: NamePath, consumer: Asking, request: Request
    ) -> Response:
        """Begin a session of HTTP Live Streaming (RFC 8216); it ends when its playlist is not asked for any more.

        A ticket in the address opens it too.
        """
        limits.requests.take(consumer.id, consumer.requests_per_minute)
        asked = Opening(consumer, StreamKey(site, box, camera), "hls", address_of(request))
        session = await sessions.begin(asked)
        assert session.reader.format is not None
        text = master_playlist(f"/hls/{session.secret}/media.m3u8", session.reader.format)
        return Response(text, media_type=PLAYLIST, headers=_HEADERS)

    @app.get("/hls/{session}/{file}", include_in_schema=False)
    async def read_hls(session: str, file: str, number: _Number = None, part: _Part = None) -> Response:
        found = sessions.find(session)
        if found is None:
            raise HTTPException(404, "this session has ended; begin a new one", ANY_ORIGIN)
        if file == "media.m3u8":
            return await _playlist(sessions, found, number, part)
        if file == "init.mp4":
            return Response(found.init, media_type=MP4, headers=_HEADERS)
        match = _SEGMENT.fullmatch(file)
        if match is None:
            raise HTTPException(404, "there is no such file", ANY_ORIGIN)
        return await _media(found, int(match[1]), None if match[2] is None else int(match[2]))


async def _playlist(sessions: HlsSessions, session: HlsSession, number: int | None, part: int | None) -> Response:
    """The media playlist; with `_HLS_msn` once it has that segment or part (section 6.2.5.2)."""
    window = session.window
    session.asked_ns = sessions.streams.clock.monotonic_ns()
    if part is not None and number is None:
        raise HTTPException(400, "_HLS_part: needs _HLS_msn too", ANY_ORIGIN)
    if number is not None and number > window.current.number + AHEAD:
        raise HTTPException(400, "_HLS_msn: lies too far ahead", ANY_ORIGIN)

    def there() -> bool:
        return bool(window.done or window.over) and (number is None or window.has(number, part))

    if not await session.until(there, BLOCK_S):
        raise HTTPException(503, "the camera sends nothing", ANY_ORIGIN | {"Retry-After": "2"})
    return Response(window.playlist(), media_type=PLAYLIST, headers=_HEADERS)


async def _media(session: HlsSession, number: int, part: int | None) -> Response:
    """A segment or a part; one that the playlist has announced, once it is there."""
    window = session.window
    announced = part is not None and window.current.number == number and len(window.current.parts) == part
    if announced:
        await session.until(lambda: window.has(number, part), BLOCK_S)
    data = window.data(number, part)
    if data is None:
        raise HTTPException(404, "it is not there any more", ANY_ORIGIN)
    return Response(data, media_type=MP4, headers=_HEADERS)
