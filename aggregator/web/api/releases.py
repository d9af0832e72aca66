"""The HTTP API of releases: ask, decide, fetch."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from aggregator.domain.release import Release
from aggregator.services.release_service import ReleaseDownload, ReleaseService
from aggregator.web.api.dependencies import Body, Who, fields_from, fields_of
from common.errors import ReleaseError
from protocol.identifiers import to_rfc3339

Json = dict[str, Any]
_TIMES = {"from": "from_ns", "to": "to_ns"}


class _Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str


class Download(StreamingResponse):
    """A copy on its way; says when that is over, however it ended."""

    def __init__(self, copy: ReleaseDownload) -> None:
        headers = {
            "Content-Disposition": f'attachment; filename="{copy.name}"',
            "Content-Length": str(copy.size),
            "Cache-Control": "no-store",
        }
        super().__init__(copy.pieces, headers=headers, media_type="application/zip")
        self._close = copy.close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


def release_json(it: Release) -> Json:
    """A release as the API shows it; never its key, and nothing of its pictures."""

    def time(value: int) -> str | None:
        return to_rfc3339(value) if value else None

    return {
        "id": it.id, "case": it.case_id, "site": it.site, "box": it.box, "camera": it.camera,
        "from": to_rfc3339(it.from_ns), "to": to_rfc3339(it.to_ns), "reason": it.reason, "state": it.state,
        "asked_by": it.asked_by, "asked": time(it.asked_ns), "decided_by": it.decided_by,
        "decided": time(it.decided_ns), "decision": it.decision, "problem": it.problem,
        "expires": time(it.expires_ns), "fetches": it.fetches, "destroyed": it.state in ("ready", "fetched", "expired")
        and not it.sealed,
    }  # fmt: skip


def add(app: FastAPI, releases: ReleaseService) -> None:
    """Add the routes."""

    @app.get("/api/releases")
    async def shown(caller: Who) -> Json:
        return {"releases": [release_json(it) for it in await releases.shown(caller)]}

    @app.post("/api/releases", status_code=201)
    async def ask(caller: Who, data: Body) -> Json:
        return release_json(await releases.ask(caller, fields_of(data, _TIMES, "release")))

    @app.post("/api/releases/{release_id}/approve")
    async def approve(release_id: str, caller: Who, data: Body) -> Json:
        reason = fields_from(data, _Reason).reason
        return release_json(await releases.decide(caller, release_id, approved=True, reason=reason))

    @app.post("/api/releases/{release_id}/refuse")
    async def refuse(release_id: str, caller: Who, data: Body) -> Json:
        reason = fields_from(data, _Reason).reason
        return release_json(await releases.decide(caller, release_id, approved=False, reason=reason))

    @app.post("/api/releases/{release_id}/fetch")
    async def fetch(release_id: str, caller: Who) -> Download:
        return Download(await releases.fetch(caller, release_id))

    @app.exception_handler(ReleaseError)
    async def cannot(_request: Request, error: ReleaseError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 409)
