"""Unredacted copies (releases): a request by one person, an approval by another."""

from __future__ import annotations

from pydantic import Field

from aggregator.domain.investigation.release import State
from aggregator.web.api_models.base import (
    PRINTABLE,
    Id,
    ReasonText,
    RequestModel,
    ResponseModel,
    Time,
    TimeText,
    example,
)

_RELEASE = {
    "id": "01890000-0000-7000-8000-000000000000", "case": "2026/118", "site": "village", "box": "gate-1",
    "camera": "stairs-1", "from": "2026-11-22T09:10:00.000000000Z", "to": "2026-11-22T09:14:00.000000000Z",
    "reason": "police request 2026/118", "state": "approved", "asked_by": "wang",
    "asked": "2026-11-23T08:00:00.000000000Z", "decided_by": "zhao", "decided": "2026-11-23T09:00:00.000000000Z",
    "decision": "request checked", "problem": "", "problem_code": "", "expires": None, "fetches": 0, "destroyed": False,
}  # fmt: skip


class NewReleaseRequest(RequestModel):
    """Asks for an unredacted copy of a camera's footage."""

    model_config = example(
        {"from": "2026-11-22T09:10:00Z"}, case="2026/118", camera="stairs-1", to="2026-11-22T09:14:00Z",
        reason="police request 2026/118",
    )  # fmt: skip

    case: str = Field(description="Under which case.", max_length=64, pattern=PRINTABLE)
    camera: str = Field(description="A camera of the case's site.", max_length=64, pattern=PRINTABLE)
    box: str = Field("", description="Needed where two boxes have a camera of that name.", max_length=64)
    begin: TimeText = Field(alias="from", description="Begin of the footage.")
    to: TimeText = Field(description="Its end: an hour later at most.")
    reason: ReasonText


class DecisionRequest(RequestModel):
    """Approves or refuses another person's request."""

    model_config = example(reason="request checked")

    reason: ReasonText


class ReleaseResponse(ResponseModel):
    """A request for an unredacted copy, and what became of it."""

    model_config = example(_RELEASE)

    id: Id
    case: str
    purpose: str = Field(default="", description="Of the case; in the list only.")
    site: str
    box: str
    camera: str
    begin: Time = Field(serialization_alias="from")
    to: Time
    reason: str
    state: State
    asked_by: str
    asked: Time | None
    decided_by: str
    decided: Time | None
    decision: str = Field(description="Why it was approved or refused.")
    problem: str = Field(description="Why it failed.")
    problem_code: str = Field(description="The same as a code; empty: none is known.")
    expires: Time | None = Field(description="When the copy is destroyed at the latest.")
    fetches: int = Field(description="How often it was fetched.", ge=0)
    destroyed: bool


class ReleasesResponse(ResponseModel):
    """Requests that the caller made or may decide, newest first."""

    model_config = example(releases=[_RELEASE], before=None)

    releases: list[ReleaseResponse]
    before: str | None = Field(description="The parameter `before` of the next page; null: there is nothing more.")
