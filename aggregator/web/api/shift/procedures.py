"""Procedures, and the checklists of alerts."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Query

from aggregator.domain.shift.procedure import Procedure
from aggregator.services.shift.procedure_service import ProcedureService
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.base import PRINTABLE
from aggregator.web.api_models.monitoring import shift as models
from protocol.identifiers import is_uuid7

TAGS: Tags = ["procedures and hand-overs"]
_Kind = Annotated[str, Path(description="A kind of event.", max_length=64, pattern=PRINTABLE)]
_Site = Annotated[str, Query(description="Empty: for all sites.", max_length=64, pattern=PRINTABLE)]
_Step = Annotated[int, Path(description="The step's number, from 1 on.", ge=1, le=1000)]


def add(app: FastAPI, procedures: ProcedureService) -> None:
    """Add the routes."""
    _add_procedures(app, procedures)
    _add_checklists(app, procedures)


def _add_procedures(app: FastAPI, procedures: ProcedureService) -> None:
    @app.get("/api/procedures", tags=TAGS)
    async def list_procedures(caller: Who) -> models.ProceduresResponse:
        """The newest version of each kind and site; version 0 comes with the program."""
        found = await procedures.newest(caller)
        return models.ProceduresResponse(procedures=[models.ProcedureResponse.of(it) for it in found])

    @app.get("/api/procedures/{kind}", tags=TAGS)
    async def list_procedure_versions(kind: _Kind, caller: Who, site: _Site = "") -> models.ProceduresResponse:
        """All versions of a kind at a site, the newest first."""
        found = await procedures.versions(caller, kind, site)
        return models.ProceduresResponse(procedures=[models.ProcedureResponse.of(it) for it in found])

    @app.post("/api/procedures", tags=TAGS, status_code=201, responses=errors(409))
    async def change_procedure(body: models.ProcedureRequest, caller: Who) -> models.ProcedureResponse:
        """Make a new version; alerts that are open keep theirs."""
        steps = tuple(it.step() for it in body.steps)
        wanted = Procedure(kind=body.kind, site=body.site, version=body.after + 1, steps=steps)
        if not await procedures.change(caller, wanted):
            raise HTTPException(409, "after: somebody has made another version meanwhile; load it and change that")
        made = (await procedures.versions(caller, body.kind, body.site))[0]
        return models.ProcedureResponse.of(made)


def _add_checklists(app: FastAPI, procedures: ProcedureService) -> None:
    @app.get("/api/alerts/{alert_id}/procedure", tags=TAGS, responses=errors(404))
    async def show_checklist(alert_id: IdPath, caller: Who) -> models.ChecklistResponse:
        """An alert's procedure, in the version that was valid when it was opened, with its ticks."""
        found = await procedures.checklist(caller, alert_id) if is_uuid7(alert_id) else None
        if found is None:
            raise HTTPException(404, "no such alert")
        return models.ChecklistResponse.of(found)

    @app.put("/api/alerts/{alert_id}/procedure/{step}", tags=TAGS, responses=errors(404))
    async def tick_step(
        alert_id: IdPath, step: _Step, body: models.TickRequest, caller: Who
    ) -> models.ChecklistResponse:
        """Tick a step off, or take the tick back."""
        found = await procedures.tick(caller, alert_id, step, body.done) if is_uuid7(alert_id) else None
        if found is None:
            raise HTTPException(404, "no such alert")
        return models.ChecklistResponse.of(found)
