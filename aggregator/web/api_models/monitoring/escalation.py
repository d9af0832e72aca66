"""Escalation: chains, rotas and calendars of a site."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from aggregator.settings.escalation import Severity, Weekday
from aggregator.web.api_models.base import PRINTABLE, NameText, RequestModel, ResponseModel, ShortText, Time, example

Text = Annotated[str, StringConstraints(max_length=80, pattern=PRINTABLE)]
_LEVEL = {"name": "village", "notify": ["rota:night"], "minutes": {"critical": 5, "high": 15}}
_SITE = {
    "chains": {"gates": {"areas": ["gates"], "levels": [_LEVEL], "then": "", "repeat": 2}},
    "rotas": {"night": {"people": ["li", "wang"], "start": "2026-11-23T08:00"}},
    "calendars": {"office": {"hours": {"mon": ["08:00-18:00"]}, "holidays": "CN"}},
}


class OverrideModel(RequestModel):
    """Another user is on call for a while."""

    user: Text
    start: ShortText = Field(description="Local time of the rota, as 2026-12-01T08:00.")
    end: ShortText


class RotaModel(RequestModel):
    """People who are on call in turn."""

    people: list[Text] = Field(max_length=100)
    start: ShortText = Field(description="Local time of one hand-over, as 2026-11-23T08:00.")
    weeks: int = Field(1, ge=1, le=8)
    overrides: list[OverrideModel] = Field([], max_length=200)
    timezone: ShortText = Field("", description="IANA name; empty: the site's.")


class CalendarModel(RequestModel):
    """Working hours."""

    hours: dict[Weekday, list[ShortText]] = Field({}, description="Weekday → spans such as 08:00-18:00, local time.")
    holidays: ShortText = Field("", description="ISO 3166 country or subdivision, as CN.")
    closed: list[ShortText] = Field([], max_length=400, description="Further closed days, as 2026-12-24.")
    workdays: list[ShortText] = Field([], max_length=400, description="Days that are worked, with Monday's hours.")
    timezone: ShortText = Field("", description="IANA name; empty: the site's.")


class LevelModel(RequestModel):
    """Who is notified, and how long they have."""

    notify: list[Text] = Field(max_length=20, description="user:NAME, rota:NAME or supervisors.")
    minutes: dict[Severity, float] = Field(
        {}, description="Until the next level, by severity; empty: critical 5, high 15, medium 60."
    )
    name: Text = ""
    calendar: ShortText = ""
    outside: list[Text] = Field([], max_length=20, description="Who is notified outside of the calendar's hours.")


class ChainModel(RequestModel):
    """Levels that are notified one after the other."""

    levels: list[LevelModel] = Field(max_length=8)
    areas: list[Text] = Field([], max_length=100, description="Whose alerts; `*` is the rest of the site.")
    then: ShortText = Field("", description="The chain that goes on after the last level.")
    repeat: int = Field(0, ge=0, le=10, description="How often the last level is notified again.")


class EscalationModel(RequestModel):
    """The escalation of a site."""

    model_config = RequestModel.model_config | example(_SITE)

    chains: dict[NameText, ChainModel] = Field({}, max_length=50)
    rotas: dict[NameText, RotaModel] = Field({}, max_length=50)
    calendars: dict[NameText, CalendarModel] = Field({}, max_length=50)


class EscalationRequest(RequestModel):
    """A new escalation of a site."""

    model_config = RequestModel.model_config | example(version=0, escalation=_SITE)

    version: int = Field(ge=0, le=2**53, description="The version that was read; 0 where nothing was saved.")
    escalation: EscalationModel


class OnCallResponse(ResponseModel):
    """Who is on call."""

    rota: str
    user: str


class SiteEscalationResponse(ResponseModel):
    """The escalation of a site, and who is on call."""

    site: str
    site_name: str
    version: int = Field(description="To be sent with a change.")
    source: Literal["settings", "saved", "fallback"] = Field(
        description="`fallback`: what was saved cannot be used; the supervisors are notified."
    )
    problem: str = Field(description="Why what was saved cannot be used.")
    time_zone: str
    escalation: EscalationModel
    at: Time
    on_call: list[OnCallResponse]


class EscalationsResponse(ResponseModel):
    """The escalation of each site."""

    sites: list[SiteEscalationResponse]


class EscalationSavedResponse(ResponseModel):
    """What was saved."""

    model_config = example(version=1, warnings=["'li' has no notification target"])

    version: int
    warnings: list[str] = Field(description="Allowed, and probably not meant.")


class StepResponse(ResponseModel):
    """A step of an alert's escalation."""

    step: int
    level: str
    due: Time
    time: Time
    users: list[str]
    targets: int = Field(description="How many targets were notified.")
    problem: str


class StepsResponse(ResponseModel):
    """The steps of an alert's escalation, the oldest first."""

    steps: list[StepResponse]
