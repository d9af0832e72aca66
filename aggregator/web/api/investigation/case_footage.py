"""The HTTP API of marked ranges of footage under a case: redacted clips and legal holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response

from aggregator.domain.clip import CaseClip
from aggregator.domain.investigation.hold import Hold
from aggregator.services.footage.case_footage_service import CaseFootageService, Marked
from aggregator.services.footage.hold_service import HoldService
from aggregator.storage.object_store import ObjectStorage
from aggregator.web.api.cursors import Before, cursor_of, place_before
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api.video.clips import FILM_RESPONSES, film
from aggregator.web.api_models import footage as models
from aggregator.web.api_models.base import PRINTABLE, optional_time
from protocol.identifiers import from_rfc3339, to_rfc3339

_TAGS: Tags = ["cases"]
_Case = Annotated[str, Query(description="Under which case.", max_length=64, pattern=PRINTABLE)]
_NOT_YET = {"model": models.CaseClipResponse, "description": "It is not there."}


def marked(wanted: models.MarkedRange) -> Marked:
    """The range of a request."""
    span = from_rfc3339(wanted.begin), from_rfc3339(wanted.to)
    return Marked(wanted.case, wanted.camera, wanted.box, span)


def add(app: FastAPI, footage: CaseFootageService, holds: HoldService, objects: ObjectStorage) -> None:
    """Add the routes."""

    async def shown(it: CaseClip) -> models.CaseClipResponse:
        clip = it.clip
        return models.CaseClipResponse(
            id=clip.id, case=it.case_id, site=clip.site, box=clip.box, camera=clip.camera,
            begin=to_rfc3339(clip.from_ns), to=to_rfc3339(clip.to_ns), state=clip.state,
            progress=await footage.progress(clip), problem=clip.problem,
            problem_code=clip.problem_code, asked_by=it.asked_by,
            asked=to_rfc3339(clip.made_ns), expires=to_rfc3339(clip.expires_ns),
        )  # fmt: skip

    @app.get("/api/case-clips", tags=_TAGS, responses=errors(409))
    async def list_case_clips(case: _Case, caller: Who) -> models.CaseClipsResponse:
        """The clips of a case's marked ranges, newest first; at most 200."""
        return models.CaseClipsResponse(clips=[await shown(it) for it in await footage.clips(caller, case)])

    @app.post("/api/case-clips", status_code=202, tags=_TAGS, responses=errors(409))
    async def request_case_clip(caller: Who, wanted: models.NewCaseClipRequest) -> models.CaseClipResponse:
        """Have the redacted clip of a marked range made; a minute at most."""
        return await shown(await footage.ask_clip(caller, marked(wanted)))

    @app.get(
        "/api/case-clips/{clip_id}", tags=_TAGS, response_class=Response,
        responses={**FILM_RESPONSES, **errors(404, 409), 202: _NOT_YET},
    )  # fmt: skip
    async def show_case_clip(clip_id: IdPath, case: _Case, caller: Who, request: Request) -> Response:
        """The redacted clip of a marked range, or its state while it is not there; byte ranges as in RFC 9110."""
        found = await footage.show(caller, case, clip_id)
        if found is None:
            raise HTTPException(404, "no such clip within this case")
        if found.clip.state != "stored":
            return JSONResponse((await shown(found)).model_dump(by_alias=True), 202)
        return film(objects, found.clip, request.headers.get("range"))

    _add_holds(app, holds)


def _hold(it: Hold) -> models.HoldResponse:
    return models.HoldResponse(
        id=it.id, case=it.case_id, site=it.site, box=it.box, camera=it.camera, begin=to_rfc3339(it.from_ns),
        to=to_rfc3339(it.to_ns), until=to_rfc3339(it.until_ns), reason=it.reason, placed_by=it.placed_by,
        placed=to_rfc3339(it.placed_ns), state=it.state, problem=it.problem,
        problem_code=it.problem_code, ended_by=it.ended_by,
        ended=optional_time(it.ended_ns or None), end_reason=it.end_reason,
    )  # fmt: skip


def _add_holds(app: FastAPI, holds: HoldService) -> None:
    @app.get("/api/holds", tags=_TAGS, responses=errors(400, 409))
    async def list_holds(
        case: _Case, caller: Who, before: Before = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> models.HoldsResponse:
        """The legal holds of a case, newest first, ended ones too."""
        place = place_before(before)
        found = await holds.of_case(caller, case, limit, place[1] if place else None)
        following = cursor_of(found[-1].placed_ns, found[-1].id) if len(found) == limit else None
        return models.HoldsResponse(holds=[_hold(it) for it in found], before=following)

    @app.post("/api/holds", status_code=201, tags=_TAGS, responses=errors(409))
    async def hold_footage(caller: Who, wanted: models.NewHoldRequest) -> models.HoldResponse:
        """Place a legal hold: the box keeps a range past its maximum retention, until a time."""
        return _hold(await holds.place(caller, marked(wanted), from_rfc3339(wanted.until), wanted.reason))

    @app.post("/api/holds/{hold_id}/end", tags=_TAGS, responses=errors(409))
    async def end_hold(hold_id: IdPath, caller: Who, wanted: models.EndHoldRequest) -> models.HoldResponse:
        """End a legal hold before its time; the footage is then kept as long as any other."""
        return _hold(await holds.end(caller, hold_id, wanted.reason))
