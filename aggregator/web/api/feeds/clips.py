"""Clips of alerts for consumers."""

from __future__ import annotations

import base64

from fastapi import FastAPI, HTTPException, Request
from starlette.responses import Response

from aggregator.services.feeds.feed_service import Limits
from aggregator.services.video_out.clip_handover import ClipHandover
from aggregator.web.api.dependencies import IdPath, Tags, errors
from aggregator.web.api.feeds.feed import Asking
from aggregator.web.api.video.clips import FILM_RESPONSES, film

TAGS: Tags = ["video out"]


def add(app: FastAPI, clips: ClipHandover, limits: Limits) -> None:
    """Add the route."""

    @app.get(
        "/api/feed/clips/{alert_id}", tags=TAGS, response_class=Response,
        responses=FILM_RESPONSES | errors(404, 409),
    )  # fmt: skip
    async def show_feed_clip(alert_id: IdPath, consumer: Asking, request: Request) -> Response:
        """The redacted clip of an alert of the consumer's feed; `Repr-Digest` is its SHA-256 (RFC 9530)."""
        limits.requests.take(consumer.id, consumer.requests_per_minute)
        found = await clips.open(consumer, alert_id)
        if found is None:
            raise HTTPException(404, "there is no clip of such an alert in your feed")
        answer = film(clips.objects, found, request.headers.get("range"))
        answer.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(found.digest)).decode()}:"
        return answer
