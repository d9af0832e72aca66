"""Cases, searches and clips of what was found."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aggregator.domain.clip import State as ClipState
from aggregator.domain.investigation.case import Basis
from aggregator.domain.investigation.search_query import MOST_HITS, MOST_PLACES, MOST_SITES, MOST_ZONES, OBJECTS
from aggregator.web.api_models.base import (
    PRINTABLE,
    Id,
    NameText,
    PlaceText,
    RequestModel,
    ResponseModel,
    Time,
    TimeText,
    example,
)
from protocol.event_types import KINDS, ObjectClass

CaseReference = Annotated[
    str, Field(description="The case's reference.", min_length=1, max_length=64, pattern=r"^[\w][\w .:#/\-]*$")
]
_CASE = {
    "id": "2026/118", "purpose": "theft of a bicycle at stairs 1", "basis": "incident", "site": "village",
    "places": ["village/stairs-1"], "from": "2026-11-22T00:00:00.000000000Z", "until": None,
    "expires": "2026-12-23T00:00:00.000000000Z", "opened_by": "wang", "opened": "2026-11-23T08:00:00.000000000Z",
    "closed_by": "", "closed": None,
}  # fmt: skip
_HIT = {
    "id": "01890000-0000-7000-8000-000000000000", "site": "village", "box": "gate-1", "place": "stairs-1",
    "kind": "zone.entered", "time": "2026-11-22T09:12:00.000000000Z", "object": "person", "zone": "landing",
    "picture": "/api/footage/01890000-0000-7000-8000-000000000000/picture",
}  # fmt: skip

_VISIT = {
    "site": "village", "box": "gate-1", "place": "stairs-1", "kind": "zone.entered", "object": "person",
    "first": "2026-11-23T08:00:00.000000000Z", "last": "2026-11-23T08:01:40.000000000Z", "count": 14,
    "zones": ["landing"], "hit": _HIT, "continues": False,
}  # fmt: skip


class NewCaseRequest(RequestModel):
    """Opens a case."""

    model_config = example(
        id="2026/118", purpose="theft of a bicycle at stairs 1", basis="incident", site="village",
        expires="2026-12-23T00:00:00Z", places=["village/stairs-1"],
    )  # fmt: skip

    id: CaseReference
    purpose: str = Field(description="What is to be found out.", min_length=10, max_length=500, pattern=PRINTABLE)
    basis: Basis = Field(description="The legal basis.")
    site: NameText
    expires: TimeText = Field(description="When the case ends by itself; at most 180 days from now.")
    places: list[PlaceText] = Field(
        [], description="Places of the site as `site/place`; empty: all.", max_length=MOST_PLACES
    )
    begin: TimeText | None = Field(None, alias="from", description="Nothing before may be searched.")
    until: TimeText | None = Field(None, description="Nothing from then on may be searched.")


class CloseCaseRequest(RequestModel):
    """Closes a case."""

    model_config = example(case="2026/118")

    case: str = Field(description="The case's reference.", max_length=64, pattern=PRINTABLE)


class CaseResponse(ResponseModel):
    """A case."""

    model_config = example(_CASE)

    id: str
    purpose: str
    basis: Basis
    site: str
    places: list[str]
    begin: Time | None = Field(serialization_alias="from")
    until: Time | None
    expires: Time
    opened_by: str
    opened: Time
    closed_by: str = Field(description="Empty while it is open.")
    closed: Time | None


class CasesResponse(ResponseModel):
    """Cases of the caller's sites, newest first."""

    model_config = example(cases=[_CASE], before=None)

    cases: list[CaseResponse]
    before: str | None = Field(description="The parameter `before` of the next page; null: there is nothing more.")


class CaseClosedResponse(ResponseModel):
    """A case that was closed."""

    model_config = example(closed="2026/118")

    closed: str


class SearchParameters(BaseModel):
    """A question. Within a parameter any value matches, and all parameters must match."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    case: str = Field(description="Under which case.", max_length=64, pattern=PRINTABLE)
    begin: TimeText = Field(alias="from", description="The earliest time: RFC 3339, UTC.")
    until: TimeText = Field(description="The first time that is too late; at most 31 days after `from`.")
    site: list[NameText] = Field([], description="Whole sites.", max_length=MOST_SITES)
    place: list[PlaceText] = Field([], description="Places as `site/place`.", max_length=MOST_PLACES)
    area: str = Field("", description="An area of the site; stands for its places.", max_length=64, pattern=PRINTABLE)
    kind: list[Annotated[str, Field(json_schema_extra={"enum": list(KINDS)})]] = Field(
        [], description="Kinds of events.", max_length=len(KINDS)
    )
    object: list[ObjectClass] = Field([], description="Object classes.", max_length=len(OBJECTS))
    zone: list[NameText] = Field([], description="Zones and lines.", max_length=MOST_ZONES)
    limit: int = Field(100, description="Hits on a page.", ge=1, le=MOST_HITS)
    after: str = Field("", description="`after` of the page before.", max_length=500, pattern=PRINTABLE)


class HitResponse(ResponseModel):
    """An event that was found. It has no track and no credential."""

    model_config = example(_HIT)

    id: Id
    site: str
    box: str
    place: str
    kind: str
    time: Time
    object: str = Field(description="Object class; may be empty.")
    zone: str = Field(description="Zone or line; may be empty.")
    picture: str | None = Field(description="Address of the redacted picture; it needs the parameter `case`.")


class SearchResponse(ResponseModel):
    """A page of hits, newest first."""

    model_config = example(hits=[_HIT], searched_until="2026-11-22T00:00:00.000000000Z", after=None)

    hits: list[HitResponse]
    searched_until: Time = Field(description="How far back this page has looked.")
    after: str | None = Field(description="The parameter `after` of the next page; null: there is nothing more.")


class VisitResponse(ResponseModel):
    """Hits at one place, of one kind and object class, without a pause of more than a minute; it identifies nobody."""

    model_config = example(_VISIT)

    site: str
    box: str
    place: str
    kind: str
    object: str = Field(description="Object class; may be empty.")
    first: Time
    last: Time
    count: int = Field(description="How many hits it has on this page.", ge=1)
    zones: list[str]
    hit: HitResponse = Field(description="The newest hit with a picture; the newest where none has one.")
    continues: bool = Field(description="The next page may have earlier hits of it: same place, kind and object.")


class VisitsResponse(ResponseModel):
    """A page of visits, newest first."""

    model_config = example(visits=[_VISIT], searched_until="2026-11-22T00:00:00.000000000Z", after=None)

    visits: list[VisitResponse]
    searched_until: Time = Field(description="How far back this page has looked.")
    after: str | None = Field(description="The parameter `after` of the next page; null: there is nothing more.")


class ClipStateResponse(ResponseModel):
    """A clip that is not there yet, or cannot be made."""

    model_config = example(state="asked", progress=40, problem="", problem_code="")

    state: ClipState
    progress: int | None = Field(description="Per cent, while the box makes and uploads it; null: not known.")
    problem: str = Field(description="Why there is none; empty otherwise.")
    problem_code: str = Field(description="The same as a code; empty: none is known.")
