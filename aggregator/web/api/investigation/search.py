"""The HTTP API of cases and search: metadata and redacted stills, under a case."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response

from aggregator.domain.clip import Clip
from aggregator.domain.investigation.case import Case, is_reference
from aggregator.domain.investigation.search_query import (
    Key,
    SearchQuery,
    SearchResult,
    decode_cursor,
    encode_cursor,
    parse,
)
from aggregator.domain.investigation.visit_grouping import GAP_NS, Visit, VisitGrouper
from aggregator.services.search_service import SearchService
from aggregator.storage.object_store import ObjectStorage
from aggregator.web.api.cursors import Before, cursor_of, place_before
from aggregator.web.api.dependencies import IdPath, Tags, Who, content, errors, shown_by_page
from aggregator.web.api.video.clips import FILM_RESPONSES, film
from aggregator.web.api_models import search as models
from aggregator.web.api_models.base import PRINTABLE, optional_time
from common.errors import ContractError
from protocol.identifiers import from_rfc3339, is_uuid7, to_rfc3339

_NOT_YET = {"model": models.ClipStateResponse, "description": "It is not there."}
_CASES: Tags = ["cases"]
_SEARCH: Tags = ["search"]
_Case = Annotated[str, Query(description="Under which case.", max_length=64, pattern=PRINTABLE)]


def add(app: FastAPI, searches: SearchService, objects: ObjectStorage) -> None:
    """Add the routes.

    Args:
        app: The application.
        searches: Cases and searches.
        objects: Where clips lie.
    """
    _add_cases(app, searches)
    _add_search(app, searches)
    _add_clips(app, searches, objects)


def _case(case: Case) -> models.CaseResponse:
    return models.CaseResponse(
        id=case.id, purpose=case.purpose, basis=case.basis, site=case.site, places=list(case.places),
        begin=optional_time(case.from_ns), until=optional_time(case.until_ns), expires=to_rfc3339(case.expires_ns),
        opened_by=case.opened_by, opened=to_rfc3339(case.opened_ns), closed_by=case.closed_by,
        closed=optional_time(case.closed_ns),
    )  # fmt: skip


def _case_fields(wanted: models.NewCaseRequest) -> dict[str, object]:
    fields = wanted.model_dump(exclude={"begin", "until", "expires"})
    times = {"from_ns": wanted.begin, "until_ns": wanted.until, "expires_ns": wanted.expires}
    return fields | {name: from_rfc3339(text) for name, text in times.items() if text is not None}


def _hit(hit: SearchResult) -> models.HitResponse:
    """A search result of the API; no track and no credential."""
    return models.HitResponse(
        id=hit.id, site=hit.site, box=hit.box, place=hit.place, kind=hit.kind, time=to_rfc3339(hit.time_ns),
        object=hit.object, zone=hit.zone, picture=f"/api/footage/{hit.id}/picture" if hit.picture else None,
    )  # fmt: skip


def goes_on(visit: Visit, after: Key | None) -> bool:
    """Whether the next page may have hits of a visit, which is the newest of its key that was read."""
    return after is not None and visit.first_ns - after[0] <= GAP_NS


def _visit(visit: Visit, continues: bool) -> models.VisitResponse:
    shown = visit.shown
    return models.VisitResponse(
        site=shown.site, box=shown.box, place=shown.place, kind=shown.kind, object=shown.object,
        first=to_rfc3339(visit.first_ns), last=to_rfc3339(visit.last_ns), count=visit.count,
        zones=sorted(visit.zones), hit=_hit(shown), continues=continues,
    )  # fmt: skip


async def _clip(searches: SearchService, clip: Clip) -> models.ClipStateResponse:
    return models.ClipStateResponse(
        state=clip.state,
        progress=await searches.progress(clip),
        problem=clip.problem,
        problem_code=clip.problem_code,
    )


def _question(request: Request, searches: SearchService) -> tuple[str, str | None, SearchQuery]:
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
        rest = [it for it in rest if it[0] != "site"] + [("place", spot) for spot in searches.spots_of(site, area)]
    return case, cursor or None, parse(rest)


def _add_cases(app: FastAPI, searches: SearchService) -> None:
    @app.get("/api/cases", tags=_CASES, responses=errors(400))
    async def list_cases(
        caller: Who,
        before: Before = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
        only_open: Annotated[bool, Query(alias="open", description="Without closed and expired ones.")] = False,
    ) -> models.CasesResponse:
        """Cases of the caller's sites, newest first."""
        found = await searches.cases(caller, limit, place_before(before, is_reference), only_open=only_open)
        following = cursor_of(found[-1].opened_ns, found[-1].id) if len(found) == limit else None
        return models.CasesResponse(cases=[_case(case) for case in found], before=following)

    @app.post("/api/cases", status_code=201, tags=_CASES, responses=errors(409))
    async def open_case(caller: Who, wanted: models.NewCaseRequest) -> models.CaseResponse:
        """Open a case."""
        return _case(await searches.open_case(caller, _case_fields(wanted)))

    @app.post("/api/cases/close", tags=_CASES, responses=errors(409))
    async def close_case(caller: Who, wanted: models.CloseCaseRequest) -> models.CaseClosedResponse:
        """Close a case."""
        await searches.close_case(caller, wanted.case)
        return models.CaseClosedResponse(closed=wanted.case)


