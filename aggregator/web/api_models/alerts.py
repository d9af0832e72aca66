"""Alerts, their events and history, and decisions about them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from aggregator.domain.alerts.decisions import MOST_MERGED, MOST_SPLIT
from aggregator.domain.alerts.types import Acknowledgement, Condition, Outcome, Severity, Status
from aggregator.domain.clip import State as ClipState
from aggregator.web.api_models.base import (
    LINES,
    PRINTABLE,
    Id,
    ReasonText,
    RequestModel,
    ResponseModel,
    Time,
    WordText,
    example,
)

MOST_BULK, MOST_NOTE, MOST_SHELVED_MINUTES = 500, 2000, 24 * 60
_ID = "01890000-0000-7000-8000-000000000000"
_ALERT = {
    "id": _ID, "site": "village", "site_name": "Stone Bridge Village", "box": "gate-1", "camera": "cam-1",
    "camera_name": "Main gate", "area": "gates", "kind": "zone.entered", "subject": "yard", "object": "person",
    "severity": "medium", "condition": "active", "acknowledgement": "acknowledged", "assignee": "", "status": "open",
    "outcome": None, "note": "", "count": 14, "since_acknowledged": 12, "first": "2026-11-23T08:00:00.000000000Z",
    "last": "2026-11-23T08:00:12.000000000Z", "opened": "2026-11-23T08:00:01.000000000Z", "ended": None,
    "acknowledged": "2026-11-23T08:01:00.000000000Z", "acknowledged_by": "wang", "closed": None, "closed_by": "",
    "local_time": "2026-11-23T16:00:12+08:00", "time_zone": "Asia/Shanghai",
    "picture": "/api/pictures/01890000-0000-7000-8000-000000000001", "has_clip": True, "suppression": None,
    "flags": ["stale"], "merged_into": None, "version": 15,
}  # fmt: skip
_COUNTS = {"critical": 0, "high": 0, "medium": 1, "low": 0, "total": 1}
NoteText = Annotated[str, StringConstraints(max_length=MOST_NOTE, pattern=LINES)]
UserText = Annotated[str, StringConstraints(max_length=128, pattern=PRINTABLE)]
Version = Annotated[
    int | None,
    Field(ge=1, le=2**53, description="The `version` that was seen: 409 where somebody has changed it since."),
]


class SuppressionResponse(ResponseModel):
    """Why an alert is hidden."""

    model_config = example(kind="shelved", by="wang", until="2026-11-23T09:00:00.000000000Z")

    kind: Literal["shelved", "silenced", "maintenance", "inhibited"]
    by: str = Field(description="The user who shelved it; the id of the silence, window or parent alert.")
    until: Time | None = Field(description="Null: until what hides it ends.")


class AlertResponse(ResponseModel):
    """An alert."""

    model_config = example(_ALERT)

    id: Id
    site: str
    site_name: str
    box: str
    camera: str = Field(description="The camera, gate or door; empty for the box itself.")
    camera_name: str = Field(description="What people call it; its id where it has no name.")
    area: str = Field(description="The area of the place; may be empty.")
    kind: str = Field(description="The kind of the events that opened it.")
    subject: str = Field(description="Zone, line, door or gate; may be empty.")
    object: str = Field(description="Object class; may be empty.")
    severity: Severity
    condition: Condition
    acknowledgement: Acknowledgement
    assignee: str = Field(description="Whom it is assigned to; empty for nobody.")
    status: Status
    outcome: Outcome | None = Field(description="How a person closed it; null where it closed by itself.")
    note: str = Field(description="The newest note.")
    count: int = Field(description="How many events it holds.", ge=1)
    since_acknowledged: int = Field(description="Events since it was acknowledged.", ge=0)
    first: Time
    last: Time
    opened: Time = Field(description="When the aggregator opened it.")
    ended: Time | None = Field(description="When its condition ended.")
    acknowledged: Time | None
    acknowledged_by: str
    closed: Time | None
    closed_by: str = Field(description="A user, the kind of event that ended the condition, or `system:alerts`.")
    local_time: str = Field(description="Time of the newest event on the site's clock, ISO 8601.")
    time_zone: str = Field(description="The site's time zone, an IANA name.")
    picture: str | None = Field(description="Address of the newest redacted picture.")
    has_clip: bool = Field(description="There is a redacted clip, and the caller may see it: `/api/clips/{id}`.")
    suppression: SuppressionResponse | None
    flags: list[Literal["stale", "chattering"]]
    merged_into: str | None = Field(description="The alert that it was merged into.")
    version: int = Field(description="Rises with each change.", ge=1)


class CountsResponse(ResponseModel):
    """How many open alerts there are."""

    model_config = example(_COUNTS)

    critical: int
    high: int
    medium: int
    low: int
    total: int


class AlertsResponse(ResponseModel):
    """A page of alerts, and how many open ones the filters leave."""

    model_config = example(alerts=[_ALERT], next=f"u5.1795000000000000000.{_ID}", counts=_COUNTS)

    alerts: list[AlertResponse]
    next: str | None = Field(description="The parameter `cursor` of the next page; null: there is nothing more.")
    counts: CountsResponse


class AlertEventResponse(ResponseModel):
    """An event of an alert."""

    model_config = example(id=_ID, kind="zone.entered", time="2026-11-23T08:00:00.000000000Z", picture=None)

    id: Id
    kind: str
    time: Time
    picture: str | None = Field(description="Address of its redacted picture.")


class HistoryResponse(ResponseModel):
    """An entry of an alert's history."""

    model_config = example(
        id=_ID, time="2026-11-23T08:01:00.000000000Z", actor="wang", via="dashboard", action="acknowledged", detail={}
    )

    id: Id
    time: Time
    actor: str = Field(description="A user, or `system:` and a part of the aggregator.")
    via: str = Field(description="`dashboard`, `api`, `link` or `system`.")
    action: str
    detail: dict[str, Any]


