"""The HTTP API of the lists and of commands to gates and doors."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from aggregator.domain.list_entry import ListEntry, ListEntryRequest
from aggregator.services import site_list_csv
from aggregator.services.box_command_service import BoxCommandService
from aggregator.services.site_list_service import SiteListService
from aggregator.web.api.dependencies import IdPath, NamePath, Tags, Who, content, errors
from aggregator.web.api_models import site_lists as models
from protocol.commands import CommandName
from protocol.identifiers import to_rfc3339
from protocol.topics import BoxTopics

_LISTS: Tags = ["lists"]
_COMMANDS: Tags = ["gates and doors"]
_CSV = {
    "requestBody": {
        "description": "UTF-8; the first line names the columns.",
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


def add(app: FastAPI, lists: SiteListService, commands: BoxCommandService) -> None:
    """Add the routes."""
    _add_lists(app, lists)
    _add_files(app, lists)
    _add_commands(app, commands)


def _entry(entry: ListEntry) -> models.EntryResponse:
    return models.EntryResponse(
        id=entry.id,
        kind=entry.kind,
        text=entry.text,
        standing=entry.standing,
        owner=entry.owner,
        reason=entry.reason,
        valid_from=to_rfc3339(entry.from_ns) if entry.from_ns is not None else None,
        valid_until=to_rfc3339(entry.until_ns) if entry.until_ns is not None else None,
        by=entry.by,
        made=to_rfc3339(entry.made_ns),
    )


def _add_lists(app: FastAPI, lists: SiteListService) -> None:
    @app.get("/api/sites/{site}/list", tags=_LISTS)
    async def show_list(site: NamePath, caller: Who) -> models.EntriesResponse:
        """All entries of a site's list."""
        return models.EntriesResponse(entries=[_entry(it) for it in await lists.entries(caller, site)])

    @app.post("/api/sites/{site}/list", status_code=201, tags=_LISTS)
    async def add_entry(site: NamePath, caller: Who, wanted: models.EntryRequest) -> models.EntryResponse:
        """Add an entry; one with the same text gives way."""
        made = await lists.add(caller, site, [ListEntryRequest(**wanted.model_dump())])
        return _entry(made[0])

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
    async def import_list(site: NamePath, caller: Who, request: Request) -> models.FileLoadedResponse:
        """Add the rows of a CSV file; a wrong row spoils no other."""
        rows = await lists.load(caller, site, await request.body())
        problems = [models.RowProblem(line=row.line, problem=row.problem) for row in rows if row.wanted is None]
        return models.FileLoadedResponse(added=len(rows) - len(problems), problems=problems)


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
