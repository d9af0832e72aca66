"""`/healthz` and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.web.api.dependencies import Responses, Tags, content
from aggregator.web.api_models.health import HealthResponse

_TAGS: Tags = ["monitoring"]
_FAILED: Responses = {503: {"model": HealthResponse, "description": "A part does not work."}}


def add(app: FastAPI, health: Health, metrics: Metrics, refresh: Callable[[], None]) -> None:
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
        return PlainTextResponse(metrics.text(), media_type=CONTENT_TYPE_LATEST)
