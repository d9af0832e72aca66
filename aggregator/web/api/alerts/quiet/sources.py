"""The HTTP API of shelved sources, and of floods."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException

from aggregator.domain.quiet.flood import ENDS_BELOW, STARTS_ABOVE
from aggregator.domain.quiet.shelving import Shelf, Source
from aggregator.services.monitoring.flood_service import FloodService
from aggregator.services.monitoring.quiet_service import QuietService
from aggregator.web.api.alerts.quiet.silences import TAGS
from aggregator.web.api.dependencies import IdPath, Who, errors
from aggregator.web.api_models.base import optional_time
from aggregator.web.api_models.monitoring import quiet as models
from common.clock import SECOND_NS
from protocol.identifiers import to_rfc3339


def add(app: FastAPI, quiet: QuietService, floods: FloodService) -> None:
    """Add the routes."""

    @app.get("/api/sources/shelved", tags=TAGS)
    async def list_shelved(caller: Who, state: models.EndedFilter = "active") -> models.ShelvesResponse:
        """Shelved sources in the caller's scope, the newest first; `all`: also those that are not any more."""
        found = await quiet.shelves(caller, ended=state == "all")
        now_ns = quiet.clock.wall_ns()
        return models.ShelvesResponse(shelves=[_shelf(it, now_ns) for it in found[: models.MOST_LISTED]])

    @app.post("/api/sources/shelve", status_code=201, tags=TAGS, responses=errors(403))
    async def shelve_source(caller: Who, body: models.SourceShelveRequest) -> models.ShelfResponse:
        """Put the alerts of a device aside, for at most 24 hours."""
        wanted = Shelf(
            id="",
            mode=body.mode,
            alert=body.alert or "",
            source=Source(site=body.site, box=body.box or "", place=body.place, kind=body.kind or ""),
            owner="",
            reason=body.reason,
            until_ns=body.minutes * 60 * SECOND_NS,
            critical=body.critical,
            made_ns=0,
        )
        return _shelf(await quiet.shelve(caller, wanted), quiet.clock.wall_ns())

    @app.post("/api/sources/shelved/{shelf_id}/end", tags=TAGS, responses=errors(403, 404))
    async def unshelve_source(shelf_id: IdPath, caller: Who) -> models.ShelfResponse:
        """Show the alerts of a shelved device again."""
        ended = await quiet.unshelve(caller, shelf_id)
        if ended is None:
            raise HTTPException(404, "no such shelved source")
        return _shelf(ended, quiet.clock.wall_ns())

    @app.get("/api/flood", tags=TAGS)
    async def show_flood(caller: Who) -> models.FloodResponse:
        """Whether there are more new alerts in the caller's scope than its operators can take in."""
        flood = await floods.now(caller)
        return models.FloodResponse(
            active=flood.active,
            since=optional_time(flood.since_ns),
            recent=flood.recent,
            operators=flood.operators,
            starts_above=STARTS_ABOVE * flood.operators,
            ends_below=ENDS_BELOW * flood.operators,
        )


def _shelf(shelf: Shelf, now_ns: int) -> models.ShelfResponse:
    source = shelf.source
    return models.ShelfResponse(
        id=shelf.id,
        alert=shelf.alert,
        site=source.site,
        box=source.box,
        place=source.place,
        kind=source.kind,
        mode=shelf.mode,
        critical=shelf.critical,
        owner=shelf.owner,
        reason=shelf.reason,
        made=to_rfc3339(shelf.made_ns),
        until=to_rfc3339(shelf.until_ns),
        ended_by=shelf.ended_by,
        state="active" if shelf.active(now_ns) else "ended",
    )
