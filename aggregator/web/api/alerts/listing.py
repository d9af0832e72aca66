"""The queue page by page, and one alert with its events and history."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Query

from aggregator.domain.alerts.types import Alert, Severity, Status
from aggregator.domain.read_models import AlertOrder, AlertQuery
from aggregator.web.api import cursors
from aggregator.web.api.alerts.responses import AlertResponses, clip_response, counts, event_response, history_response
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.alerts import AlertDetailResponse, AlertsResponse
from aggregator.web.api_models.base import PRINTABLE, TimeText
from protocol.identifiers import from_rfc3339, is_uuid7

TAGS: Tags = ["alerts"]
_RANK = re.compile(r"[0-9]{1,2}")
MOST_EVENTS, MOST_HISTORY = 100, 200
_Filter = Annotated[str | None, Query(max_length=200, pattern=PRINTABLE)]
_Area = Annotated[str | None, Query(max_length=64, pattern=PRINTABLE, description="An area's name.")]
_Severities = Annotated[list[Severity] | None, Query(max_length=4, description="One or more.")]
_Kinds = Annotated[list[Annotated[str, Query(max_length=64, pattern=PRINTABLE)]] | None, Query(max_length=50)]
_From = Annotated[TimeText | None, Query(alias="from", description="Whose newest event is not before it.")]
_To = Annotated[TimeText | None, Query(description="Whose first event is before it.")]


def cursor_of(alert: Alert, order: AlertOrder) -> str:
    """The place of an alert in an order."""
    if order == "urgency":
        return f"u{alert.urgency}.{cursors.cursor_of(alert.opened_ns, alert.id)}"
    return f"n0.{cursors.cursor_of(alert.last_ns, alert.id)}"


def after_cursor(text: str | None, order: AlertOrder) -> tuple[int, int, str] | None:
    """The place that a cursor names; of the same order only.

    Raises:
        HTTPException: It is none.
    """
    if text is None:
        return None
    rank, _, rest = text[1:].partition(".")
    place = cursors.place_of(rest)
    if place is not None and text[:1] == order[0] and _RANK.fullmatch(rank):
        return int(rank), *place
    raise HTTPException(400, "cursor: take it from the 'next' of an answer with the same order")


def add(app: FastAPI, responses: AlertResponses) -> None:
    """Add the routes."""
    _add_page(app, responses)
    _add_detail(app, responses)


def _add_page(app: FastAPI, responses: AlertResponses) -> None:
    reader, places = responses.reader, responses.places

    @app.get("/api/alerts", tags=TAGS, responses=errors(400))
    def list_alerts(
        caller: Who,
        *,
        order: AlertOrder | None = None,
        status: Status | Literal["all"] = "open",
        severity: _Severities = None,
        kind: _Kinds = None,
        site: _Filter = None,
        area: _Area = None,
        camera: _Filter = None,
        from_: _From = None,
        to: _To = None,
        suppressed: Literal["exclude", "only", "include"] = "exclude",
        cursor: Annotated[str | None, Query(description="`next` of the page before.", max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> AlertsResponse:
        """A page of alerts.

        In the order `urgency` unacknowledged ones come first, then the more severe, then the newer; in `newest` those
        with the newest event. Open alerts come by urgency unless the order is given; others come newest first.
        `counts` are of open alerts.
        """
        order = order or ("urgency" if status == "open" else "newest")
        if order == "urgency" and status != "open":
            raise HTTPException(400, "order: urgency is an order of open alerts; ask for status=open or order=newest")
        query = AlertQuery(
            order=order,
            status=None if status == "all" else status,
            severities=frozenset(severity) if severity else None,
            kinds=frozenset(kind) if kind else None,
            site=site,
            area=None if area is None else places.places_of(site, area),
            place=camera,
            from_ns=None if from_ is None else from_rfc3339(from_),
            to_ns=None if to is None else from_rfc3339(to),
            suppressed=suppressed,
            after=after_cursor(cursor, order),
            limit=limit,
            within=caller.within("alerts.see"),
        )
        found = reader.alerts(query)
        return AlertsResponse(
            alerts=responses.shown(caller, found),
            next=cursor_of(found[-1], order) if len(found) == limit else None,
            counts=counts(reader.alert_counts(query)),
        )


def _add_detail(app: FastAPI, responses: AlertResponses) -> None:
    reader = responses.reader

    @app.get("/api/alerts/{alert_id}", tags=TAGS, responses=errors(404))
    def show_alert(alert_id: IdPath, caller: Who) -> AlertDetailResponse:
        """An alert with its newest events, its history, and where its clip stands."""
        alert = reader.alert_by_id(alert_id) if is_uuid7(alert_id) else None
        if alert is None or not caller.may("alerts.see", alert.site, alert.place):
            raise HTTPException(404, "no such alert")
        (shown,) = responses.shown(caller, [alert])
        pictures = caller.may("alerts.pictures", alert.site, alert.place)
        staff = caller.may("alerts.work", alert.site, alert.place)
        return AlertDetailResponse(
            alert=shown,
            clip=clip_response(reader.clip(alert.id)) if caller.may("clips.see", alert.site, alert.place) else None,
            events=[event_response(it, with_picture=pictures) for it in reader.alert_events(alert, MOST_EVENTS)],
            history=[history_response(it, with_staff=staff) for it in reader.history(alert.id, MOST_HISTORY)],
        )
