"""An entry of the feed: what consumers are handed over about an event or a change of an alert. Pure.

Only the fields of `SHARED` leave: no pseudonym, list entry, track or free text, and no name of a person of the staff.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.types import Alert
from aggregator.domain.clip import KINDS as CLIP_KINDS
from aggregator.domain.feeds.consumer import Consumer, Content
from protocol.envelope import Event
from protocol.identifiers import to_rfc3339

SHARED = frozenset(
    {
        "zone", "line", "direction", "object", "bbox", "confidence", "seconds", "count", "score", "door", "gate",
        "opened", "granted", "crossed", "from", "to",
    }
)  # fmt: skip
"""Fields of events that consumers get; every other one stays here."""
ALERT_TYPE = "paifang.alert.changed.v1"
_encode = msgspec.json.Encoder().encode


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the feed.

    Attributes:
        position: Its place in the order of commits, from 1; 0 before it is stored.
        time_ns: When it was committed, UTC nanoseconds.
        ref: Id of the event or alert.
        severity: Of the alert, or of the alert that the event belongs to; empty: it belongs to none.
        picture: Whether the event has a picture.
        body: A CloudEvents 1.0 object as JSON, without what depends on the consumer.
    """

    position: int = 0
    time_ns: int
    content: Content
    ref: str
    site: str
    place: str
    kind: str
    severity: str
    picture: bool
    body: str


class FeedSpan(msgspec.Struct, frozen=True):
    """What is kept: the entries after `oldest`, up to and with `newest`."""

    oldest: int
    newest: int


class ConsumerUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer was sent.

    Attributes:
        events: In the hour that was asked about.
        position: Up to where it has read; None: it has not.
        seen_ns: When it last read.
    """

    events: int = 0
    position: int | None = None
    seen_ns: int = 0


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that are about to be handed over.

    Attributes:
        hour: Number of the hour since 1970.
        position: Up to where the consumer has read then.
    """

    consumer: str
    hour: int
    events: int
    position: int
    now_ns: int


def of_event(event: Event, severity: str, now_ns: int) -> FeedEntry:
    """The entry of an event that is committed now."""
    data = {name: value for name, value in msgspec.to_builtins(event.data).items() if name in SHARED}
    body: dict[str, Any] = {
        "specversion": "1.0", "id": event.id, "source": f"/{event.site}/{event.box}/{event.place}",
        "type": f"paifang.{event.kind}.v1", "time": to_rfc3339(event.time_ns), "datacontenttype": "application/json",
        "data": data | ({"severity": severity} if severity else {}),
    }  # fmt: skip
    return FeedEntry(
        time_ns=now_ns, content="events", ref=event.id, site=event.site, place=event.place, kind=event.kind,
        severity=severity, picture=event.picture is not None, body=_encode(body).decode(),
    )  # fmt: skip


def of_alert(alert: Alert, actions: Iterable[str], now_ns: int) -> FeedEntry:
    """The entry of an alert that has changed; who decided is not among its fields."""
    data: dict[str, Any] = {
        "alert": alert.id, "kind": alert.kind, "actions": sorted(set(actions)), "severity": alert.severity,
        "status": alert.status, "condition": alert.condition, "acknowledgement": alert.acknowledgement,
        "outcome": alert.outcome, "suppression": alert.suppression, "count": alert.count, "subject": alert.subject,
        "object": alert.object, "first": to_rfc3339(alert.first_ns), "last": to_rfc3339(alert.last_ns),
        "opened": to_rfc3339(alert.opened_ns), "merged_into": alert.merged_into, "version": alert.version,
    }  # fmt: skip
    body: dict[str, Any] = {
        "specversion": "1.0", "id": f"{alert.id}.{alert.version}", "type": ALERT_TYPE, "time": to_rfc3339(now_ns),
        "source": f"/{alert.site}/{alert.box}/{alert.place}", "subject": alert.id,
        "datacontenttype": "application/json", "data": data,
    }  # fmt: skip
    return FeedEntry(
        time_ns=now_ns, content="alerts", ref=alert.id, site=alert.site, place=alert.place, kind=alert.kind,
        severity=alert.severity, picture=False, body=_encode(body).decode(),
    )  # fmt: skip


def shown_to(consumer: Consumer, within: Scope, entry: FeedEntry) -> bool:
    """Whether a consumer gets an entry: it lies within what was approved, and was committed after the approval."""
    chosen = consumer.selection
    return (
        within.holds(entry.site, entry.place)
        and entry.content in chosen.contents
        and (not chosen.kinds or entry.kind in chosen.kinds)
        and (not chosen.severities or entry.severity in chosen.severities)
        and entry.time_ns >= consumer.decided_ns
    )


def cloud_event(consumer: Consumer, entry: FeedEntry) -> dict[str, Any]:
    """The CloudEvents object of an entry for a consumer.

    The extension attribute `sequence` is its place in the feed (CloudEvents' Sequence extension), `picture` the address
    of its redacted picture, and `clip` that of the alert's redacted clip, where the consumer may get them.
    """
    body: dict[str, Any] = msgspec.json.decode(entry.body)
    body["sequence"] = str(entry.position)
    if entry.picture and "pictures" in consumer.selection.media:
        body["picture"] = f"/api/feed/pictures/{entry.ref}"
    if entry.content == "alerts" and entry.kind in CLIP_KINDS and "clips" in consumer.selection.media:
        body["clip"] = f"/api/feed/clips/{entry.ref}"
    return body
