"""Silences, maintenance windows, shelved sources and floods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aggregator.domain.alerts.types import Severity
from aggregator.domain.quiet.matching import MOST_VALUES
from aggregator.web.api_models.alerts import AlertResponse
from aggregator.web.api_models.base import (
    ClockText,
    Id,
    NameText,
    ReasonText,
    RequestModel,
    ResponseModel,
    Time,
    TimeText,
    WordText,
    example,
)

_ID = "0198c0de-0000-7000-8000-000000000000"
_MATCH = {"site": ["village"], "place": ["walkway"], "kind": ["zone.entered"]}
_SPAN = {"from": "2026-11-23T08:00:00.000000000Z", "until": "2026-11-24T08:00:00.000000000Z"}
_REASON = "Building work at the walkway"
MOST_LISTED = 500
EndedFilter = Literal["active", "all"]


class MatchModel(RequestModel):
    """Which alerts: each field that has values must have the alert's among them; one value: equals, several: one of.

    Without `severity` critical alerts are not covered. A matcher that covers everything of a site is refused.
    """

    model_config = example(_MATCH)

    site: Annotated[list[WordText], Field(min_length=1, max_length=MOST_VALUES)]
    area: list[WordText] = Field([], description="Areas of these sites.", max_length=MOST_VALUES)
    place: list[WordText] = Field([], description="Cameras, gates, doors or boxes.", max_length=MOST_VALUES)
    kind: list[WordText] = Field([], description="Kinds of events.", max_length=MOST_VALUES)
    subject: list[WordText] = Field([], description="Zones, lines, doors or gates.", max_length=MOST_VALUES)
    object: list[WordText] = Field([], description="Object classes.", max_length=MOST_VALUES)
    severity: list[Severity] = Field([], max_length=4)


class PreviewRequest(RequestModel):
    """Which alerts a silence would cover."""

    model_config = example(match=_MATCH)

    match: MatchModel


class SilenceRequest(RequestModel):
    """A silence: at most 30 days, never without an end."""

    model_config = example(match=_MATCH, until="2026-11-24T08:00:00Z", reason=_REASON)

    match: MatchModel
    from_: TimeText | None = Field(None, alias="from", description="When it begins; null: now.")
    until: TimeText
    reason: ReasonText


class PreviewResponse(ResponseModel):
    """Alerts of the last 24 hours in the caller's scope that the silence covers."""

    model_config = example(count=0, examples=[], complete=True)

    count: int = Field(ge=0)
    examples: list[AlertResponse] = Field(description="Up to 50, the newest first.")
    complete: bool = Field(description="False: there were too many alerts to compare; `count` is a lower bound.")


class MatchResponse(ResponseModel):
    """As in the request."""

    model_config = example(_MATCH, area=[], subject=[], object=[], severity=[])

    site: list[str]
    area: list[str]
    place: list[str]
    kind: list[str]
    subject: list[str]
    object: list[str]
    severity: list[str]


_SILENCE = {
    "id": _ID, "match": _MATCH | {"area": [], "subject": [], "object": [], "severity": []}, "owner": "zhang",
    "reason": _REASON, "made": _SPAN["from"], "ended_by": "", "state": "active", **_SPAN,
}  # fmt: skip


class SilenceResponse(ResponseModel):
    """A silence."""

    model_config = example(_SILENCE)

    id: Id
    match: MatchResponse
    owner: str = Field(description="Who answers for it.")
    reason: str
    from_: Time = Field(serialization_alias="from")
    until: Time
    made: Time
    ended_by: str = Field(description="Who ended it early; empty: nobody.")
    state: Literal["scheduled", "active", "ended"]


class SilenceMadeResponse(ResponseModel):
    """A silence, and what it would have hidden in the last 24 hours."""

    model_config = example(silence=_SILENCE, preview={"count": 0, "examples": [], "complete": True})

    silence: SilenceResponse
    preview: PreviewResponse


class SilencesResponse(ResponseModel):
    """The newest silences, at most 500."""

    model_config = example(silences=[_SILENCE])

    silences: list[SilenceResponse]


