"""The HTTP API of the lists and of commands to gates and doors."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.site_lists.conflicts import Conflict, ListConflict
from aggregator.domain.site_lists.list_entry import ListEntry, ListEntryRequest
from aggregator.domain.store_port.events import EventReader
from aggregator.services.box_command_service import BoxCommandService
from aggregator.services.site_lists import site_list_csv
from aggregator.services.site_lists.passage_service import PassageService
from aggregator.services.site_lists.site_list_service import SiteListService
from aggregator.web.api.dependencies import IdPath, NamePath, Tags, Who, caller_of, content, errors
from aggregator.web.api_models import site_lists as models
from aggregator.web.api_models.base import PRINTABLE, optional_time
from protocol.commands import CommandName
from protocol.identifiers import to_rfc3339
from protocol.topics import BoxTopics

_NO_ENTRY = "there is no list entry behind this event, or it was removed or replaced since"
_Why = Annotated[
    str, Query(description="Why conflicting rows replace what is there.", max_length=200, pattern=PRINTABLE)
]
MOST_PASSAGES = 100
_LISTS: Tags = ["lists"]
_COMMANDS: Tags = ["gates and doors"]
_CSV = {
    "requestBody": {
        "description": "UTF-8; the first line names the columns.",
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


def add(
    app: FastAPI, lists: SiteListService, commands: BoxCommandService, passages: PassageService, events: EventReader
) -> None:
    """Add the routes."""
    _add_lists(app, lists)
    _add_files(app, lists)
    _add_commands(app, commands)
    _add_passages(app, events)
    _add_reasons(app, passages)


def _entry(entry: ListEntry) -> models.EntryResponse:
    return models.EntryResponse(
        id=entry.id,
        kind=entry.kind,
        text=entry.text,
        standing=entry.standing,
        owner=entry.owner,
        reason=entry.reason,
        valid_from=optional_time(entry.from_ns),
        valid_until=optional_time(entry.until_ns),
        by=entry.by,
        made=to_rfc3339(entry.made_ns),
    )


def _add_lists(app: FastAPI, lists: SiteListService) -> None:
    @app.get("/api/sites/{site}/list", tags=_LISTS)
    async def show_list(site: NamePath, caller: Who) -> models.EntriesResponse:
        """All entries of a site's list."""
        return models.EntriesResponse(entries=[_entry(it) for it in await lists.entries(caller, site)])

    @app.post(
        "/api/sites/{site}/list", status_code=201, tags=_LISTS,
        responses={409: {"model": models.ListConflictResponse, "description": "An entry with this text differs."}},
    )  # fmt: skip
    async def add_entry(site: NamePath, caller: Who, wanted: models.EntryRequest) -> models.EntryResponse:
        """Add an entry."""
        given = wanted.model_dump(exclude={"replace"})
        made = await lists.add(caller, site, [ListEntryRequest(**given)], replace=wanted.replace, reason=wanted.reason)
        return _entry(made[0])

    @app.exception_handler(ListConflict)
    async def conflict(request: Request, error: ListConflict) -> JSONResponse:
        present = _present(caller_of(request), error.found[0])
        answer = models.ListConflictResponse(error=str(error), present=present)
        return JSONResponse(answer.model_dump(), 409)

    @app.delete("/api/sites/{site}/list/{entry}", tags=_LISTS, responses=errors(404))
    async def remove_entry(site: NamePath, entry: IdPath, caller: Who) -> models.EntryRemovedResponse:
        """Remove an entry."""
        if not await lists.remove(caller, site, entry):
            raise HTTPException(404, "no such entry")
        return models.EntryRemovedResponse(removed=entry)


