"""Which alerts a silence covers: seven fields, each with the values that it may have.

A matcher that covers everything of a site is refused, also where it only amounts to that: with all severities, all
kinds, or all devices named one by one.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import msgspec

from aggregator.domain.accounts.authorization import Areas, Scope, places_in
from aggregator.domain.alerts.types import SEVERITIES, Severity
from common.errors import QuietError
from protocol.event_types import Name
from protocol.identifiers import NAME

MOST_VALUES = 50
"""Of one field of a matcher."""
FIELDS = ("site", "area", "place", "kind", "subject", "object", "severity")
ORDINARY: frozenset[Severity] = frozenset(SEVERITIES) - {"critical"}
"""What a matcher without a severity covers: a critical alert is covered only where `severity` names it."""
Values = Annotated[tuple[Name, ...], msgspec.Meta(max_length=MOST_VALUES)]
Severities = Annotated[tuple[Severity, ...], msgspec.Meta(max_length=len(SEVERITIES))]


class Matchable(Protocol):
    """What a matcher looks at; an alert has it."""

    @property
    def id(self) -> str:
        """The alert's id."""

    @property
    def site(self) -> str:
        """The site."""

    @property
    def box(self) -> str:
        """The box that observed it."""

    @property
    def place(self) -> str:
        """The camera, door or gate; the box itself for what is about the box."""

    @property
    def kind(self) -> str:
        """The kind of event."""

    @property
    def subject(self) -> str:
        """The zone, line, door or gate; empty where there is none."""

    @property
    def object(self) -> str:
        """The class of object; empty where there is none."""

    @property
    def severity(self) -> Severity:
        """The present severity."""


class Matcher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Covers an alert where each field that has values has the alert's among them (one: equals; several: one of).

    Attributes:
        site: Sites; at least one.
        area: Areas of these sites.
        place: Cameras, doors, gates or boxes.
        kind: Kinds of events.
        subject: Zones, lines, doors or gates.
        object: Classes of objects.
        severity: Empty: all but critical.
    """

    site: Values
    area: Values = ()
    place: Values = ()
    kind: Values = ()
    subject: Values = ()
    object: Values = ()
    severity: Severities = ()

    @property
    def critical(self) -> bool:
        """Whether it covers critical alerts."""
        return "critical" in self.severity


@dataclass(frozen=True)
class Universe:
    """What there is: a matcher is held against it.

    Attributes:
        devices: Site → its cameras, doors and gates.
        areas: (site, place) → the areas of the place.
        kinds: Kinds that open alerts.
        objects: Classes of objects.
    """

    devices: Mapping[str, frozenset[str]]
    areas: Areas = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()

    def within(self, scope: Scope) -> Universe:
        """The same with the sites only that a scope touches: others are as unknown as misspelt ones."""
        devices = {site: its for site, its in self.devices.items() if scope.touches(site)}
        return Universe(devices, self.areas, self.kinds, self.objects)

    def areas_of(self, sites: Collection[str]) -> frozenset[str]:
        """The areas of these sites."""
        return frozenset(name for (site, _), names in self.areas.items() if site in sites for name in names)

    def places_in(self, site: str, areas: Collection[str]) -> frozenset[str]:
        """The places of a site that lie in one of these areas."""
        return frozenset(place for _, place in places_in(self.areas, {(site, area) for area in areas}))


def check(matcher: Matcher, universe: Universe) -> None:
    """Refuse a matcher that cannot be meant.

    Raises:
        QuietError: It names what is not there, or covers everything of a site; names the field and the fix, and
            repeats no value.
    """
    if not matcher.site:
        raise QuietError("match.site: is missing; name at least one site")
    for name in FIELDS:
        wrong = [it for it in getattr(matcher, name) if not NAME.fullmatch(it)]
        if wrong:
            raise QuietError(f"match.{name}: must be 1 to 64 of letters, digits, '_', '.', '-'")
    _check_known("site", matcher.site, universe.devices)
    _check_known("area", matcher.area, universe.areas_of(matcher.site))
    _check_known("kind", matcher.kind, universe.kinds)
    _check_known("object", matcher.object, universe.objects)
    if not all(narrows(matcher, universe, site) for site in matcher.site):
        raise QuietError(
            "match: covers everything of a site; narrow it by place, area, kind, subject, object or severity, so that "
            "something is left"
        )


def _check_known(name: str, values: Iterable[str], known: Collection[str]) -> None:
    for number, value in enumerate(values):
        if value not in known:
            near = difflib.get_close_matches(value, sorted(known), 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise QuietError(f"match.{name}[{number}]: is not known here{hint}")


def narrows(matcher: Matcher, universe: Universe, site: str) -> bool:
    """Whether something of a site's ordinary alerts is left that the matcher does not cover."""
    devices = universe.devices.get(site, frozenset())
    if matcher.severity and not set(matcher.severity) >= ORDINARY:
        return True
    if matcher.kind and not universe.kinds <= set(matcher.kind):
        return True
    if matcher.area and not _all_of(devices, universe.places_in(site, matcher.area)):
        return True
    if matcher.place and not _all_of(devices, frozenset(matcher.place)):
        return True
    return bool(matcher.subject) or (bool(matcher.object) and not universe.objects <= set(matcher.object))


def _all_of(devices: frozenset[str], named: frozenset[str]) -> bool:
    """Whether all devices of a site are named; at a site with one device, that one may be."""
    return len(devices) > 1 and devices <= named


class CompiledMatcher:
    """A matcher as sets: at most seven look-ups for an alert, however many values it has."""

    __slots__ = ("_areas", "_sets", "_severities")

    def __init__(self, matcher: Matcher) -> None:
        plain = ("site", "place", "kind", "subject", "object")
        self._sets = tuple((name, frozenset(getattr(matcher, name))) for name in plain if getattr(matcher, name))
        self._areas = frozenset(matcher.area)
        self._severities = frozenset(matcher.severity) or ORDINARY

    def covers(self, alert: Matchable, areas: Areas) -> bool:
        """Whether an alert is covered; `areas` has the areas of its place."""
        if alert.severity not in self._severities:
            return False
        if any(getattr(alert, name) not in values for name, values in self._sets):
            return False
        return not self._areas or not self._areas.isdisjoint(areas.get((alert.site, alert.place), frozenset()))
