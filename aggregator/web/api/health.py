"""`/healthz` and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.monitoring.site_metrics import SiteMetrics
from aggregator.services.monitoring.overview_service import EVERYWHERE, OverviewService
from aggregator.web.api.dependencies import Responses, Tags, content
from aggregator.web.api_models.health import HealthResponse
from common import logging_setup
from common.errors import StoreError

_log = logging_setup.get("metrics")
_TAGS: Tags = ["monitoring"]
_FAILED: Responses = {503: {"model": HealthResponse, "description": "A part does not work."}}


def add(app: FastAPI, health: Health, metrics: Metrics, refresh: Callable[[], None], overview: OverviewService) -> None:
    """Add the routes; `refresh` sets the metrics that are read from the store."""

    @app.get("/healthz", tags=_TAGS, response_model=HealthResponse, responses=_FAILED)
    def show_health() -> JSONResponse:
        """Whether each part works."""
        report = health.report()
        return JSONResponse(report, 200 if report["ok"] else 503)

    @app.get("/metrics", tags=_TAGS, response_class=PlainTextResponse, responses=content("text/plain", "Metrics."))
    def show_metrics() -> PlainTextResponse:
        """Metrics in Prometheus' text format; open to this machine without a session."""
        refresh()
        return PlainTextResponse(metrics.text() + _of_sites(overview), media_type=CONTENT_TYPE_LATEST)


def _of_sites(overview: OverviewService) -> bytes:
    """Figures of sites and areas; none while the store cannot be read."""
    try:
        found = overview.of_scope(EVERYWHERE)
    except StoreError as error:
        _log.warning("metrics of sites left out", problem=str(error))
        return b""
    return SiteMetrics(found.groups, found.open, found.left_out).text()
