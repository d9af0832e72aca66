"""How alerts of each kind behave: defaults, and what the settings change of them. Pure: the clock is an argument.

Severities follow ISA-18.2: by consequence and by the time there is to respond.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo

from aggregator.domain.accounts.authorization import Areas, places_in
from aggregator.domain.alerts.types import SEVERITIES, Alert, Severity
from aggregator.settings.alerts import DAYS, QUIET, AlertSettings, Closing, KindRule, SeverityRule
from common.clock import SECOND_NS, local_time
from protocol.envelope import Event
from protocol.event_types import DoorGranted


@dataclass(frozen=True)
class Rule:
    """How alerts of one kind behave.

    Attributes:
        severity: What the alert starts with.
        window_s: Events this close in time merge into one alert, and the condition ends when none has come for so
            long; None: as long as the alert is open.
        ended_by: Kinds of events from the same place that end the condition.
        closes: What an ended alert waits for; None: nothing where an event ended it, else `closes_after_s`.
        closes_after_s: How long an ended alert waits for a person before it closes by itself.
        realarm_events: So many events after the acknowledgement make it unacknowledged again; 0: none do; None: by
            severity.
        realarm_after_s: An event so long after the acknowledgement does; 0: never; None: by severity.
    """

    severity: Severity
    window_s: float | None
    ended_by: tuple[str, ...] = ()
    closes: Closing | None = None
    closes_after_s: float = 12 * 3600.0
    realarm_events: int | None = None
    realarm_after_s: float | None = None


_MINUTE_S, _HOUR_S = 60.0, 3600.0
RULES: dict[str, Rule] = {
    "zone.entered": Rule("medium", 5 * _MINUTE_S),
    "zone.loitering": Rule("medium", 10 * _MINUTE_S),
    "zone.crowded": Rule("high", 10 * _MINUTE_S),
    "zone.blocked": Rule("high", 30 * _MINUTE_S),
    "line.crossed": Rule("low", 5 * _MINUTE_S, closes_after_s=_HOUR_S),
    "door.denied": Rule("low", 5 * _MINUTE_S, closes_after_s=_HOUR_S),
    "door.forced": Rule("critical", None, ("door.closed",)),
    "door.held": Rule("medium", None, ("door.closed",)),
    "door.duress": Rule("critical", 5 * _MINUTE_S),
    "door.offline": Rule("high", None, ("door.online",)),
    "door.tailgated": Rule("high", 5 * _MINUTE_S),
    "vehicle.barred": Rule("high", 10 * _MINUTE_S),
    "camera.lost": Rule("high", None, ("camera.back",)),
    "camera.covered": Rule("high", None, ("camera.clear",)),
    "camera.frozen": Rule("high", None, ("camera.clear",)),
    "camera.moved": Rule("medium", None, ("camera.clear",)),
    "camera.defocused": Rule("medium", None, ("camera.clear",)),
    "footage.gap": Rule("medium", _HOUR_S),
    "footage.at_risk": Rule("high", 24 * _HOUR_S),
    "footage.held": Rule("low", _HOUR_S),
    "footage.erased": Rule("low", _HOUR_S),
    "disk.full": Rule("critical", _HOUR_S),
    "disk.changed": Rule("high", _HOUR_S),
    "outbox.lost": Rule("high", _HOUR_S),
    "clock.stepped": Rule("low", _HOUR_S),
    "box.config_rejected": Rule("medium", _HOUR_S),
    "box.lost": Rule("high", None, ("box.back",)),
    "uplink.lost": Rule("high", None, ("uplink.back",)),
}
"""Kind that opens alerts → how they behave by default."""

ENDS: dict[str, tuple[str, ...]] = {
    ending: tuple(kind for kind, rule in RULES.items() if ending in rule.ended_by)
    for rule in RULES.values()
    for ending in rule.ended_by
}
"""Kind that ends a condition → the kinds whose alerts it ends."""

SEVERITY_OF_OBJECT: dict[tuple[str, str], Severity] = {
    ("zone.entered", "bicycle"): "high",
    ("zone.entered", "motorcycle"): "high",
}
"""E-bikes in corridors and stairwells burn: two-wheelers in a zone weigh more than people do."""
TWO_WHEELER = "two-wheeler"
"""What the texts and fingerprints call the objects of `SEVERITY_OF_OBJECT`."""

REVOKED = "revoked:"
"""A door's `reason` starts so where the credential is on the site's list of revoked ones."""
REVOKED_RULE = Rule("high", 5 * _MINUTE_S)
"""A controller accepted a revoked card: it does not have the site's list."""

CLOSINGS: tuple[Closing, ...] = ("at_once", "later", "acknowledged", "person")
"""From the least to the most that an ended alert waits for."""
LEAST_CLOSING: dict[Severity, Closing] = {
    "low": "at_once", "medium": "at_once", "high": "acknowledged", "critical": "person",
}  # fmt: skip
"""High and critical alerts latch: no setting makes them close unseen."""
REALARM: dict[Severity, tuple[int, float]] = {
    "low": (0, 0.0), "medium": (50, _HOUR_S), "high": (10, 15 * _MINUTE_S), "critical": (1, 0.0),
}  # fmt: skip
"""After so many events, or with an event so many seconds after, an acknowledged alert is unacknowledged again.

0: never. For critical ones no rule changes it."""


