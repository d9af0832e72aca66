"""The HTTP API of clips, with byte ranges as players ask for them (RFC 9110, section 14; one range at a time)."""

from __future__ import annotations

import re

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from aggregator.domain.clip import Clip
from aggregator.services.footage.clip_service import ClipService
from aggregator.storage.object_store import ObjectStorage
from aggregator.web.api.dependencies import IdPath, Responses, Who, content, errors

FILM_RESPONSES: Responses = {
    **content("video/mp4", "The redacted clip."),
    **content("video/mp4", "The range of it that was asked for.", 206),
    416: {"description": "The range lies behind its end."},
}
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})\Z", re.ASCII)


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Begin and end (not included) of what is asked for; None: nothing of it is there.

    >>> range_of("bytes=5-", 10), range_of("bytes=-3", 10), range_of("bytes=2-900", 10), range_of("bytes=10-", 10)
    ((5, 10), (7, 10), (2, 10), None)
    >>> range_of("lines=1-2", 10)
    (0, 10)
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return 0, size
    first, last = found.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return (begin, end) if begin < end else None


def add(app: FastAPI, clips: ClipService) -> None:
    """Add the route."""

    @app.get(
        "/api/clips/{alert_id}", tags=["pictures and clips"], response_class=Response,
        responses=FILM_RESPONSES | errors(404),
    )  # fmt: skip
    async def show_clip(alert_id: IdPath, caller: Who, request: Request) -> Response:
        """The redacted clip of an alert; byte ranges as in RFC 9110."""
        found = await clips.open(caller, alert_id)
        if found is None:
            raise HTTPException(404, "there is no clip of this alert")
        return film(clips.objects, found, request.headers.get("range"))


def film(objects: ObjectStorage, clip: Clip, asked: str | None) -> Response:
    """A clip that is there, or the range of it that is asked for."""
    span = range_of(asked, clip.bytes)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if span is None:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{clip.bytes}"})
    headers["Content-Length"] = str(span[1] - span[0])
    whole = span == (0, clip.bytes)
    if not whole:
        headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{clip.bytes}"
    pieces = objects.read(clip.object, *span)
    return StreamingResponse(pieces, 200 if whole else 206, headers, media_type="video/mp4")
