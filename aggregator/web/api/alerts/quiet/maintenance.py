"""The HTTP API of maintenance windows."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, HTTPException

from aggregator.domain.quiet.maintenance import Weekly, Window, occurrence
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.services.monitoring.quiet_service import QuietService
from aggregator.web.api.alerts.quiet.silences import TAGS, state_of
from aggregator.web.api.dependencies import IdPath, Who, errors
from aggregator.web.api_models.monitoring import quiet as models
from protocol.identifiers import from_rfc3339, to_rfc3339


def add(app: FastAPI, quiet: QuietService, places: PlaceDirectory) -> None:
    """Add the routes."""

    @app.get("/api/maintenance", tags=TAGS)
    async def list_maintenance(caller: Who, state: models.EndedFilter = "active") -> models.MaintenancesResponse:
        """Maintenance windows that touch the caller's scope, the newest first; `all`: also those that have ended."""
        found = await quiet.windows(caller, ended=state == "all")
        await asyncio.to_thread(places.refresh)
        return models.MaintenancesResponse(windows=[_window(it, places) for it in found[: models.MOST_LISTED]])

    @app.post("/api/maintenance", status_code=201, tags=TAGS, responses=errors(403))
    async def plan_maintenance(caller: Who, body: models.MaintenanceRequest) -> models.MaintenanceResponse:
        """Plan work on devices: their alerts are not shown meanwhile."""
        return _window(await quiet.plan_maintenance(caller, _wanted(body)), places)

    @app.post("/api/maintenance/{window_id}/end", tags=TAGS, responses=errors(403, 404))
    async def end_maintenance(window_id: IdPath, caller: Who) -> models.MaintenanceResponse:
        """End a maintenance window, or its series, now."""
        ended = await quiet.end_maintenance(caller, window_id)
        if ended is None:
            raise HTTPException(404, "no such maintenance window")
        return _window(ended, places)


def _wanted(body: models.MaintenanceRequest) -> Window:
    weekly = body.weekly
    return Window(
        id="",
        site=body.site,
        devices=tuple(dict.fromkeys(body.devices)),
        area=body.area or "",
        owner="",
        reason=body.reason,
        from_ns=from_rfc3339(body.from_) if body.from_ else 0,
        until_ns=from_rfc3339(body.until),
        weekly=Weekly(days=tuple(sorted(set(weekly.days))), at=weekly.at, minutes=weekly.minutes) if weekly else None,
        critical=body.critical,
        made_ns=0,
    )


def _window(window: Window, places: PlaceDirectory) -> models.MaintenanceResponse:
    now_ns = places.sites.clock.wall_ns()
    state = state_of(window.from_ns, window.until_ns, now_ns)
    if state == "active" and occurrence(window, now_ns, places.site_zone(window.site)) is None:
        state = "scheduled"
    weekly = window.weekly
    return models.MaintenanceResponse(
        id=window.id,
        site=window.site,
        devices=list(window.devices),
        area=window.area,
        from_=to_rfc3339(window.from_ns),
        until=to_rfc3339(window.until_ns),
        weekly=models.WeeklyResponse(days=list(weekly.days), at=weekly.at, minutes=weekly.minutes) if weekly else None,
        critical=window.critical,
        owner=window.owner,
        reason=window.reason,
        made=to_rfc3339(window.made_ns),
        ended_by=window.ended_by,
        state=state,  # type: ignore[arg-type]
    )
