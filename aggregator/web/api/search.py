"""The HTTP API of cases and search: metadata and blurred stills, under a case."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from aggregator.domain.case import Case
from aggregator.domain.search_query import SearchQuery, SearchResult, encode_cursor, parse
from aggregator.services.search_service import SearchService
from aggregator.storage.object_store import ObjectStorage
from aggregator.web.api.clips import film
from aggregator.web.api.dependencies import Body, Who, fields_from, fields_of
from common.errors import CaseError, ContractError
from protocol.identifiers import is_uuid7, to_rfc3339

Json = dict[str, Any]
_TIMES = {"from": "from_ns", "until": "until_ns", "expires": "expires_ns"}


def add(app: FastAPI, desk: SearchService, objects: ObjectStorage) -> None:
    """Add the routes.

    Args:
        app: The application.
        desk: Cases and searches.
        objects: Where clips lie.
    """
    _add_cases(app, desk)
    _add_search(app, desk)
    _add_clips(app, desk, objects)

    @app.exception_handler(CaseError)
    async def beyond(_request: Request, error: CaseError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 409)

    @app.exception_handler(ContractError)
    async def malformed(_request: Request, error: ContractError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)


def case_json(case: Case) -> Json:
    """A case as the API shows it."""

    def time(value: int | None) -> str | None:
        return None if value is None else to_rfc3339(value)

    return {
        "id": case.id, "purpose": case.purpose, "basis": case.basis, "site": case.site, "places": list(case.places),
        "from": time(case.from_ns), "until": time(case.until_ns), "expires": time(case.expires_ns),
        "opened_by": case.opened_by, "opened": time(case.opened_ns),
        "closed_by": case.closed_by, "closed": time(case.closed_ns),
    }  # fmt: skip


def hit_json(hit: SearchResult) -> Json:
    """A hit as the API shows it; no track, no credential, nothing that follows somebody."""
    return {
        "id": hit.id, "site": hit.site, "box": hit.box, "place": hit.place, "kind": hit.kind,
        "time": to_rfc3339(hit.time_ns), "object": hit.object, "zone": hit.zone,
        "picture": f"/api/footage/{hit.id}/picture" if hit.picture else None,
    }  # fmt: skip


def question_of(request: Request, desk: SearchService) -> tuple[str, str | None, SearchQuery]:
    """Case, cursor and question from an address.

    Raises:
        ContractError: Names the parameter, and what it may be.
        CaseError: There is no such area.
    """
    asked = request.query_params.multi_items()
    case, cursor, area = (
        next((value for name, value in asked if name == key), "") for key in ("case", "after", "area")
    )
    if not case:
        raise ContractError("search: 'case' says under which case you ask; open one first")
    rest = [(name, value) for name, value in asked if name not in ("case", "after", "area")]
    if area:
        site = next((value for name, value in rest if name == "site"), "")
        rest = [it for it in rest if it[0] != "site"] + [("place", spot) for spot in desk.spots_of(site, area)]
    return case, cursor or None, parse(rest)


def _add_cases(app: FastAPI, desk: SearchService) -> None:
    @app.get("/api/cases")
    async def shown(caller: Who) -> Json:
        return {"cases": [case_json(case) for case in await desk.cases(caller)]}

    @app.post("/api/cases", status_code=201)
    async def open_case(caller: Who, data: Body) -> Json:
        return case_json(await desk.open_case(caller, fields_of(data, _TIMES, "case")))

    @app.post("/api/cases/close")
    async def close_case(caller: Who, data: Body) -> Json:
        case = fields_from(data, dict[str, str]).get("case", "")
        await desk.close_case(caller, case)
        return {"closed": case}


def _add_search(app: FastAPI, desk: SearchService) -> None:
    @app.get("/api/footage")
    async def search(caller: Who, request: Request) -> Json:
        case, cursor, question = question_of(request, desk)
        page = await desk.search(caller, case, question, cursor)
        return {
            "hits": [hit_json(hit) for hit in page.hits],
            "searched_until": to_rfc3339(page.searched_until_ns),
            "after": encode_cursor(question, page.after) if page.after is not None else None,
        }

    @app.get("/api/footage/{event_id}/picture")
    async def picture(event_id: str, case: str, caller: Who) -> Response:
        jpeg = await desk.picture(caller, case, event_id) if is_uuid7(event_id) else None
        if jpeg is None:
            raise HTTPException(404, "no such picture within this case")
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _add_clips(app: FastAPI, desk: SearchService, objects: ObjectStorage) -> None:
    none = "no such event within this case"

    @app.post("/api/footage/{event_id}/clip", status_code=202)
    async def ask(event_id: str, case: str, caller: Who) -> Json:
        clip = await desk.ask_clip(caller, case, event_id) if is_uuid7(event_id) else None
        if clip is None:
            raise HTTPException(404, none)
        return {"state": clip.state, "problem": clip.problem}

    @app.get("/api/footage/{event_id}/clip")
    async def show(event_id: str, case: str, caller: Who, request: Request) -> Response:
        clip = await desk.clip(caller, case, event_id, show=True) if is_uuid7(event_id) else None
        if clip is None:
            raise HTTPException(404, none)
        if clip.state != "stored":
            return JSONResponse({"state": clip.state, "problem": clip.problem}, 202)
        return film(objects, clip, request.headers.get("range"))
