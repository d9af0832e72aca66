"""The HTTP API of releases (unredacted copies): ask, decide, fetch."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from aggregator.domain.investigation.release import Release, State
from aggregator.services.release_service import ReleaseDownload, ReleaseService
from aggregator.web.api.cursors import Before, cursor_of, place_before
from aggregator.web.api.dependencies import IdPath, Tags, Who, content, errors
from aggregator.web.api_models import releases as models
from aggregator.web.api_models.base import optional_time
from protocol.identifiers import from_rfc3339, to_rfc3339

_TAGS: Tags = ["unredacted copies"]


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


def _release(it: Release) -> models.ReleaseResponse:
    """A release as the API shows it; never its key, and nothing of its pictures."""
    return models.ReleaseResponse(
        id=it.id, case=it.case_id, site=it.site, box=it.box, camera=it.camera, begin=to_rfc3339(it.from_ns),
        to=to_rfc3339(it.to_ns), reason=it.reason, state=it.state, asked_by=it.asked_by,
        asked=optional_time(it.asked_ns or None), decided_by=it.decided_by,
        decided=optional_time(it.decided_ns or None), decision=it.decision, problem=it.problem,
        problem_code=it.problem_code,
        expires=optional_time(it.expires_ns or None), fetches=it.fetches,
        destroyed=it.state in ("ready", "fetched", "expired") and not it.sealed,
    )  # fmt: skip


def _fields(wanted: models.NewReleaseRequest) -> dict[str, object]:
    times = {"from_ns": from_rfc3339(wanted.begin), "to_ns": from_rfc3339(wanted.to)}
    return {"case": wanted.case, "camera": wanted.camera, "box": wanted.box, "reason": wanted.reason, **times}


def add(app: FastAPI, releases: ReleaseService) -> None:
    """Add the routes."""

    @app.get("/api/releases", tags=_TAGS, responses=errors(400))
    async def list_releases(
        caller: Who,
        before: Before = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
        state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    ) -> models.ReleasesResponse:
        """Requests that the caller made or may decide, newest first."""
        place = place_before(before)
        found = await releases.shown(caller, limit, place[1] if place else None, state=state)
        following = cursor_of(found[-1].asked_ns, found[-1].id) if len(found) == limit else None
        purposes = await releases.purposes(found)
        shown = (_release(it).model_copy(update={"purpose": purposes.get(it.case_id, "")}) for it in found)
        return models.ReleasesResponse(releases=list(shown), before=following)

    @app.post("/api/releases", status_code=201, tags=_TAGS, responses=errors(409))
    async def request_release(caller: Who, wanted: models.NewReleaseRequest) -> models.ReleaseResponse:
        """Ask for an unredacted copy of a camera's footage."""
        return _release(await releases.ask(caller, _fields(wanted)))

    @app.post("/api/releases/{release_id}/approve", tags=_TAGS, responses=errors(409))
    async def approve_release(
        release_id: IdPath, caller: Who, wanted: models.DecisionRequest
    ) -> models.ReleaseResponse:
        """Approve another person's request."""
        return _release(await releases.decide(caller, release_id, approved=True, reason=wanted.reason))

    @app.post("/api/releases/{release_id}/refuse", tags=_TAGS, responses=errors(409))
    async def refuse_release(release_id: IdPath, caller: Who, wanted: models.DecisionRequest) -> models.ReleaseResponse:
        """Refuse another person's request."""
        return _release(await releases.decide(caller, release_id, approved=False, reason=wanted.reason))

    @app.post(
        "/api/releases/{release_id}/fetch", tags=_TAGS, response_class=StreamingResponse,
        responses=content("application/zip", "The copy.") | errors(409),
    )  # fmt: skip
    async def fetch_release(release_id: IdPath, caller: Who) -> Download:
        """Fetch one's own copy; three times at most, within 15 minutes of the first time."""
        return Download(await releases.fetch(caller, release_id))
