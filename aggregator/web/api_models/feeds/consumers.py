"""Consumers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, StringConstraints

from aggregator.domain.alerts.types import Severity
from aggregator.domain.feeds.consumer import (
    MOST_EVENTS,
    MOST_REQUESTS,
    MOST_SCOPES,
    Action,
    Consumer,
    Content,
    Media,
    Selection,
    State,
)
from aggregator.services.feeds.consumer_service import ShownConsumer
from aggregator.services.video_out.gb28181.device import Gb28181Device
from aggregator.services.video_out.gb28181.sip.registration import State as Registration
from aggregator.web.api_models.base import (
    PRINTABLE,
    Id,
    RequestModel,
    ResponseModel,
    Time,
    TimeText,
    WordText,
    example,
    optional_time,
)
from protocol.identifiers import from_rfc3339, to_rfc3339

ID = "01890000-0000-7000-8000-000000000000"
_TIME = "2026-11-23T08:00:00.000000000Z"
_WANTED = {
    "name": "District command", "contact": "duty@district.example", "purpose": "Dispatching patrols to alerts",
    "basis": "Agreement 2026-14", "places": ["village"], "contents": ["alerts"], "kinds": [],
    "severities": ["high", "critical"], "media": ["pictures"], "requests_per_minute": 60, "events_per_hour": 10_000,
    "ends": "2027-11-23T08:00:00Z",
}  # fmt: skip
_SHOWN = _WANTED | {
    "ends": "2027-11-23T08:00:00.000000000Z", "id": ID, "state": "requested", "ended": False, "created_by": "li",
    "created": _TIME, "decided_by": "", "decided": None, "token_made": None, "events_this_hour": 0, "last_read": None,
    "lag": None,
    "gb28181": [{
        "device": "34020000001110000001", "platform": "platform.example:5060", "state": "registered", "problem": "",
        "strangers": 0,
    }],
}  # fmt: skip
Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PRINTABLE)]
ScopeText = Annotated[str, StringConstraints(min_length=1, max_length=129, pattern=PRINTABLE)]


class ConsumerRequest(RequestModel):
    """Requests a consumer."""

    model_config = RequestModel.model_config | example(_WANTED)

    name: Text = Field(description="What people call it: 2 to 80 characters; no two have the same one.")
    contact: Text = Field(description="The person in charge and how to reach them: 2 to 200 characters.")
    purpose: Text = Field(description="What it needs the data for: 10 to 500 characters.")
    basis: Text = Field(description="The legal basis: 2 to 200 characters.")
    places: list[ScopeText] = Field(
        description="Where: `*`, a site, or `site/area`.", min_length=1, max_length=MOST_SCOPES
    )
    contents: list[Content] = Field(["events", "alerts"], min_length=1, max_length=2)
    kinds: list[WordText] = Field([], description="Event types; empty: all.", max_length=100)
    severities: list[Severity] = Field([], description="Empty: all, events without an alert too.", max_length=4)
    media: list[Media] = Field([], description="Beside the facts.", max_length=3)
    requests_per_minute: int = Field(60, ge=1, le=MOST_REQUESTS)
    events_per_hour: int = Field(10_000, ge=1, le=MOST_EVENTS)
    ends: TimeText = Field(description="It gets nothing from then on.")

    def consumer(self) -> Consumer:
        """For the service."""
        selection = Selection(
            places=tuple(dict.fromkeys(self.places)), contents=tuple(dict.fromkeys(self.contents)),
            kinds=tuple(dict.fromkeys(self.kinds)), severities=tuple(dict.fromkeys(self.severities)),
            media=tuple(dict.fromkeys(self.media)),
        )  # fmt: skip
        return Consumer(
            id="", name=self.name.strip(), contact=self.contact.strip(), purpose=self.purpose.strip(),
            basis=self.basis.strip(), selection=selection, requests_per_minute=self.requests_per_minute,
            events_per_hour=self.events_per_hour, ends_ns=from_rfc3339(self.ends), created_by="", created_ns=0,
        )  # fmt: skip


class Gb28181Response(ResponseModel):
    """A platform of GB/T 28181 that the settings name for a consumer."""

    device: str = Field(description="Id of the device there.")
    platform: str = Field(description="Host and port.")
    state: Registration
    problem: str = Field(description="Why it is not registered; empty: it is.")
    strangers: int = Field(description="Datagrams from elsewhere that were dropped since the last connection.")

    @classmethod
    def of(cls, it: Gb28181Device) -> Gb28181Response:
        """From the service."""
        at = it.platform
        return cls(
            device=at.account.device, platform=f"{at.host}:{at.port}", state=it.state, problem=it.problem,
            strangers=it.strangers,
        )  # fmt: skip


class ConsumerResponse(ResponseModel):
    """A consumer, without its token."""

    model_config = example(_SHOWN)

    id: Id
    name: str
    contact: str
    purpose: str
    basis: str
    places: list[str]
    contents: list[Content]
    kinds: list[str]
    severities: list[Severity]
    media: list[Media]
    requests_per_minute: int
    events_per_hour: int
    ends: Time
    state: State
    ended: bool = Field(description="Whether `ends` has passed.")
    created_by: str
    created: Time
    decided_by: str = Field(description="Who approved or refused it; empty: nobody yet.")
    decided: Time | None
    token_made: Time | None = Field(description="When its token was made; null: it has none.")
    events_this_hour: int
    last_read: Time | None = Field(description="When it last got a part of the feed.")
    lag: int | None = Field(description="Entries of the feed that it has not read; null: it has read nothing yet.")
    gb28181: list[Gb28181Response] = Field(description="Platforms at which its cameras are registered.")

    @classmethod
    def of(cls, shown: ShownConsumer, now_ns: int, devices: Iterable[Gb28181Device] = ()) -> ConsumerResponse:
        """From the service."""
        it, chosen = shown.consumer, shown.consumer.selection
        return cls(
            id=it.id, name=it.name, contact=it.contact, purpose=it.purpose, basis=it.basis, places=list(chosen.places),
            contents=list(chosen.contents), kinds=list(chosen.kinds), severities=list(chosen.severities),
            media=list(chosen.media), requests_per_minute=it.requests_per_minute, events_per_hour=it.events_per_hour,
            ends=to_rfc3339(it.ends_ns), state=it.state, ended=it.ended(now_ns), created_by=it.created_by,
            created=to_rfc3339(it.created_ns), decided_by=it.decided_by, decided=optional_time(it.decided_ns or None),
            token_made=optional_time(it.token_ns or None), events_this_hour=shown.use.events,
            last_read=optional_time(shown.use.seen_ns or None), lag=shown.lag,
            gb28181=[Gb28181Response.of(device) for device in devices],
        )  # fmt: skip


class ConsumersResponse(ResponseModel):
    """The consumers within the caller's reach, the newest first."""

    model_config = example(consumers=[_SHOWN], scopes=["*", "village", "village/yards"])

    consumers: list[ConsumerResponse]
    scopes: list[str] = Field(description="What the caller may name as `places`.")


class ConsumerStateResponse(ResponseModel):
    """A consumer's state after a change."""

    model_config = example(id=ID, state="active")

    id: Id
    state: State


class ConsumerTokenResponse(ResponseModel):
    """A consumer's new token; it is shown once."""

    model_config = example(id=ID, token="pfc_example")  # noqa: S106

    id: Id
    token: str


class DecisionRequest(RequestModel):
    """What to do with a consumer."""

    model_config = RequestModel.model_config | example(action="approved")

    action: Action = Field(description="Who requests a consumer does not approve it.")
