"""The HTTP API of the lists and of commands to gates and doors."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from aggregator.domain.list_entry import ListEntry, decode
from aggregator.services import site_list_csv
from aggregator.services.box_command_service import BoxCommandService
from aggregator.services.site_list_service import SiteListService
from aggregator.web.api.dependencies import fields_from
from common.errors import CommandError, ContractError, ListError
from protocol.commands import CommandName
from protocol.identifiers import check_name, to_rfc3339
from protocol.topics import BoxTopics

Json = dict[str, Any]


def add(app: FastAPI, lists: SiteListService, commands: BoxCommandService) -> None:
    """Add the routes."""
    _add_lists(app, lists)
    _add_files(app, lists)
    _add_commands(app, commands)


def entry_json(entry: ListEntry) -> Json:
    """An entry as the API shows it."""
    return {
        "id": entry.id,
        "kind": entry.kind,
        "text": entry.text,
        "standing": entry.standing,
        "owner": entry.owner,
        "reason": entry.reason,
        "valid_from": to_rfc3339(entry.from_ns) if entry.from_ns is not None else None,
        "valid_until": to_rfc3339(entry.until_ns) if entry.until_ns is not None else None,
        "by": entry.by,
        "made": to_rfc3339(entry.made_ns),
    }


def _site(text: str) -> str:
    try:
        return check_name(text, "site")
    except ContractError as error:
        raise HTTPException(400, str(error)) from error


def _add_lists(app: FastAPI, lists: SiteListService) -> None:
    @app.get("/api/sites/{site}/list")
    async def show(site: str, request: Request) -> Json:
        entries = await lists.entries(request.state.caller, _site(site))
        return {"entries": [entry_json(entry) for entry in entries]}

    @app.post("/api/sites/{site}/list", status_code=201)
    async def add_entry(site: str, request: Request) -> Json:
        try:
            wanted = decode(await request.body())
            made = await lists.add(request.state.caller, _site(site), [wanted])
        except ListError as error:
            raise HTTPException(422, str(error)) from error
        return entry_json(made[0])

    @app.delete("/api/sites/{site}/list/{entry}")
    async def remove(site: str, entry: str, request: Request) -> Json:
        if not await lists.remove(request.state.caller, _site(site), entry):
            raise HTTPException(404, "no such entry")
        return {"removed": entry}


def _add_files(app: FastAPI, lists: SiteListService) -> None:
    @app.get("/api/sites/{site}/list.csv")
    async def export(site: str, request: Request) -> Response:
        entries = await lists.entries(request.state.caller, _site(site), "list.exported")
        kind, headers = "text/csv; charset=utf-8", {"Cache-Control": "no-store"}
        return Response(site_list_csv.write(entries), media_type=kind, headers=headers)

    @app.post("/api/sites/{site}/list.csv")
    async def load(site: str, request: Request) -> Json:
        data = await request.body()
        try:
            rows = await lists.load(request.state.caller, _site(site), data)
        except ListError as error:
            raise HTTPException(422, str(error)) from error
        problems = [{"line": row.line, "problem": row.problem} for row in rows if row.wanted is None]
        return {"added": len(rows) - len(problems), "problems": problems}


class _Why(msgspec.Struct, frozen=True):
    reason: str = ""


def _add_commands(app: FastAPI, commands: BoxCommandService) -> None:
    async def command(name: CommandName, site: str, box: str, target: str, request: Request) -> Json:
        try:
            topics, why = BoxTopics(site, box), fields_from(await request.body() or b"{}", _Why)
            await commands.send(request.state.caller, topics, name, check_name(target, "target"), reason=why.reason)
        except (ContractError, msgspec.DecodeError) as error:
            raise HTTPException(400, str(error)) from error
        except CommandError as error:
            raise HTTPException(409, str(error)) from error
        return {"done": True}

    @app.post("/api/sites/{site}/boxes/{box}/gates/{place}/open")
    async def open_gate(site: str, box: str, place: str, request: Request) -> Json:
        return await command("open-gate", site, box, place, request)

    @app.post("/api/sites/{site}/boxes/{box}/doors/{place}/unlock")
    async def unlock(site: str, box: str, place: str, request: Request) -> Json:
        return await command("unlock-door", site, box, place, request)
