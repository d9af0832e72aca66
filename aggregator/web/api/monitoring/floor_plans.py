"""Plans of sites and areas, positions of sites, and the open alerts of each place."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import Response

from aggregator.services.monitoring.plans.floor_plan_service import FloorPlanService
from aggregator.settings.aggregator import MapSettings
from aggregator.web.api.dependencies import NamePath, Tags, Who, content, errors
from aggregator.web.api_models.monitoring import floor_plans as models

TAGS: Tags = ["plans"]
_Area = Annotated[models.AreaText, Query(description="An area of the site; empty: the whole site.")]
_YEAR_S = 365 * 24 * 3600
_CHANGED = "version: somebody has changed the plan meanwhile; load it and change that"
_PICTURE = {
    "requestBody": {
        "required": True,
        "content": {
            it: {"schema": {"type": "string", "format": "binary"}} for it in ("image/png", "image/jpeg", "image/webp")
        },
    }
}


def add(app: FastAPI, plans: FloorPlanService, tiles: MapSettings) -> None:
    """Add the routes."""
    _add_reading(app, plans, tiles)
    _add_changes(app, plans)
    _add_locations(app, plans)


def _add_reading(app: FastAPI, plans: FloorPlanService, tiles: MapSettings) -> None:
    @app.get("/api/places/alerts", tags=TAGS)
    async def count_place_alerts(caller: Who) -> models.PlaceAlertsResponse:
        """Open alerts of each of the caller's places by severity; places without one are left out."""
        found = await plans.place_alerts(caller)
        places = [models.PlaceCountsResponse.of(*where, counts) for where, counts in sorted(found.items())]
        return models.PlaceAlertsResponse(places=places)

    @app.get("/api/plans", tags=TAGS)
    async def list_plans(caller: Who) -> models.PlansResponse:
        """Plans of the caller's sites and areas with the symbols of the caller's places, and where the sites are."""
        return models.PlansResponse(
            plans=[models.PlanResponse.of(it) for it in await plans.plans(caller)],
            locations=[models.LocationResponse.of(it) for it in await plans.locations(caller)],
            tiles=tiles.tiles,
            attribution=tiles.attribution,
        )

    @app.get(
        "/api/plans/{site}/picture", tags=TAGS, response_class=Response,
        responses=content("image/webp", "The picture, without metadata.") | errors(404),
    )  # fmt: skip
    async def show_plan_picture(site: NamePath, caller: Who, area: _Area = "") -> Response:
        """The picture of a plan."""
        picture = await plans.picture(caller, site, area)
        if picture is None:
            raise HTTPException(404, "no such plan")
        headers = {"Cache-Control": f"private, max-age={_YEAR_S}, immutable"}
        return Response(picture, media_type="image/webp", headers=headers)


def _add_changes(app: FastAPI, plans: FloorPlanService) -> None:
    @app.put("/api/plans/{site}/picture", tags=TAGS, openapi_extra=_PICTURE)
    async def upload_plan(site: NamePath, caller: Who, request: Request, area: _Area = "") -> models.PlanResponse:
        """Add a plan, or give it another picture: PNG, JPEG or WebP of at most 10 MB; it is encoded anew."""
        return models.PlanResponse.of(await plans.upload(caller, site, area, await request.body()))

    @app.put("/api/plans/{site}/symbols", tags=TAGS, responses=errors(409))
    async def place_symbols(
        site: NamePath, caller: Who, wanted: models.SymbolsRequest, area: _Area = ""
    ) -> models.PlanResponse:
        """Replace the symbols of a plan."""
        symbols = [it.symbol() for it in wanted.symbols]
        plan = await plans.place(caller, site, area, seen=wanted.version, symbols=symbols)
        if plan is None:
            raise HTTPException(409, _CHANGED)
        return models.PlanResponse.of(plan)

    @app.delete("/api/plans/{site}", tags=TAGS, responses=errors(404))
    async def remove_plan(site: NamePath, caller: Who, area: _Area = "") -> models.RemovedResponse:
        """Delete a plan with its picture."""
        if not await plans.remove(caller, site, area):
            raise HTTPException(404, "no such plan")
        return models.RemovedResponse(removed=True)


def _add_locations(app: FastAPI, plans: FloorPlanService) -> None:
    @app.put("/api/plans/{site}/location", tags=TAGS)
    async def locate_site(site: NamePath, caller: Who, wanted: models.LocationRequest) -> models.LocationResponse:
        """Say where a site is."""
        location = wanted.of_site(site)
        await plans.locate(caller, location)
        return models.LocationResponse.of(location)

    @app.delete("/api/plans/{site}/location", tags=TAGS, responses=errors(404))
    async def forget_site_location(site: NamePath, caller: Who) -> models.RemovedResponse:
        """Forget where a site is."""
        if not await plans.forget_location(caller, site):
            raise HTTPException(404, "the position of this site is not known")
        return models.RemovedResponse(removed=True)
