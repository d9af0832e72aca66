"""Marked ranges of footage under a case: redacted clips and legal holds."""

from __future__ import annotations

from pydantic import Field

from aggregator.domain.clip import State as ClipState
from aggregator.web.api_models.base import (
    PRINTABLE,
    Id,
    NameText,
    ReasonText,
    RequestModel,
    ResponseModel,
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
    "state": "asked", "progress": 40, "problem": "", "asked_by": "wang", "asked": "2026-11-23T08:00:00.000000000Z",
    "expires": "2026-12-23T08:00:00.000000000Z",
}  # fmt: skip


class MarkedRange(RequestModel):
    """A range of a camera's footage, under a case."""

    model_config = example(_RANGE)

    case: str = Field(description="The case's reference.", max_length=64, pattern=PRINTABLE)
    camera: NameText
    box: str = Field("", description="Of the camera; needed only where two boxes have one of that name.", max_length=64)
    begin: TimeText = Field(alias="from")
    to: TimeText


class NewCaseClipRequest(MarkedRange):
    """Asks for the redacted clip of a range; a minute at most."""


class NewHoldRequest(MarkedRange):
    """Places a legal hold on a range; 31 days at most."""

    model_config = example(_RANGE, until="2027-02-01T00:00:00Z", reason="theft, reported to the police")

    until: TimeText = Field(description="When the hold ends; at most a year from now.")
    reason: ReasonText


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
    asked_by: str
    asked: Time
    expires: Time = Field(description="When it is erased.")


class CaseClipsResponse(ResponseModel):
    """The clips of a case, newest first."""

    model_config = example(clips=[_CLIP])

    clips: list[CaseClipResponse]


class HoldResponse(ResponseModel):
    """A hold that was placed."""

    model_config = example(_RANGE, until="2027-02-01T00:00:00Z")

    case: str
    box: str
    camera: str
    begin: Time = Field(serialization_alias="from")
    to: Time
    until: Time
