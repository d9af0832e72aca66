"""The HTTP API of alerts: the newest ones, and operators' decisions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request

from aggregator.domain.alert import Acknowledged, Alert, Change, Resolved, State
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import Reader
from aggregator.services.alert_service import AlertService
from aggregator.services.site_clock import SiteClock
from protocol.identifiers import is_uuid7, to_rfc3339

Json = dict[str, Any]


def alert_json(sites: SiteClock, alert: Alert, zones: dict[tuple[str, str], str]) -> Json:
    """An alert as the API shows it.

    Args:
        sites: Names and time zones of sites.
        alert: What to show.
        zones: (site, box) → the box's time zone.
    """
    zone = zones.get((alert.site, alert.box), "UTC")
    return {
        "id": alert.id,
        "site": alert.site,
        "site_name": sites.name(alert.site),
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
        "local_time": sites.local(alert.site, alert.last_ns, zone).isoformat(),
        "picture": f"/api/pictures/{alert.picture_event}" if alert.picture_event else None,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged": to_rfc3339(alert.acknowledged_ns) if alert.acknowledged_ns else None,
        "resolved_by": alert.resolved_by,
        "resolved": to_rfc3339(alert.resolved_ns) if alert.resolved_ns else None,
    }


def _zones(reader: Reader) -> dict[tuple[str, str], str]:
    return {(box.site, box.box): box.timezone for box in reader.boxes()}


def _cursor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    time_ns, _, alert_id = text.partition(":")
    if not (time_ns.isdecimal() and len(time_ns) < 20 and is_uuid7(alert_id)):
        raise HTTPException(400, "before: take it from the 'before' of the last answer")
    return int(time_ns), alert_id


def add(app: FastAPI, reader: Reader, alerts: AlertService, sites: SiteClock) -> None:
    """Add the routes."""

    @app.get("/api/alerts")
    def newest(
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
        found = reader.alerts(query)
        zones = _zones(reader)
        last = found[-1] if len(found) == limit else None
        return {
            "alerts": [alert_json(sites, alert, zones) for alert in found],
            "before": f"{last.last_ns}:{last.id}" if last else None,
        }

    async def work(request: Request, alert_id: str, change: Change) -> Json:
        alert = await alerts.decide(request.state.caller, alert_id, change) if is_uuid7(alert_id) else None
        if alert is None:
            raise HTTPException(404, "no such alert")
        return alert_json(sites, alert, await asyncio.to_thread(_zones, reader))

    @app.post("/api/alerts/{alert_id}/acknowledge")
    async def acknowledge(alert_id: str, request: Request) -> Json:
        return await work(request, alert_id, Acknowledged(request.state.user))

    @app.post("/api/alerts/{alert_id}/resolve")
    async def resolve(alert_id: str, request: Request) -> Json:
        return await work(request, alert_id, Resolved(request.state.user))
