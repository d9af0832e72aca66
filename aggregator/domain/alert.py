"""Alerts: what opens one, what it merges with, what resolves it. Pure: time and ids are arguments.

The idea of a fingerprint over labels, with explicit rules for merging, is Prometheus Alertmanager's. A fingerprint
covers place and kind, never a track or a person.

States: open → acknowledged → resolved; an event or a person may also resolve an open alert directly, but no event
resolves a critical one that was not acknowledged. A later event sets an acknowledged critical alert back to open. A
resolved alert never changes again.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import msgspec

from common.clock import SECOND_NS
from protocol.envelope import Event
from protocol.event_types import KINDS, DoorGranted

Severity = Literal["low", "medium", "high", "critical"]
State = Literal["open", "acknowledged", "resolved"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
"""From least to most."""


@dataclass(frozen=True)
class Rule:
    """How alerts of one kind behave.

    Attributes:
        severity: What the alert starts with.
        window_s: Events this close in time merge into one alert; None: as long as it is not resolved.
        resolved_by: Kinds of events from the same place that resolve it.
    """

    severity: Severity
    window_s: float | None
    resolved_by: tuple[str, ...] = ()


_MINUTE_S, _HOUR_S = 60.0, 3600.0
RULES: dict[str, Rule] = {
    "zone.entered": Rule("medium", 5 * _MINUTE_S),
    "zone.loitering": Rule("medium", 10 * _MINUTE_S),
    "zone.crowded": Rule("high", 10 * _MINUTE_S),
    "zone.blocked": Rule("high", 30 * _MINUTE_S),
    "line.crossed": Rule("low", 5 * _MINUTE_S),
    "door.denied": Rule("low", 5 * _MINUTE_S),
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
}
"""Kind that opens alerts → how they behave."""

QUIET = frozenset(
    {
        "zone.left", "door.granted", "door.closed", "door.online", "vehicle.registered", "vehicle.visitor",
        "vehicle.unlisted", "vehicle.unreadable", "camera.back", "camera.clear", "box.started", "box.stopping",
        "footage.exported",
    }
)  # fmt: skip
"""Kinds that open nothing; some of them resolve."""

RESOLVES: dict[str, tuple[str, ...]] = {
    resolving: tuple(kind for kind, rule in RULES.items() if resolving in rule.resolved_by)
    for rule in RULES.values()
    for resolving in rule.resolved_by
}
"""Kind that resolves → the kinds whose alerts it resolves."""

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
"""A controller accepted a revoked card: it does not know the site's list."""

_SUBJECT_OF = {
    kind: next((name for name in ("zone", "line", "door", "gate") if name in data.__struct_fields__), "")
    for kind, data in KINDS.items()
}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What people work on. Times are UTC nanoseconds; `first` and `last` are when things were seen."""

    id: str
    fingerprint: str
    site: str
    box: str
    place: str
    kind: str
    subject: str
    object: str
    severity: Severity
    state: State
    count: int
    first_ns: int
    last_ns: int
    opened_ns: int
    picture_event: str | None = None
    picture_ns: int = 0
    acknowledged_ns: int | None = None
    acknowledged_by: str | None = None
    resolved_ns: int | None = None
    resolved_by: str | None = None


@dataclass(frozen=True)
class EventObserved:
    """An event of a kind with a rule; `cleared_ns` is the newest resolving event of its place, if there is one."""

    event: Event
    cleared_ns: int | None = None


@dataclass(frozen=True)
class ConditionCleared:
    """An event that resolves what it clears."""

    kind: str
    time_ns: int


@dataclass(frozen=True)
class Acknowledged:
    """A person has taken the alert on."""

    by: str


@dataclass(frozen=True)
class Resolved:
    """A person has closed the alert."""

    by: str


Change = EventObserved | ConditionCleared | Acknowledged | Resolved


class Effect(StrEnum):
    """What a transition did."""

    OPENED = "opened"
    MERGED = "merged"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    REOPENED = "reopened"


Outcome = tuple[Alert | None, tuple[Effect, ...]]


@functools.lru_cache(maxsize=65536)
def fingerprint(site: str, box: str, place: str, kind: str, subject: str) -> str:
    """What makes two events the same matter; hexadecimal SHA-256."""
    return hashlib.sha256("\0".join((site, box, place, kind, subject)).encode()).hexdigest()


def subject_of(event: Event) -> str:
    """The zone, line, door or gate that an event is about; empty where there is none."""
    field = _SUBJECT_OF[event.kind]
    return str(getattr(event.data, field)) if field else ""


def rule_of(event: Event) -> Rule | None:
    """How the event's alert behaves; None where it opens none."""
    if isinstance(event.data, DoorGranted) and (event.data.reason or "").startswith(REVOKED):
        return REVOKED_RULE
    return RULES.get(event.kind)


def fingerprint_of(event: Event) -> str:
    """The fingerprint of an event's alert: a two-wheeler in a zone is a matter of its own."""
    special = (event.kind, getattr(event.data, "object", "")) in SEVERITY_OF_OBJECT
    kind = f"{event.kind}/{TWO_WHEELER}" if special else event.kind
    return fingerprint(event.site, event.box, event.place, kind, subject_of(event))


