"""Footage of a camera: what there is, stills, and what a case does with a marked range."""

from __future__ import annotations

from pydantic import Field

from aggregator.domain.clip import State as ClipState
from aggregator.domain.investigation.hold import State as HoldState
from aggregator.web.api_models.base import (
    Id,
    NameText,
    ReasonText,
    RequestModel,
    ResponseModel,
    ShortText,
    Time,
    TimeText,
    example,
)

_RANGE = {
    "case": "2026/118", "camera": "yard", "box": "gate-1", "from": "2026-11-23T00:32:10Z", "to": "2026-11-23T00:33:10Z",
}  # fmt: skip
_CLIP = {
    "id": "01890000-0000-7000-8000-000000000000", "case": "2026/118", "site": "village", "box": "gate-1",
    "camera": "yard", "from": "2026-11-23T00:32:10.000000000Z", "to": "2026-11-23T00:33:10.000000000Z",
    "state": "asked", "progress": 40, "problem": "", "problem_code": "", "asked_by": "wang",
    "asked": "2026-11-23T08:00:00.000000000Z",
    "expires": "2026-12-23T08:00:00.000000000Z",
}  # fmt: skip

_HOLD = {
    "id": "01890000-0000-7000-8000-000000000000", "case": "2026/118", "site": "village", "box": "gate-1",
    "camera": "yard", "from": "2026-11-23T00:32:10.000000000Z", "to": "2026-11-23T00:33:10.000000000Z",
    "until": "2027-02-01T00:00:00.000000000Z", "reason": "theft, reported to the police", "placed_by": "wang",
    "placed": "2026-11-23T08:00:00.000000000Z", "state": "placed", "problem": "", "problem_code": "",
    "ended_by": "", "ended": None,
    "end_reason": "",
}  # fmt: skip
_SPAN = {"from": "2026-11-23T00:00:00.000000000Z", "to": "2026-11-23T08:00:00.000000000Z", "about": ""}


class MarkedRange(RequestModel):
    """A range of a camera's footage, under a case."""

    model_config = example(_RANGE)

    case: ShortText = Field(description="The case's reference.")
    camera: NameText
    box: ShortText = Field("", description="Of the camera; needed only where two boxes have one of that name.")
    begin: TimeText = Field(alias="from")
    to: TimeText


class NewCaseClipRequest(MarkedRange):
    """Asks for the redacted clip of a range; a minute at most."""


class NewHoldRequest(MarkedRange):
    """Places a legal hold on a range; 31 days at most."""

    model_config = example(_RANGE, until="2027-02-01T00:00:00Z", reason="theft, reported to the police")

    until: TimeText = Field(description="When the hold ends; at most a year from now.")
    reason: ReasonText


class FootageRequest(RequestModel):
    """Asks a box what it has of a camera in a range of two days at most; the access is in the audit log."""

    model_config = example({"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z", "reason": "2026/118"})

    begin: TimeText = Field(alias="from")
    to: TimeText
    reason: ReasonText = Field(description="The case or the purpose: 3 to 200 characters.")


class StillRequest(RequestModel):
    """Asks a box for the redacted picture at a time; the access is in the audit log."""

    model_config = example(at="2026-11-23T00:32:10Z", reason="2026/118")

    at: TimeText
    reason: ReasonText = Field(description="The case or the purpose: 3 to 200 characters.")


class SpanResponse(ResponseModel):
    """A stretch of footage, of a gap or of a hold."""

    model_config = example(_SPAN)

    begin: Time = Field(serialization_alias="from")
    to: Time
    about: str = Field(description="The gap's cause, or the hold's case; empty otherwise.")


class FootageResponse(ResponseModel):
    """What a box has of a camera in a range."""

    model_config = example(kept=[_SPAN], gaps=[], holds=[])

    kept: list[SpanResponse]
    gaps: list[SpanResponse]
    holds: list[SpanResponse]


class TimelineEventResponse(ResponseModel):
    """When something happened."""

    model_config = example(kind="zone.entered", time="2026-11-23T00:32:10.000000000Z")

    kind: str
    time: Time


class TimelineResponse(ResponseModel):
    """How much happened at a camera, and when."""

    model_config = example(bins=[0, 3, 12], events=[{"kind": "zone.entered", "time": "2026-11-23T00:32:10.000000000Z"}])

    bins: list[int] = Field(description="Events in each of the equal parts of the range.")
    events: list[TimelineEventResponse] = Field(
        description="Each event, oldest first, where there are 200 at most; else empty."
    )


class CaseClipResponse(ResponseModel):
    """The clip of a marked range."""

    model_config = example(_CLIP)

    id: Id
    case: str
    site: str
    box: str
    camera: str
    begin: Time = Field(serialization_alias="from")
    to: Time
    state: ClipState
    progress: int | None = Field(description="Per cent, while the box makes and uploads it; null: not known.")
    problem: str = Field(description="Why there is none, or why the box has not answered; empty otherwise.")
    problem_code: str = Field(description="The same as a code; empty: none is known.")
    asked_by: str
    asked: Time
    expires: Time = Field(description="When it is erased.")


class CaseClipsResponse(ResponseModel):
    """The clips of a case, newest first."""

    model_config = example(clips=[_CLIP])

    clips: list[CaseClipResponse]


class EndHoldRequest(RequestModel):
    """Ends a legal hold before its time."""

    model_config = example(reason="the footage was handed to the police")

    reason: ReasonText


class HoldResponse(ResponseModel):
    """A legal hold."""

    model_config = example(_HOLD)

    id: Id
    case: str
    site: str
    box: str
    camera: str
    begin: Time = Field(serialization_alias="from")
    to: Time
    until: Time = Field(description="When it ends by itself.")
    reason: str
    placed_by: str
    placed: Time
    state: HoldState = Field(description="`asked` and `ending`: the box has not confirmed it.")
    problem: str = Field(description="Why the box refused it; empty otherwise.")
    problem_code: str = Field(description="The same as a code; empty: none is known.")
    ended_by: str = Field(description="Who ended it before its time; empty otherwise.")
    ended: Time | None
    end_reason: str


class HoldsResponse(ResponseModel):
    """The legal holds of a case, newest first."""

    model_config = example(holds=[_HOLD], before=None)

    holds: list[HoldResponse]
    before: str | None = Field(description="The parameter `before` of the next page; null: there is nothing more.")
