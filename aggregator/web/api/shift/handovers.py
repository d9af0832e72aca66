"""Hand-overs of shifts and their notes."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query

from aggregator.services.shift.handover_service import HandoverService
from aggregator.web.api.cursors import Before, cursor_of, place_before
from aggregator.web.api.dependencies import IdPath, Who, errors
from aggregator.web.api.shift.procedures import TAGS
from aggregator.web.api_models.base import PRINTABLE
from aggregator.web.api_models.monitoring import shift as models
from protocol.identifiers import is_uuid7

_Scope = Annotated[str, Query(description="`*`, a site, or `site/area`.", max_length=129, pattern=PRINTABLE)]


def add(app: FastAPI, handovers: HandoverService) -> None:
    """Add the routes."""
    _add_documents(app, handovers)
    _add_signatures(app, handovers)


def _add_documents(app: FastAPI, handovers: HandoverService) -> None:
    @app.get("/api/handovers", tags=TAGS, responses=errors(400))
    async def list_handovers(
        caller: Who, before: Before = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> models.HandoversResponse:
        """Documents of the caller's scopes, newest first."""
        found = await handovers.newest(caller, limit, place_before(before))
        following = cursor_of(found[-1].left_ns, found[-1].id) if len(found) == limit else None
        return models.HandoversResponse(
            handovers=[models.HandoverSummary.of(it) for it in found], before=following, scopes=handovers.scopes(caller)
        )

    @app.get("/api/handovers/current", tags=TAGS, responses=errors(409))
    async def show_current(scope: _Scope, caller: Who) -> models.ContentResponse:
        """What would be handed over now."""
        return models.ContentResponse.of(await handovers.current(caller, scope))

    @app.get("/api/handovers/{handover_id}", tags=TAGS, responses=errors(404, 409))
    async def show_handover(handover_id: IdPath, caller: Who) -> models.HandoverResponse:
        """A document with its frozen content."""
        found = await handovers.one(caller, handover_id) if is_uuid7(handover_id) else None
        if found is None:
            raise HTTPException(404, "no such hand-over")
        return models.HandoverResponse.of(found)


def _add_signatures(app: FastAPI, handovers: HandoverService) -> None:
    @app.post("/api/handovers", tags=TAGS, status_code=201, responses=errors(409))
    async def make_handover(body: models.HandoverRequest, caller: Who) -> models.HandoverResponse:
        """Freeze what is there now, signed by the caller, who leaves; one of this scope that waits is replaced."""
        return models.HandoverResponse.of(await handovers.make(caller, body.scope))

    @app.post("/api/handovers/{handover_id}/take", tags=TAGS, responses=errors(404, 409))
    async def take_handover(handover_id: IdPath, body: models.TakeRequest, caller: Who) -> models.HandoverSummary:
        """Sign a document as the one who takes over: another account than the one who leaves."""
        taken = await handovers.take(caller, handover_id, body.digest) if is_uuid7(handover_id) else None
        if taken is None:
            raise HTTPException(404, "no such hand-over")
        return models.HandoverSummary.of(taken)

    @app.post("/api/shift-notes", tags=TAGS, status_code=201, responses=errors(409))
    async def add_note(body: models.NoteRequest, caller: Who) -> models.NoteResponse:
        """Write a note that the next hand-over of the scope holds."""
        return models.NoteResponse.of(await handovers.note(caller, body.scope, body.text))
