"""The HTTP API of alerts: the newest ones, and operators' decisions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Query

from aggregator.domain.alert import Acknowledged, Alert, Change, Resolved, State
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import Reader
from aggregator.services.alert_service import AlertService
from aggregator.services.site_clock import SiteClock
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.alerts import AlertResponse, AlertsResponse
from aggregator.web.api_models.base import NO_NUL
from protocol.identifiers import is_uuid7, to_rfc3339

_TAGS: Tags = ["alerts"]
_Filter = Annotated[str | None, Query(max_length=200, pattern=NO_NUL)]


def _alert(sites: SiteClock, alert: Alert, zones: dict[tuple[str, str], str]) -> AlertResponse:
    """An alert as the API shows it; `zones` is (site, box) → the box's time zone."""
    zone = zones.get((alert.site, alert.box), "UTC")
    return AlertResponse(
        id=alert.id,
        site=alert.site,
        site_name=sites.name(alert.site),
        box=alert.box,
        camera=alert.place,
        kind=alert.kind,
        subject=alert.subject,
        object=alert.object,
        severity=alert.severity,
        state=alert.state,
        count=alert.count,
        first=to_rfc3339(alert.first_ns),
        last=to_rfc3339(alert.last_ns),
        local_time=sites.local(alert.site, alert.last_ns, zone).isoformat(),
        picture=f"/api/pictures/{alert.picture_event}" if alert.picture_event else None,
        acknowledged_by=alert.acknowledged_by,
        acknowledged=to_rfc3339(alert.acknowledged_ns) if alert.acknowledged_ns else None,
        resolved_by=alert.resolved_by,
        resolved=to_rfc3339(alert.resolved_ns) if alert.resolved_ns else None,
    )


def _zones(reader: Reader) -> dict[tuple[str, str], str]:
    return {(box.site, box.box): box.timezone for box in reader.boxes()}


def _cursor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    time_ns, _, alert_id = text.partition(":")
    if not (time_ns.isdecimal() and len(time_ns) < 20 and int(time_ns) < 1 << 62 and is_uuid7(alert_id)):
        raise HTTPException(400, "before: take it from the 'before' of the last answer")
    return int(time_ns), alert_id


def add(app: FastAPI, reader: Reader, alerts: AlertService, sites: SiteClock) -> None:
    """Add the routes."""

    @app.get("/api/alerts", tags=_TAGS, responses=errors(400))
    def list_alerts(
        caller: Who,
        *,
        state: State | Literal["unresolved"] | None = None,
        site: _Filter = None,
        camera: _Filter = None,
        before: Annotated[str | None, Query(description="`before` of the page before.", max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> AlertsResponse:
        """The newest alerts."""
        query = AlertQuery(
            state=None if state == "unresolved" else state,
            unresolved=state == "unresolved",
            site=site,
            place=camera,
            before=_cursor(before),
            limit=limit,
            within=caller.within("alerts.see"),
        )
        found = reader.alerts(query)
        zones = _zones(reader)
        last = found[-1] if len(found) == limit else None
        return AlertsResponse(
            alerts=[_alert(sites, alert, zones) for alert in found],
            before=f"{last.last_ns}:{last.id}" if last else None,
        )

    async def decide(caller: Who, alert_id: str, change: Change) -> AlertResponse:
        alert = await alerts.decide(caller, alert_id, change) if is_uuid7(alert_id) else None
        if alert is None:
            raise HTTPException(404, "no such alert")
        return _alert(sites, alert, await asyncio.to_thread(_zones, reader))

    @app.post("/api/alerts/{alert_id}/acknowledge", tags=_TAGS, responses=errors(404))
    async def acknowledge_alert(alert_id: IdPath, caller: Who) -> AlertResponse:
        """Acknowledge an alert."""
        return await decide(caller, alert_id, Acknowledged(caller.name))

    @app.post("/api/alerts/{alert_id}/resolve", tags=_TAGS, responses=errors(404))
    async def resolve_alert(alert_id: IdPath, caller: Who) -> AlertResponse:
        """Resolve an alert."""
        return await decide(caller, alert_id, Resolved(caller.name))