def _add_search(app: FastAPI, searches: SearchService) -> None:
    @app.get("/api/footage", tags=_SEARCH, responses=errors(409))
    async def search_events(
        caller: Who, request: Request, _checked: Annotated[models.SearchParameters, Query()]
    ) -> models.SearchResponse:
        """Search events by place, time, kind and object class, never by person; each search is in the audit log."""
        case, cursor, question = _question(request, searches)
        page = await searches.search(caller, case, question, cursor)
        return models.SearchResponse(
            hits=[_hit(hit) for hit in page.hits],
            searched_until=to_rfc3339(page.searched_until_ns),
            after=encode_cursor(question, page.after) if page.after is not None else None,
        )

    @app.get("/api/footage/visits", tags=_SEARCH, responses=errors(409))
    async def search_visits(
        caller: Who, request: Request, _checked: Annotated[models.SearchParameters, Query()]
    ) -> models.VisitsResponse:
        """The same search, with its hits grouped as visits.

        A visit is of one place, kind and object class, without a pause of more than a minute; it identifies nobody. A
        page ends after 24 visits or 21 pages of hits, so its last visits may go on in the next page.
        """
        case, cursor, question = _question(request, searches)
        grouper, after = VisitGrouper(), decode_cursor(question, cursor) if cursor else None
        page = await searches.visits_from(caller, case, question, after, grouper)
        newest = {visit.key: visit for visit in grouper.visits}
        return models.VisitsResponse(
            visits=[_visit(it, it is newest[it.key] and goes_on(it, page.after)) for it in grouper.visits],
            searched_until=to_rfc3339(page.searched_until_ns),
            after=encode_cursor(question, page.after) if page.after is not None else None,
        )

    @app.get(
        "/api/footage/{event_id}/picture", tags=_SEARCH, response_class=Response,
        responses=content("image/jpeg", "The redacted picture.") | errors(404, 409),
    )  # fmt: skip
    async def show_found_picture(event_id: IdPath, case: _Case, caller: Who, request: Request) -> Response:
        """The redacted picture of a hit."""
        by_page = shown_by_page(request)
        jpeg = await searches.picture(caller, case, event_id, by_page=by_page) if is_uuid7(event_id) else None
        if jpeg is None:
            raise HTTPException(404, "no such picture within this case")
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _add_clips(app: FastAPI, searches: SearchService, objects: ObjectStorage) -> None:
    none = "no such event within this case"

    @app.post("/api/footage/{event_id}/clip", status_code=202, tags=_SEARCH, responses=errors(404, 409))
    async def request_found_clip(event_id: IdPath, case: _Case, caller: Who) -> models.ClipStateResponse:
        """Ask the box for the redacted clip of a hit."""
        clip = await searches.ask_clip(caller, case, event_id) if is_uuid7(event_id) else None
        if clip is None:
            raise HTTPException(404, none)
        return await _clip(searches, clip)

    @app.get(
        "/api/footage/{event_id}/clip", tags=_SEARCH, response_class=Response,
        responses={**FILM_RESPONSES, **errors(404, 409), 202: _NOT_YET},
    )  # fmt: skip
    async def show_found_clip(event_id: IdPath, case: _Case, caller: Who, request: Request) -> Response:
        """The redacted clip of a hit, or its state while it is not there."""
        clip = await searches.clip(caller, case, event_id, show=True) if is_uuid7(event_id) else None
        if clip is None:
            raise HTTPException(404, none)
        if clip.state != "stored":
            return JSONResponse((await _clip(searches, clip)).model_dump(), 202)
        return film(objects, clip, request.headers.get("range"))
