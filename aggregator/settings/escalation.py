"""Who is notified of a site's alerts, and when: chains of levels, rotas of people on call, calendars.

The same structs hold the section `escalation` of the settings file and what is saved through the API. Rules between
the parts (unknown names, loops, nobody on call) are in `escalation_checks`.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Severity = Literal["low", "medium", "high", "critical"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Minutes = Annotated[float, msgspec.Meta(ge=0.05, le=1440)]
DEFAULT_MINUTES: dict[Severity, float] = {"critical": 5.0, "high": 15.0, "medium": 60.0}
Text = Annotated[str, msgspec.Meta(max_length=80)]
WHOLE_SITE = "*"
MOST_LEVELS = 8
MOST_STEPS = 40
"""Steps of a chain with what follows it and its repetitions."""
SUPERVISORS = "supervisors"
USER, ROTA = "user:", "rota:"
_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, keys by name only."""


class Calendar(_Strict, frozen=True, kw_only=True):
    """Working hours.

    Attributes:
        hours: Weekday → spans in local time such as `08:00-12:00`; a weekday that is not named is closed.
        holidays: Country, or country and subdivision, whose public holidays are closed (ISO 3166: `CN`, `DE-BY`).
        closed: Further closed days, such as 2026-12-24.
        workdays: Days that are worked though they are a weekend or a holiday; hours as on Monday.
        timezone: IANA name; the site's zone where it is empty.
    """

    hours: Annotated[dict[Weekday, tuple[str, ...]], msgspec.Meta(max_length=7)] = {}
    holidays: str = ""
    closed: Annotated[tuple[str, ...], msgspec.Meta(max_length=400)] = ()
    workdays: Annotated[tuple[str, ...], msgspec.Meta(max_length=400)] = ()
    timezone: str = ""

    def __post_init__(self) -> None:
        for weekday, spans in self.hours.items():
            for span in spans:
                start, _, end = span.partition("-")
                if not _HOURS.fullmatch(span) or start >= end:
                    raise ValueError(f"hours: '{span[:20]}' on {weekday} must be a span such as 08:00-18:00")
        for name in ("closed", "workdays"):
            for day in getattr(self, name):
                _check(name, day, date.fromisoformat, "a date such as 2026-12-24")
        if self.holidays and not _COUNTRY.fullmatch(self.holidays):
            raise ValueError(f"holidays: '{self.holidays[:20]}' must be a country such as CN, or DE-BY")
        _check_zone(self.timezone)


class Override(_Strict, frozen=True, kw_only=True):
    """Another person is on call from `start` until `end` (local time of the rota, such as 2026-12-01T08:00)."""

    user: Text
    start: str
    end: str

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            _check(name, getattr(self, name), _local_time, "a local time such as 2026-12-01T08:00")
        if self.start >= self.end:
            raise ValueError("end: it must be after start")


class Rota(_Strict, frozen=True, kw_only=True):
    """People who are on call in turn.

    Attributes:
        people: Users, in their order.
        start: Local time of one hand-over, such as 2026-11-23T08:00; the others are whole weeks before and after it.
        weeks: How long each person is on call.
        overrides: Exceptions; the first one that covers an instant counts.
        timezone: IANA name; the site's zone where it is empty.
    """

    people: Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)]
    start: str
    weeks: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    overrides: Annotated[tuple[Override, ...], msgspec.Meta(max_length=200)] = ()
    timezone: str = ""

    def __post_init__(self) -> None:
        if not self.people:
            raise ValueError("people: nobody is on call; name at least one user")
        _check("start", self.start, _local_time, "a local time such as 2026-11-23T08:00")
        _check_zone(self.timezone)


class Level(_Strict, frozen=True, kw_only=True):
    """Who is notified at one level, and how long they have.

    Attributes:
        notify: `user:NAME`, `rota:NAME`, or `supervisors` (those of the alert's site or area).
        minutes: Severity → how long until the next level is notified; a severity that is not named skips this level.
            Empty: `DEFAULT_MINUTES`.
        name: For people, such as "town".
        calendar: Outside of this calendar's hours `outside` is notified instead.
        outside: As `notify`; empty: the level is skipped then.
    """

    notify: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)]
    minutes: dict[Severity, Minutes] = {}
    name: Text = ""
    calendar: Text = ""
    outside: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()

    def __post_init__(self) -> None:
        if not self.notify:
            raise ValueError("notify: nobody is notified; name a user, a rota or supervisors")
        if self.outside and not self.calendar:
            raise ValueError("outside: it needs a calendar beside it")
        for target in (*self.notify, *self.outside):
            if target != SUPERVISORS and not (target.startswith((USER, ROTA)) and target.partition(":")[2]):
                raise ValueError(f"notify: '{target[:40]}' must be user:NAME, rota:NAME or {SUPERVISORS}")

    @property
    def limits(self) -> dict[Severity, float]:
        """Severity → minutes until the next level."""
        return self.minutes or DEFAULT_MINUTES


class Chain(_Strict, frozen=True, kw_only=True):
    """Levels that are notified one after the other until somebody acknowledges.

    Attributes:
        levels: The first one is notified at once.
        areas: Whose alerts; `*` is the rest of the site. Empty: the chain is only reached from another one.
        then: The chain that goes on after the last level.
        repeat: How often the last level is notified again where no chain follows.
    """

    levels: Annotated[tuple[Level, ...], msgspec.Meta(max_length=MOST_LEVELS)]
    areas: Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)] = ()
    then: Text = ""
    repeat: Annotated[int, msgspec.Meta(ge=0, le=10)] = 0

    def __post_init__(self) -> None:
        if not self.levels:
            raise ValueError("levels: there is none; name at least one")


class Escalation(_Strict, frozen=True, kw_only=True):
    """Of one site."""

    chains: Annotated[dict[str, Chain], msgspec.Meta(max_length=50)] = {}
    rotas: Annotated[dict[str, Rota], msgspec.Meta(max_length=50)] = {}
    calendars: Annotated[dict[str, Calendar], msgspec.Meta(max_length=50)] = {}

    def __post_init__(self) -> None:
        from aggregator.settings import escalation_checks

        if found := escalation_checks.problems(self):
            raise ValueError("\n".join(found))


def local_time(text: str) -> datetime:
    """A local time without its zone, as `2026-11-23T08:00`."""
    return datetime.fromisoformat(text)


def _local_time(text: str) -> datetime:
    if not _LOCAL.fullmatch(text):
        raise ValueError("not a local time")
    return local_time(text)


def _check(name: str, text: str, read: object, fix: str) -> None:
    try:
        assert callable(read)
        read(text)
    except ValueError as error:
        raise ValueError(f"{name}: '{text[:40]}' must be {fix}") from error


def _check_zone(name: str) -> None:
    try:
        if name:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"timezone: '{name[:40]}' is not an IANA time zone such as Asia/Shanghai") from error
