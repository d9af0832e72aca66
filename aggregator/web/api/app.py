"""The HTTP API. Sessions, same-origin checks and headers are `guard`'s."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware import Middleware

from aggregator import __doc__ as about
from aggregator.auth.client_address import Clients
from aggregator.domain.alert import Acknowledged, Alert, Change, Resolved, State
from aggregator.domain.read_models import AlertQuery
from aggregator.jobs import uploads
from aggregator.web.api import accounts, audit, clips, live, releases, search, site_lists
from aggregator.web.auth_middleware import AuthMiddleware
from aggregator.web.body_limits import BodyLimits
from aggregator.web.services import Services
from common.errors import Forbidden, ListError, StoreError
from protocol.identifiers import is_uuid7, to_rfc3339

Json = dict[str, Any]


def build(services: Services) -> FastAPI:
    """The application with its API routes; the log-in and the dashboard are added by `dashboard.mount`."""
    app = FastAPI(
        title="Paifang aggregator",
        description=about or "",
        docs_url=None,  # FastAPI's documentation pages load scripts from the Internet
        redoc_url=None,
        openapi_url="/api/openapi.json",
        middleware=[
            Middleware(BodyLimits),
            Middleware(AuthMiddleware, gatekeeper=services.gatekeeper, clients=Clients(services.settings.http)),
        ],
    )
    _add_life(app, services)
    _add_alerts(app, services)
    _add_places(app, services)
    site_lists.add(app, services)
    audit.add(app, services)
    accounts.add(app, services)
    search.add(app, services.investigations, services.objects, services.settings.clips.keep_days)
    releases.add(app, services.releases)
    clips.add(app, services.clips)
    live.add(app, services.live)
    uploads.add(app, services.uploads)
    _map_errors(app)
    return app


def _map_errors(app: FastAPI) -> None:
    @app.exception_handler(StoreError)
    async def store_failed(_request: Request, error: StoreError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503, {"Retry-After": "2"})

    @app.exception_handler(ListError)
    async def list_failed(_request: Request, error: ListError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(Forbidden)
    async def forbidden(_request: Request, error: Forbidden) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 403)


def alert_json(services: Services, alert: Alert, zones: dict[tuple[str, str], str]) -> Json:
    """An alert as the API shows it.

    Args:
        services: Names and time zones of sites.
        alert: What to show.
        zones: (site, box) → the box's time zone.
    """
    zone = zones.get((alert.site, alert.box), "UTC")
    return {
        "id": alert.id,
        "site": alert.site,
        "site_name": services.site_name(alert.site),
        "box": alert.box,
        "camera": alert.place,
        "kind": alert.kind,
        "subject": alert.subject,
        "object": alert.object,
        "severity": alert.severity,
        "state": alert.state,
        "count": alert.count,
        "first": to_rfc3339(alert.first_ns),
        "last": to_rfc3339(alert.last_ns),
        "local_time": services.local(alert.site, alert.last_ns, zone).isoformat(),
        "picture": f"/api/pictures/{alert.picture_event}" if alert.picture_event else None,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged": to_rfc3339(alert.acknowledged_ns) if alert.acknowledged_ns else None,
        "resolved_by": alert.resolved_by,
        "resolved": to_rfc3339(alert.resolved_ns) if alert.resolved_ns else None,
    }


def _zones(services: Services) -> dict[tuple[str, str], str]:
    return {(box.site, box.box): box.timezone for box in services.reader.boxes()}


def _cursor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    time_ns, _, alert_id = text.partition(":")
    if not (time_ns.isdecimal() and len(time_ns) < 20 and is_uuid7(alert_id)):
        raise HTTPException(400, "before: take it from the 'before' of the last answer")
    return int(time_ns), alert_id


def _add_alerts(app: FastAPI, services: Services) -> None:
    @app.get("/api/alerts")
    def alerts(
        request: Request,
        *,
        state: State | Literal["unresolved"] | None = None,
        site: str | None = None,
        camera: str | None = None,
        before: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Json:
        query = AlertQuery(
            state=None if state == "unresolved" else state,
            unresolved=state == "unresolved",
            site=site,
            place=camera,
            before=_cursor(before),
            limit=limit,
            within=request.state.caller.within("alerts.see"),
        )
        found = services.reader.alerts(query)
        zones = _zones(services)
        last = found[-1] if len(found) == limit else None
        return {
            "alerts": [alert_json(services, alert, zones) for alert in found],
            "before": f"{last.last_ns}:{last.id}" if last else None,
        }

    async def work(request: Request, alert_id: str, change: Change) -> Json:
        alert = await services.work_on(request.state.caller, alert_id, change) if is_uuid7(alert_id) else None
        if alert is None:
            raise HTTPException(404, "no such alert")
        return alert_json(services, alert, await asyncio.to_thread(_zones, services))

    @app.post("/api/alerts/{alert_id}/acknowledge")
    async def acknowledge(alert_id: str, request: Request) -> Json:
        return await work(request, alert_id, Acknowledged(request.state.user))

    @app.post("/api/alerts/{alert_id}/resolve")
    async def resolve(alert_id: str, request: Request) -> Json:
        return await work(request, alert_id, Resolved(request.state.user))


def _add_places(app: FastAPI, services: Services) -> None:
    @app.get("/api/boxes")
    def boxes(request: Request) -> Json:
        within = request.state.caller.within("places.see")
        return {"boxes": [_plain(box) for box in services.reader.boxes() if within.touches(box.site)]}

    @app.get("/api/cameras")
    def cameras(request: Request) -> Json:
        within = request.state.caller.within("places.see")
        return {"cameras": [_plain(it) for it in services.reader.cameras() if within.holds(it.site, it.id)]}

    @app.get("/api/quarantine")
    def quarantine(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Json:
        entries = [
            {
                "topic": it.topic,
                "reason": it.reason,
                "size": it.size,
                "count": it.count,
                "first": to_rfc3339(it.first_ns),
                "last": to_rfc3339(it.last_ns),
                "start": it.payload[:400].decode("utf-8", "replace"),
            }
            for it in services.reader.quarantine(limit)
        ]
        return {"count": services.reader.quarantine_count(), "entries": entries}

    @app.get("/api/pictures/{event_id}")
    async def picture(event_id: str, request: Request) -> Response:
        jpeg = await services.picture(request.state.caller, event_id) if is_uuid7(event_id) else None
        if jpeg is None:
            raise HTTPException(404, "no such picture")
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _plain(row: Any) -> Json:
    plain = {name: getattr(row, name) for name in row.__struct_fields__}
    for name in ("seen_ns", "status_ns"):
        if name in plain:
            plain[name.replace("_ns", "")] = to_rfc3339(plain.pop(name))
    return plain


def _add_life(app: FastAPI, services: Services) -> None:
    @app.get("/healthz")
    def healthz() -> JSONResponse:
        report = services.health.report()
        return JSONResponse(report, 200 if report["ok"] else 503)

    @app.get("/metrics")
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(services.metrics.text(), media_type=CONTENT_TYPE_LATEST)
