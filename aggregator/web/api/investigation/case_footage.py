"""The HTTP API of marked ranges of footage under a case: redacted clips and legal holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response

from aggregator.domain.clip import CaseClip
from aggregator.services.footage.case_footage_service import CaseFootageService, Marked
from aggregator.storage.object_store import ObjectStorage
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api.video.clips import FILM_RESPONSES, film
from aggregator.web.api_models import footage as models
from aggregator.web.api_models.base import PRINTABLE
from protocol.identifiers import from_rfc3339, to_rfc3339

_TAGS: Tags = ["cases"]
_Case = Annotated[str, Query(description="Under which case.", max_length=64, pattern=PRINTABLE)]
_NOT_YET = {"model": models.CaseClipResponse, "description": "It is not there."}


def marked(wanted: models.MarkedRange) -> Marked:
    """The range of a request."""
    span = from_rfc3339(wanted.begin), from_rfc3339(wanted.to)
    return Marked(wanted.case, wanted.camera, wanted.box, span)


def add(app: FastAPI, footage: CaseFootageService, objects: ObjectStorage) -> None:
    """Add the routes."""

    async def shown(it: CaseClip) -> models.CaseClipResponse:
        clip = it.clip
        return models.CaseClipResponse(
            id=clip.id, case=it.case_id, site=clip.site, box=clip.box, camera=clip.camera,
            begin=to_rfc3339(clip.from_ns), to=to_rfc3339(clip.to_ns), state=clip.state,
            progress=await footage.progress(clip), problem=clip.problem, asked_by=it.asked_by,
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

    @app.post("/api/holds", status_code=201, tags=_TAGS, responses=errors(409))
    async def hold_footage(caller: Who, wanted: models.NewHoldRequest) -> models.HoldResponse:
        """Place a legal hold: the box keeps a range past its maximum retention, until a time."""
        box = await footage.hold(caller, marked(wanted), from_rfc3339(wanted.until), wanted.reason)
        return models.HoldResponse(
            case=wanted.case, box=box, camera=wanted.camera, begin=wanted.begin, to=wanted.to, until=wanted.until
        )