def closing(severity: Severity, rule: Rule) -> Closing:
    """What an alert of a severity waits for after its condition has ended."""
    wanted: Closing = rule.closes or ("at_once" if rule.ended_by else "later")
    return max(wanted, LEAST_CLOSING[severity], key=CLOSINGS.index)


def realarms(alert: Alert, rule: Rule, now_ns: int) -> bool:
    """Whether one more event makes an acknowledged alert unacknowledged again."""
    if alert.severity == "critical":
        return True
    events, after_s = REALARM[alert.severity]
    events = events if rule.realarm_events is None else rule.realarm_events
    after_s = after_s if rule.realarm_after_s is None else rule.realarm_after_s
    if events and alert.since_acknowledged + 1 >= events:
        return True
    return bool(after_s) and now_ns - (alert.acknowledged_ns or now_ns) >= after_s * SECOND_NS


Zones = Callable[[str, str], tzinfo]
"""(site, box) → the time zone of the site."""


@dataclass(frozen=True)
class _Span:
    """A span of the local day; over midnight it belongs to the day of its begin."""

    days: frozenset[int]
    begin: time
    end: time | None

    def holds(self, local: datetime) -> bool:
        at = local.time()
        if self.end is None or self.begin < self.end:
            inside = at >= self.begin and (self.end is None or at < self.end)
            return inside and local.weekday() in self.days
        if at >= self.begin:
            return local.weekday() in self.days
        return at < self.end and (local - timedelta(days=1)).weekday() in self.days


@dataclass(frozen=True)
class _Matcher:
    severity: Severity
    fields: tuple[tuple[str, frozenset[str]], ...]
    places: frozenset[tuple[str, str]] | None
    span: _Span | None

    def matches(self, event: Event, subject: str, kind_of_object: str, local: Callable[[], datetime]) -> bool:
        values = {"site": event.site, "place": event.place, "subject": subject, "object": kind_of_object}
        if not all(values[name] in wanted for name, wanted in self.fields):
            return False
        if self.places is not None and (event.site, event.place) not in self.places:
            return False
        return self.span is None or self.span.holds(local())


def _utc(_site: str, _box: str) -> tzinfo:
    return UTC


class AlertRules:
    """The rules of an aggregator: the defaults with what its settings change.

    Args:
        settings: The section `alerts`.
        areas: The areas of each place.
        zones: Gives the time zone of a site.
    """

    def __init__(self, settings: AlertSettings | None = None, areas: Areas | None = None, zones: Zones = _utc) -> None:
        settings = settings or AlertSettings()
        changed = settings.rules
        self._rules = {kind: _changed(rule, changed[kind]) if kind in changed else rule for kind, rule in RULES.items()}
        self._zones = zones
        self._matchers: dict[str, list[_Matcher]] = {}
        for severity in settings.severities:
            matcher = _matcher(severity, areas or {})
            for kind in severity.kinds or (*RULES, "door.granted"):
                self._matchers.setdefault(kind, []).append(matcher)

    def of(self, event: Event) -> Rule | None:
        """How the event's alert behaves; None where it opens none."""
        rule = self._rules.get(event.kind)
        if rule is None and isinstance(event.data, DoorGranted) and (event.data.reason or "").startswith(REVOKED):
            return REVOKED_RULE
        return rule

    def of_kind(self, kind: str) -> Rule:
        """How an open alert of a kind behaves."""
        return self._rules.get(kind, REVOKED_RULE)

    def severity(self, event: Event, rule: Rule, subject: str) -> Severity:
        """What an event weighs: the first matching rule of the settings, the object, the kind."""
        kind_of_object = getattr(event.data, "object", "")
        matchers = self._matchers.get(event.kind)
        if matchers:

            def local() -> datetime:
                return local_time(event.time_ns, self._zones(event.site, event.box))

            for matcher in matchers:
                if matcher.matches(event, subject, kind_of_object, local):
                    return matcher.severity
        heavier = SEVERITY_OF_OBJECT.get((event.kind, kind_of_object))
        return rule.severity if heavier is None else max(heavier, rule.severity, key=SEVERITIES.index)


def _changed(rule: Rule, by: KindRule) -> Rule:
    given = {name: getattr(by, name) for name in by.__struct_fields__ if getattr(by, name) is not None}
    if rule.ended_by:
        given.pop("window_s", None)  # an event ends it, not a time
    return replace(rule, **given)


def _matcher(rule: SeverityRule, areas: Areas) -> _Matcher:
    lists = (("site", rule.sites), ("place", rule.places), ("subject", rule.subjects), ("object", rule.objects))
    places = None
    if rule.areas:
        places = places_in(areas, {(site, area) for site, _, area in (it.partition("/") for it in rule.areas)})
    return _Matcher(rule.severity, tuple((name, frozenset(it)) for name, it in lists if it), places, _span(rule))


def _span(rule: SeverityRule) -> _Span | None:
    if not rule.days and (rule.from_, rule.until) == ("00:00", "24:00"):
        return None
    end = None if rule.until == "24:00" else time.fromisoformat(rule.until)
    return _Span(frozenset(map(DAYS.index, rule.days or DAYS)), time.fromisoformat(rule.from_), end)


DEFAULTS = AlertRules()
"""The rules without any settings."""

__all__ = [
    "CLOSINGS", "DEFAULTS", "ENDS", "QUIET", "REALARM", "RULES", "SEVERITIES", "TWO_WHEELER", "AlertRules", "Closing",
    "Rule", "closing", "realarms",
]  # fmt: skip
