"""The rules of alerts: what differs from the defaults in `aggregator/domain/alerts/rules.py`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

import msgspec

from protocol.event_types import KINDS, ObjectClass
from protocol.identifiers import NAME

MOST_RULES, MOST_NAMES = 200, 100
"""Each new event is compared with every rule of its kind: the settings bound what that costs."""
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
Severity = Literal["low", "medium", "high", "critical"]
Closing = Literal["at_once", "later", "acknowledged", "person"]
QUIET = frozenset(
    {
        "zone.left", "door.granted", "door.closed", "door.online", "vehicle.registered", "vehicle.visitor",
        "vehicle.unlisted", "vehicle.unreadable", "camera.back", "camera.clear", "box.started", "box.stopping",
        "footage.exported",
    }
)  # fmt: skip
"""Kinds that open nothing; some of them end the condition of an alert."""
OWN_KINDS = frozenset({"box.lost", "uplink.lost"})
"""Kinds that no box sends: the aggregator notices them by itself."""
_Seconds = Annotated[float, msgspec.Meta(ge=1, le=7 * 86_400)]
_SecondsOrNever = Annotated[float, msgspec.Meta(ge=0, le=7 * 86_400)]


class KindRule(msgspec.Struct, frozen=True, kw_only=True):
    """How alerts of one kind behave; what is not given stays as it is by default.

    `window_s`: events this close in time merge, for kinds whose condition no event ends. `closes`: what an ended alert
    waits for before it closes: `at_once` nothing, `later` `closes_after_s`, `acknowledged` a person's acknowledgement,
    `person` a person who closes it; high ones wait for an acknowledgement at least, critical ones for a person.
    An acknowledged alert is unacknowledged again after `realarm_events` more events, or with an event that comes
    `realarm_after_s` or more after the acknowledgement; 0: never. Critical ones always are.
    """

    severity: Severity | None = None
    window_s: _Seconds | None = None
    closes: Closing | None = None
    closes_after_s: _Seconds | None = None
    realarm_events: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    realarm_after_s: _SecondsOrNever | None = None


class SeverityRule(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A severity for what matches all of the given lists; an empty list matches everything.

    `areas` are `site/area`; `subjects` are zones, lines, doors and gates. `days`, `from` and `until` (HH:MM) are the
    site's local time; where `until` is before `from`, the span goes over midnight and belongs to the day of its begin.
    """

    severity: Severity
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    days: tuple[Day, ...] = ()
    from_: str = "00:00"
    until: str = "24:00"

    def __post_init__(self) -> None:
        for field in ("kinds", "sites", "areas", "places", "subjects", "objects", "days"):
            values = getattr(self, field)
            if len(values) > MOST_NAMES:
                raise ValueError(f"{field}: at most {MOST_NAMES} names")
        _check_kinds("kinds", self.kinds)
        for field in ("sites", "places", "subjects"):
            for value in getattr(self, field):
                if not NAME.fullmatch(value):
                    raise ValueError(f"{field}: '{value[:80]}' must be 1 to 64 of letters, digits, '_', '.', '-'")
        for area in self.areas:
            parts = area.split("/")
            if len(parts) != 2 or not all(NAME.fullmatch(part) for part in parts):
                raise ValueError(f"areas: '{area[:80]}' must be site/area")
        for name in self.objects:
            if name not in get_args(ObjectClass):
                raise ValueError(f"objects: '{name[:80]}' must be one of {', '.join(get_args(ObjectClass))}")
        if not _TIME.fullmatch(self.from_):
            raise ValueError("from: must be a time of day such as 22:00")
        if self.until != "24:00" and not _TIME.fullmatch(self.until):
            raise ValueError("until: must be a time of day such as 06:00, or 24:00")
        if self.from_ == self.until:
            raise ValueError("until: must differ from `from`; leave both out for the whole day")


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of alerts: by kind, and severities by place, object and time; the first severity that matches counts.

    `operators` is how many are on duty at a time: what a flood of alerts is depends on it.
    """

    rules: dict[str, KindRule] = {}
    severities: tuple[SeverityRule, ...] = ()
    operators: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1

    def __post_init__(self) -> None:
        _check_kinds("rules", tuple(self.rules))
        if len(self.severities) > MOST_RULES:
            raise ValueError(f"severities: at most {MOST_RULES} rules")


def _check_kinds(field: str, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        if kind in QUIET:
            raise ValueError(f"{field}: '{kind}' opens no alert")
        if kind not in KINDS and kind not in OWN_KINDS:
            raise ValueError(f"{field}: '{kind[:80]}' is no kind of event; see docs/reference/events.md")
