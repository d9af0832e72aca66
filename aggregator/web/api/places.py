"""The HTTP API of boxes and cameras, of messages in quarantine, and of events' pictures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import Response

from aggregator.domain.store_port import Reader
from aggregator.services.picture_service import PictureService
from protocol.identifiers import is_uuid7, to_rfc3339

Json = dict[str, Any]


def add(app: FastAPI, reader: Reader, pictures: PictureService) -> None:
    """Add the routes."""

    @app.get("/api/boxes")
    def boxes(request: Request) -> Json:
        within = request.state.caller.within("places.see")
        return {"boxes": [_plain(box) for box in reader.boxes() if within.touches(box.site)]}

    @app.get("/api/cameras")
    def cameras(request: Request) -> Json:
        within = request.state.caller.within("places.see")
        return {"cameras": [_plain(it) for it in reader.cameras() if within.holds(it.site, it.id)]}

    @app.get("/api/quarantine")
    def quarantine(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Json:
        entries = [
            {
                "topic": it.topic,
                "reason": it.reason,
                "size": it.size,
                "count": it.count,
                "first": to_rfc3339(it.first_ns),
                "last": to_rfc3339(it.last_ns),
                "start": it.payload[:400].decode("utf-8", "replace"),
            }
            for it in reader.quarantine(limit)
        ]
        return {"count": reader.quarantine_count(), "entries": entries}

    @app.get("/api/pictures/{event_id}")
    async def picture(event_id: str, request: Request) -> Response:
        jpeg = await pictures.open(request.state.caller, event_id) if is_uuid7(event_id) else None
        if jpeg is None:
            raise HTTPException(404, "no such picture")
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _plain(row: Any) -> Json:
    plain = {name: getattr(row, name) for name in row.__struct_fields__}
    for name in ("seen_ns", "status_ns"):
        if name in plain:
            plain[name.replace("_ns", "")] = to_rfc3339(plain.pop(name))
    return plain