class AlertClipResponse(ResponseModel):
    """Where the clip of an alert stands."""

    model_config = example(state="wanted", problem="the box did not answer", problem_code="box.silent")

    state: ClipState
    problem: str = Field(description="Why there is none, or why the box has not answered; empty otherwise.")
    problem_code: str = Field(description="The same as a code; empty: none is known.")


class AlertDetailResponse(ResponseModel):
    """An alert with its newest events and its history, both newest first."""

    model_config = example(alert=_ALERT, clip=None, events=[], history=[])

    alert: AlertResponse
    clip: AlertClipResponse | None = Field(
        description="Where its clip stands; null: it has none, or the caller may not see clips."
    )
    events: list[AlertEventResponse]
    history: list[HistoryResponse]


class ConflictResponse(ResponseModel):
    """Why a decision was not carried out, and the alert as it is now."""

    model_config = example(error="somebody has changed it in the meantime", alert=_ALERT)

    error: str
    alert: AlertResponse | None = None


class AcknowledgeRequest(RequestModel):
    """Take an alert on, or open a closed one again."""

    model_config = example(version=15)

    version: Version = None


class AssignRequest(RequestModel):
    """Give an alert to somebody."""

    model_config = example(to="wang")

    to: UserText | None = Field(None, description="A user; null: the caller; empty: nobody, it stays acknowledged.")
    version: Version = None


class NoteRequest(RequestModel):
    """Write a note."""

    model_config = example(note="Guard is on the way.")

    note: Annotated[NoteText, StringConstraints(min_length=1)]
    version: Version = None


class EscalateRequest(RequestModel):
    """Ask for help."""

    model_config = example(note="Three people, I am alone here.")

    note: NoteText = ""
    version: Version = None


class CloseRequest(RequestModel):
    """Close an alert; of one that is closed: say how it was."""

    model_config = example(outcome="false_alarm", note="A branch.")

    outcome: Outcome
    note: NoteText = ""
    version: Version = None


class ShelveRequest(RequestModel):
    """Hide an alert for a time."""

    model_config = example(minutes=60, reason="The door is being repaired")

    minutes: int = Field(ge=1, le=MOST_SHELVED_MINUTES)
    reason: ReasonText
    version: Version = None


class MergeRequest(RequestModel):
    """Merge other open alerts of the same site into this one."""

    model_config = example(alerts=[_ID])

    alerts: list[WordText] = Field(min_length=1, max_length=MOST_MERGED)
    version: Version = None


class SplitRequest(RequestModel):
    """Take events out of this alert into a new one."""

    model_config = example(events=[_ID])

    events: list[WordText] = Field(min_length=1, max_length=MOST_SPLIT)
    version: Version = None


class SplitResponse(ResponseModel):
    """The alert, and the one that was split off."""

    model_config = example(alert=_ALERT, created=_ALERT)

    alert: AlertResponse
    created: AlertResponse


class BulkRequest(RequestModel):
    """One decision about many alerts; the fields are those of the single one."""

    model_config = example(ids=[_ID], action="close", outcome="false_alarm")

    ids: list[WordText] = Field(min_length=1, max_length=MOST_BULK)
    action: Literal["acknowledge", "assign", "note", "close", "reopen", "shelve", "unshelve"]
    to: UserText | None = None
    note: NoteText = ""
    outcome: Outcome | None = None
    minutes: int | None = Field(None, ge=1, le=MOST_SHELVED_MINUTES)
    reason: ReasonText | None = None


class BulkResult(ResponseModel):
    """What came of one of them."""

    model_config = example(id=_ID, result="done", error="", alert=_ALERT)

    id: str
    result: Literal["done", "missing", "conflict", "refused"]
    error: str
    alert: AlertResponse | None


class BulkResponse(ResponseModel):
    """What came of each, in the order of the request."""

    model_config = example(results=[])

    results: list[BulkResult]
