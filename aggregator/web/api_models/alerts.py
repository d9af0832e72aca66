"""Alerts."""

from __future__ import annotations

from pydantic import Field

from aggregator.domain.alert import Severity, State
from aggregator.web.api_models.base import Id, ResponseModel, Time, example

_ALERT = {
    "id": "01890000-0000-7000-8000-000000000000", "site": "village", "site_name": "Stone Bridge Village",
    "box": "gate-1", "camera": "cam-1", "kind": "zone.entered", "subject": "yard", "object": "person",
    "severity": "medium", "state": "acknowledged", "count": 2, "first": "2026-11-23T08:00:00.000000000Z",
    "last": "2026-11-23T08:00:12.000000000Z", "local_time": "2026-11-23T16:00:12+08:00",
    "picture": "/api/pictures/01890000-0000-7000-8000-000000000001", "acknowledged_by": "wang",
    "acknowledged": "2026-11-23T08:01:00.000000000Z", "resolved_by": None, "resolved": None,
}  # fmt: skip


class AlertResponse(ResponseModel):
    """An alert."""

    model_config = example(_ALERT)

    id: Id
    site: str
    site_name: str
    box: str
    camera: str = Field(description="The camera, gate or door; empty for the box itself.")
    kind: str = Field(description="The kind of the events that opened it.")
    subject: str = Field(description="Zone, line, door or gate; may be empty.")
    object: str = Field(description="Object class; may be empty.")
    severity: Severity
    state: State
    count: int = Field(description="How many events it holds.", ge=1)
    first: Time
    last: Time
    local_time: str = Field(description="Time of the newest event on the site's clock, ISO 8601.")
    picture: str | None = Field(description="Address of the newest redacted picture.")
    acknowledged_by: str | None
    acknowledged: Time | None
    resolved_by: str | None = Field(description="A user, or the kind of event that resolved it.")
    resolved: Time | None


class AlertsResponse(ResponseModel):
    """A page of alerts, newest first."""

    model_config = example(alerts=[_ALERT], before="1795000000000000000:01890000-0000-7000-8000-000000000000")

    alerts: list[AlertResponse]
    before: str | None = Field(description="The parameter `before` of the next page; null: there is nothing more.")