def _add_files(app: FastAPI, lists: SiteListService) -> None:
    @app.get(
        "/api/sites/{site}/list.csv", tags=_LISTS, response_class=Response, responses=content("text/csv", "The list.")
    )
    async def export_list(site: NamePath, caller: Who) -> Response:
        """The list as a CSV file."""
        entries = await lists.entries(caller, site, "list.exported")
        kind, headers = "text/csv; charset=utf-8", {"Cache-Control": "no-store"}
        return Response(site_list_csv.write(entries), media_type=kind, headers=headers)

    @app.post("/api/sites/{site}/list.csv", tags=_LISTS, openapi_extra=_CSV)
    async def import_list(
        site: NamePath,
        caller: Who,
        request: Request,
        *,
        preview: bool = False,
        replace: bool = False,
        reason: _Why = "",
    ) -> models.FileLoadedResponse:
        """Add the rows of a CSV file; a wrong row spoils no other, and conflicts are left out without `replace`."""
        data = await request.body()
        found = await lists.load(caller, site, data, preview=preview, replace=replace, reason=reason)
        problems = [models.RowProblem(line=row.line, problem=row.problem) for row in found.rows if row.wanted is None]
        conflicts = [
            models.RowConflict(line=line, standing=it.wanted.standing, present=_present(caller, it))
            for line, it in sorted(found.conflicts.items())
        ]
        return models.FileLoadedResponse(added=found.added, problems=problems, conflicts=conflicts)


def _present(caller: Principal, found: Conflict) -> models.EntryResponse | None:
    return _entry(found.present) if caller.may("list.see", found.present.site) else None


def _add_reasons(app: FastAPI, passages: PassageService) -> None:
    @app.get("/api/passages/{event_id}/entry", tags=_COMMANDS, responses=errors(404))
    async def show_reason(event_id: IdPath, caller: Who) -> models.ReasonResponse:
        """The list entry behind a gate's decision, without its plate."""
        found = await passages.reason(caller, event_id)
        if found is None:
            raise HTTPException(404, _NO_ENTRY)
        return models.ReasonResponse(
            entry=found.entry, standing=found.standing, owner=found.owner, reason=found.reason,
            valid_from=optional_time(found.from_ns), valid_until=optional_time(found.until_ns), by=found.by,
        )  # fmt: skip

    @app.post("/api/passages/{event_id}/entry", tags=_COMMANDS, responses=errors(404))
    async def show_plate(event_id: IdPath, caller: Who) -> models.PlateResponse:
        """The text of that entry; the access is put in the audit log first."""
        text = await passages.plate(caller, event_id)
        if text is None:
            raise HTTPException(404, _NO_ENTRY)
        return models.PlateResponse(text=text)


def _add_passages(app: FastAPI, events: EventReader) -> None:
    @app.get("/api/sites/{site}/boxes/{box}/places/{place}/passages", tags=_COMMANDS)
    def list_passages(
        site: NamePath,
        box: NamePath,
        place: NamePath,
        caller: Who,
        limit: Annotated[int, Query(ge=1, le=MOST_PASSAGES)] = 20,
    ) -> models.PassagesResponse:
        """The newest events of vehicles or doors at a gate's camera or at a door."""
        found, pictures = events.passages(site, box, place, limit), caller.may("alerts.pictures", site, place)
        return models.PassagesResponse(
            passages=[
                models.PassageResponse(
                    id=it.id, kind=it.kind, time=to_rfc3339(it.time_ns),
                    picture=f"/api/pictures/{it.id}" if it.picture and pictures else None,
                )
                for it in found
            ]
        )  # fmt: skip


def _add_commands(app: FastAPI, commands: BoxCommandService) -> None:
    async def command(
        name: CommandName, topics: BoxTopics, target: str, caller: Who, wanted: models.CommandRequest | None
    ) -> models.CommandDoneResponse:
        await commands.send(caller, topics, name, target, reason=wanted.reason if wanted else "")
        return models.CommandDoneResponse(done=True)

    @app.post("/api/sites/{site}/boxes/{box}/gates/{place}/open", tags=_COMMANDS, responses=errors(409))
    async def open_gate(
        site: NamePath, box: NamePath, place: NamePath, caller: Who, wanted: models.CommandRequest | None = None
    ) -> models.CommandDoneResponse:
        """Open a gate."""
        return await command("open-gate", BoxTopics(site, box), place, caller, wanted)

    @app.post("/api/sites/{site}/boxes/{box}/doors/{place}/unlock", tags=_COMMANDS, responses=errors(409))
    async def unlock_door(
        site: NamePath, box: NamePath, place: NamePath, caller: Who, wanted: models.CommandRequest | None = None
    ) -> models.CommandDoneResponse:
        """Unlock a door."""
        return await command("unlock-door", BoxTopics(site, box), place, caller, wanted)
