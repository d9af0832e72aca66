"""`/healthz` and `/metrics`."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics


def add(app: FastAPI, health: Health, metrics: Metrics) -> None:
    """Add the routes."""

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        report = health.report()
        return JSONResponse(report, 200 if report["ok"] else 503)

    @app.get("/metrics")
    def prometheus() -> PlainTextResponse:
        return PlainTextResponse(metrics.text(), media_type=CONTENT_TYPE_LATEST)
