"""Alerts as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

import msgspec

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.alerts.history import AlertEvent, HistoryEntry
from aggregator.domain.alerts.types import SEVERITIES, Alert, Severity
from aggregator.domain.clip import Clip
from aggregator.domain.store_port.alerts import AlertReader
from aggregator.domain.store_port.clips import ClipReader
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.web.api_models.alerts import (
    AlertClipResponse,
    AlertEventResponse,
    AlertResponse,
    CountsResponse,
    HistoryResponse,
    SuppressionResponse,
)
from aggregator.web.api_models.base import optional_time
from protocol.identifiers import to_rfc3339


def _picture(event_id: str | None) -> str | None:
    return f"/api/pictures/{event_id}" if event_id else None


STAFF = ("assignee", "note", "acknowledged_by", "closed_by", "suppressed_by")
"""Fields of an alert that name users or hold what they wrote."""


class AlertAndClipReader(AlertReader, ClipReader, Protocol):
    """Reads alerts, and which of them have clips."""


class AlertResponses:
    """Makes responses; may read the store, so not on the event loop.

    Args:
        reader: Alerts and clips.
        places: Names, areas and time zones.
    """

    def __init__(self, reader: AlertAndClipReader, places: PlaceDirectory) -> None:
        self.reader, self.places = reader, places

    def shown(self, caller: Principal, alerts: Iterable[Alert]) -> list[AlertResponse]:
        """Alerts for a caller, who may see them.

        Raises:
            StoreError: The store cannot be read.
        """
        wanted = list(alerts)
        self.places.refresh()
        clips = self.reader.stored_clips([it.id for it in wanted]) if wanted else set()
        within, pictures = caller.within("clips.see"), caller.within("alerts.pictures")
        staff = caller.within("alerts.work")
        return [
            self.response(
                it,
                has_clip=it.id in clips and within.holds(it.site, it.place),
                with_picture=pictures.holds(it.site, it.place),
                with_staff=staff.holds(it.site, it.place),
            )
            for it in wanted
        ]

    def response(
        self, alert: Alert, *, has_clip: bool, with_picture: bool = True, with_staff: bool = True
    ) -> AlertResponse:
        """One alert; reads nothing.

        Args:
            alert: The alert.
            has_clip: A clip is stored, and the reader may see it.
            with_picture: The reader may see pictures of alerts.
            with_staff: The reader works on alerts, and sees names and notes of those who do.
        """
        if not with_staff:
            alert = msgspec.structs.replace(alert, **dict.fromkeys(STAFF, ""))
        places = self.places
        zone = places.zone(alert.site, alert.box)
        suppression = None
        if alert.suppression:
            until = optional_time(alert.suppressed_until_ns)
            suppression = SuppressionResponse(kind=alert.suppression, by=alert.suppressed_by, until=until)
        return AlertResponse(
            id=alert.id,
            site=alert.site,
            site_name=places.sites.name(alert.site),
            box=alert.box,
            camera=alert.place,
            camera_name=places.name(alert.site, alert.box, alert.place),
            area=places.area(alert.site, alert.place),
            kind=alert.kind,
            subject=alert.subject,
            object=alert.object,
            severity=alert.severity,
            condition=alert.condition,
            acknowledgement=alert.acknowledgement,
            assignee=alert.assignee,
            status=alert.status,
            outcome=alert.outcome or None,
            note=alert.note,
            count=alert.count,
            since_acknowledged=alert.since_acknowledged,
            first=to_rfc3339(alert.first_ns),
            last=to_rfc3339(alert.last_ns),
            opened=to_rfc3339(alert.opened_ns),
            ended=optional_time(alert.ended_ns),
            acknowledged=optional_time(alert.acknowledged_ns),
            acknowledged_by=alert.acknowledged_by,
            closed=optional_time(alert.closed_ns),
            closed_by=alert.closed_by,
            local_time=places.sites.local(alert.site, alert.last_ns, zone).isoformat(),
            time_zone=zone,
            picture=_picture(alert.picture_event) if with_picture else None,
            has_clip=has_clip,
            suppression=suppression,
            flags=self._flags(alert),
            merged_into=alert.merged_into or None,
            version=alert.version,
        )

    def _flags(self, alert: Alert) -> list[Literal["stale", "chattering"]]:
        flags: list[Literal["stale", "chattering"]] = []
        if alert.stale(self.places.sites.clock.wall_ns()):
            flags.append("stale")
        if alert.chattering:
            flags.append("chattering")
        return flags


def counts(found: Mapping[Severity, int]) -> CountsResponse:
    """How many there are of each severity, and in all."""
    by_severity = {severity: found.get(severity, 0) for severity in SEVERITIES}
    return CountsResponse(**by_severity, total=sum(by_severity.values()))


def event_response(event: AlertEvent, *, with_picture: bool) -> AlertEventResponse:
    """An event of an alert; the address of its picture only for those who may see it."""
    picture = _picture(event.id) if event.picture and with_picture else None
    return AlertEventResponse(id=event.id, kind=event.kind, time=to_rfc3339(event.time_ns), picture=picture)


def clip_response(clip: Clip | None) -> AlertClipResponse | None:
    """Where a clip stands."""
    if clip is None:
        return None
    return AlertClipResponse(state=clip.state, problem=clip.problem, problem_code=clip.problem_code)


def history_response(entry: HistoryEntry, *, with_staff: bool) -> HistoryResponse:
    """An entry of an alert's history; who did it, and the details, only for those who work on alerts."""
    return HistoryResponse(
        id=entry.id,
        time=to_rfc3339(entry.time_ns),
        actor=entry.actor if with_staff else "",
        via=entry.via,
        action=entry.action,
        detail=msgspec.json.decode(entry.detail, type=dict) if with_staff else {},
    )
