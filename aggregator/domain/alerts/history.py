"""What happened to an alert: who did what, when and from where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from aggregator.domain.alerts.types import (
    Absorbed,
    Alert,
    Assigned,
    Change,
    Closed,
    ConditionEnded,
    Decision,
    Effect,
    EscalationRequested,
    EventObserved,
    MergedInto,
    Noted,
    SplitOff,
    Suppressed,
)
from protocol.identifiers import to_rfc3339

MOST_DETAIL = 4_096
"""Characters of an entry's detail; a longer value is cut."""
_MOST_VALUE, _MOST_NAMED = 2_048, 15


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of an alert's history.

    Attributes:
        id: UUIDv7, of the time when it was written.
        alert: Whose.
        time_ns: When, UTC nanoseconds.
        actor: A user's name, or `system:` and a part of the aggregator.
        via: `dashboard`, `api`, `link` or `system`.
        action: What was done: an `Effect`, or a word of the part that wrote it (such as `notified`).
        detail: More, as JSON; bounded.
    """

    id: str
    alert: str
    time_ns: int
    actor: str
    via: str
    action: str
    detail: str = "{}"


@dataclass(frozen=True)
class AlertEvent:
    """An event of an alert; whether it has a picture."""

    id: str
    kind: str
    time_ns: int
    picture: bool


def _name(kind: str, box: str, place: str) -> dict[str, str]:
    """What the alert of an entry is about, so that its name needs no look-up; it may be erased sooner."""
    return {"kind": kind, "box": box, "place": place}


def detail_text(values: Mapping[str, object]) -> str:
    """The detail of an entry; long texts are cut, and what is too long together is left out."""
    cut = {key: value[:_MOST_VALUE] if isinstance(value, str) else value for key, value in values.items()}
    text = json.dumps(cut, ensure_ascii=False)
    return text if len(text) <= MOST_DETAIL else json.dumps({"cut": True})


def detail_of(effect: Effect, change: Change, after: Alert, decision: Decision) -> str:
    """The detail of an entry."""
    values: dict[str, object] = {"origin": decision.origin} if decision.origin else {}
    if isinstance(change, ConditionEnded) and effect is Effect.ENDED:
        values |= {"kind": change.kind, "at": to_rfc3339(change.time_ns)}
    elif isinstance(change, EventObserved):
        values |= {"event": change.event.id, "severity": after.severity}
    elif isinstance(change, Assigned):
        values["to"] = change.to
    elif isinstance(change, Noted):
        values["note"] = change.note
    elif isinstance(change, EscalationRequested):
        values |= {"note": change.note} if change.note else {}
    elif isinstance(change, Closed):
        values |= {"outcome": change.outcome} | ({"note": change.note} if change.note else {})
    elif isinstance(change, Absorbed):
        values |= {"count": len(change.others), "alerts": [it.id for it in change.others][:_MOST_NAMED]}
        values["names"] = [_name(it.kind, it.box, it.place) for it in change.others][:_MOST_NAMED]
    elif isinstance(change, MergedInto):
        values |= {"into": change.alert_id, "names": [_name(*change.name)]}
    elif isinstance(change, SplitOff):
        values |= {"count": change.count, "into": change.into}
    elif isinstance(change, Suppressed):
        until = {"until": to_rfc3339(change.until_ns)} if change.until_ns is not None else {}
        values |= {"kind": change.kind, "by": change.by, "reason": change.reason} | until
    return detail_text(values)
