"""The newest still of a camera."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import Response

from aggregator.services.monitoring.still_service import StillService
from aggregator.web.api.dependencies import NamePath, Who, content, errors
from protocol.identifiers import to_rfc3339

TIME = "Picture-Time"
"""Header: when the picture was taken, by the box's clock."""


def add(app: FastAPI, stills: StillService) -> None:
    """Add the route."""

    @app.get(
        "/api/stills/{site}/{box}/{place}", tags=["pictures and clips"], response_class=Response,
        responses=content("image/jpeg", f"The redacted picture; `{TIME}` says when it was taken.") | errors(409),
    )  # fmt: skip
    async def show_still(site: NamePath, box: NamePath, place: NamePath, caller: Who, request: Request) -> Response:
        """The newest redacted picture of a camera, at most 30 seconds old where the box answers."""
        by_page = request.headers.get("sec-fetch-dest") in ("empty", "image")  # a script or an image of a page
        still = await stills.newest(caller, (site, box, place), by_page=by_page)
        headers = {TIME: to_rfc3339(still.time_ns), "Cache-Control": "no-store"}
        return Response(still.jpeg, media_type="image/jpeg", headers=headers)