class WeeklyModel(RequestModel):
    """When a window occurs in each week, in the site's local time."""

    model_config = example(days=[1, 4], at="22:00", minutes=120)

    days: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        min_length=1, max_length=7, description="1 (Monday) to 7 (Sunday)."
    )
    at: ClockText = Field(description="When it begins, `HH:MM`.")
    minutes: int = Field(ge=1, le=1440)


class MaintenanceRequest(RequestModel):
    """A maintenance window: once (at most 7 days), or weekly for at most 366 days."""

    model_config = example(
        site="village", devices=["walkway"], until="2026-11-24T08:00:00Z", reason="Cleaning of lenses"
    )

    site: NameText
    devices: list[NameText] = Field([], max_length=100, description="Cameras, gates, doors or boxes.")
    area: NameText | None = None
    from_: TimeText | None = Field(None, alias="from", description="When it, or its series, begins; null: now.")
    until: TimeText = Field(description="When it, or its series, ends.")
    weekly: WeeklyModel | None = None
    critical: bool = Field(False, description="Whether it also covers critical alerts.")
    reason: ReasonText


class WeeklyResponse(ResponseModel):
    """As in the request."""

    model_config = example(days=[1, 4], at="22:00", minutes=120)

    days: list[int]
    at: str
    minutes: int


_WINDOW = {
    "id": _ID, "site": "village", "devices": ["walkway"], "area": "", "weekly": None, "critical": False,
    "owner": "zhang", "reason": "Cleaning of lenses", "made": _SPAN["from"], "ended_by": "", "state": "active",
    **_SPAN,
}  # fmt: skip


class MaintenanceResponse(ResponseModel):
    """A maintenance window."""

    model_config = example(_WINDOW)

    id: Id
    site: str
    devices: list[str]
    area: str
    from_: Time = Field(serialization_alias="from")
    until: Time
    weekly: WeeklyResponse | None
    critical: bool
    owner: str
    reason: str
    made: Time
    ended_by: str
    state: Literal["scheduled", "active", "ended"] = Field(description="Weekly ones: `active` during an occurrence.")


class MaintenancesResponse(ResponseModel):
    """The newest maintenance windows, at most 500."""

    model_config = example(windows=[_WINDOW])

    windows: list[MaintenanceResponse]


class SourceShelveRequest(RequestModel):
    """Shelve all alerts of a device, those of one kind, or one of its alerts."""

    model_config = example(site="village", place="walkway", minutes=60, reason="A branch moves in the wind")

    site: NameText
    box: NameText | None = None
    place: NameText = Field(description="Camera, gate, door, or the box itself.")
    kind: WordText | None = None
    alert: WordText | None = Field(None, description="The id of an alert of the device: only that one.")
    mode: Literal["timed", "one_shot"] = Field("timed", description="`one_shot`: until the condition ends.")
    minutes: int = Field(ge=1, le=1440, description="At most so long, also with `one_shot`.")
    critical: bool = Field(False, description="Also critical alerts; for supervisors only.")
    reason: ReasonText


_SHELF = {
    "id": _ID, "alert": "", "site": "village", "box": "", "place": "walkway", "kind": "", "mode": "timed",
    "critical": False, "owner": "li", "reason": "A branch moves in the wind", "made": _SPAN["from"],
    "until": _SPAN["until"], "ended_by": "", "state": "active",
}  # fmt: skip


class ShelfResponse(ResponseModel):
    """A shelved source."""

    model_config = example(_SHELF)

    id: Id
    alert: str = Field(description="The only alert that is shelved; empty: all of the device.")
    site: str
    box: str
    place: str
    kind: str
    mode: Literal["timed", "one_shot"]
    critical: bool
    owner: str
    reason: str
    made: Time
    until: Time
    ended_by: str
    state: Literal["active", "ended"]


class ShelvesResponse(ResponseModel):
    """The newest shelved sources, at most 500."""

    model_config = example(shelves=[_SHELF])

    shelves: list[ShelfResponse]


class FloodResponse(ResponseModel):
    """Whether there is an alarm flood in the caller's scope (ISA-18.2)."""

    model_config = example(active=True, since=_SPAN["from"], recent=31, operators=1, starts_above=10, ends_below=5)

    active: bool
    since: Time | None
    recent: int = Field(description="New alerts in the last 10 minutes that are shown in the queue.")
    operators: int = Field(description="Operators on duty, as the settings say.")
    starts_above: int
    ends_below: int