def targets(event: Event) -> list[str]:
    """Fingerprints of the alerts that an event resolves."""
    subject = subject_of(event)
    return [fingerprint(event.site, event.box, event.place, kind, subject) for kind in RESOLVES.get(event.kind, ())]


def transition(alert: Alert | None, change: Change, now_ns: int, new_id: Callable[[], str]) -> Outcome:
    """The next state of the matter that `alert` is the newest alert of, and what happened on the way.

    Args:
        alert: The newest alert with the fingerprint in question, or None.
        change: What happened.
        now_ns: The wall clock.
        new_id: Gives an id for a new alert.

    Returns:
        The alert to keep (unchanged where nothing happened) and the effects.
    """
    if isinstance(change, EventObserved):
        return _seen(alert, change, now_ns, new_id)
    if alert is None or alert.state == "resolved":
        return alert, ()
    if isinstance(change, Acknowledged):
        if alert.state == "acknowledged":
            return alert, ()
        taken = msgspec.structs.replace(alert, state="acknowledged", acknowledged_ns=now_ns, acknowledged_by=change.by)
        return taken, (Effect.ACKNOWLEDGED,)
    if isinstance(change, ConditionCleared) and (change.time_ns < alert.last_ns or _unseen(alert)):
        return alert, ()  # it came late and the matter has come back since, or a person must see it first
    by = change.kind if isinstance(change, ConditionCleared) else change.by
    when = change.time_ns if isinstance(change, ConditionCleared) else now_ns
    closed = msgspec.structs.replace(alert, state="resolved", resolved_ns=when, resolved_by=by)
    return closed, (Effect.RESOLVED,)


def _seen(alert: Alert | None, change: EventObserved, now_ns: int, new_id: Callable[[], str]) -> Outcome:
    event = change.event
    rule = rule_of(event)
    if rule is None:
        return alert, ()
    if alert is not None and alert.state != "resolved" and _within(alert, event.time_ns, rule.window_s):
        return _reopened(_merged(alert, event))
    opened = _opened(event, rule, now_ns, new_id())
    if change.cleared_ns is not None and change.cleared_ns >= event.time_ns and not _unseen(opened):
        by = rule.resolved_by[0]
        over = msgspec.structs.replace(opened, state="resolved", resolved_ns=change.cleared_ns, resolved_by=by)
        return over, (Effect.OPENED, Effect.RESOLVED)
    return opened, (Effect.OPENED,)


def _unseen(alert: Alert) -> bool:
    """Whether a person must see the alert before an event may resolve it."""
    return alert.severity == "critical" and alert.state == "open"


def _reopened(merged: Alert) -> Outcome:
    """The alert with an event merged into it; a critical one is open again: this event is not acknowledged."""
    if merged.severity != "critical" or merged.state != "acknowledged":
        return merged, (Effect.MERGED,)
    again = msgspec.structs.replace(merged, state="open", acknowledged_ns=None, acknowledged_by=None)
    return again, (Effect.MERGED, Effect.REOPENED)


def _within(alert: Alert, time_ns: int, window_s: float | None) -> bool:
    if window_s is None:
        return True
    window_ns = round(window_s * SECOND_NS)
    return alert.first_ns - window_ns <= time_ns <= alert.last_ns + window_ns


def _severity(event: Event, rule: Rule) -> Severity:
    return SEVERITY_OF_OBJECT.get((event.kind, getattr(event.data, "object", "")), rule.severity)


def _opened(event: Event, rule: Rule, now_ns: int, alert_id: str) -> Alert:
    return Alert(
        id=alert_id,
        fingerprint=fingerprint_of(event),
        site=event.site,
        box=event.box,
        place=event.place,
        kind=event.kind,
        subject=subject_of(event),
        object=getattr(event.data, "object", ""),
        severity=_severity(event, rule),
        state="open",
        count=1,
        first_ns=event.time_ns,
        last_ns=event.time_ns,
        opened_ns=now_ns,
        picture_event=event.id if event.picture else None,
        picture_ns=event.time_ns if event.picture else 0,
    )


def _merged(alert: Alert, event: Event) -> Alert:
    """`alert` with one more event; a late one counts but moves nothing back."""
    severity, kind_of_object = alert.severity, alert.object
    seen = rule_of(event)
    if seen is not None and SEVERITIES.index(_severity(event, seen)) > SEVERITIES.index(severity):
        severity = _severity(event, seen)
        kind_of_object = getattr(event.data, "object", "")
    newer_picture = event.picture is not None and event.time_ns >= alert.picture_ns
    return msgspec.structs.replace(
        alert,
        severity=severity,
        object=kind_of_object,
        count=alert.count + 1,
        first_ns=min(alert.first_ns, event.time_ns),
        last_ns=max(alert.last_ns, event.time_ns),
        picture_event=event.id if newer_picture else alert.picture_event,
        picture_ns=event.time_ns if newer_picture else alert.picture_ns,
    )
