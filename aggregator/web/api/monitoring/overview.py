"""The overview of sites and areas, for other platforms and wall screens."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query

from aggregator.services.monitoring.overview_service import OverviewService
from aggregator.web.api.dependencies import Tags, Who
from aggregator.web.api_models.base import PRINTABLE
from aggregator.web.api_models.monitoring import overview as models

TAGS: Tags = ["reports"]
_Site = Annotated[str | None, Query(description="Default: all sites of the caller.", max_length=64, pattern=PRINTABLE)]


def add(app: FastAPI, overview: OverviewService) -> None:
    """Add the route."""

    @app.get("/api/statistics/overview", tags=TAGS)
    def show_overview(caller: Who, site: _Site = None) -> models.OverviewResponse:
        """Figures of each site and area: open alerts, how many were opened, response times, devices.

        Open alerts are at most one second old, the other figures 15 seconds, however many callers there are.
        """
        found = overview.overview(caller, site or None)
        names = {its_site: overview.sites.name(its_site) for its_site, _ in found.groups if its_site}
        return models.OverviewResponse.of(found, names)
