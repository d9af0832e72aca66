"""The feed: events and changes of alerts, numbered in the order of their commits.

Numbers are given within the transaction that writes the entries. Such transactions exclude each other in both engines
(`BEGIN IMMEDIATE`, an advisory lock), so that a reader that sees a number has seen all smaller ones: no gap fills up
later, and nothing that was read is renumbered.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select

from aggregator.domain.feeds import feed_entry
from aggregator.domain.feeds.feed_entry import FeedEntry, FeedSpan
from aggregator.domain.read_models import Batch
from aggregator.storage.engines.database import upsert
from aggregator.storage.schema.core import counters
from aggregator.storage.schema.feeds import feed, webhook_dead_letters
from aggregator.storage.tables.feeds import consumers

NEWEST, PURGED = "feed_newest", "feed_purged"
"""Names of counters: the newest position, and up to which one entries were erased."""


def append(db: Connection, batch: Batch) -> None:
    """Add what a batch has changed; within its transaction. Nothing is kept where there is no consumer."""
    times_ns = [it.received_ns for it in batch.events] + [it.time_ns for it in batch.history]
    if not times_ns or not consumers.any_active(db, max(times_ns)):
        return
    entries = _entries(batch)
    if not entries:
        return
    newest = _counter(db, NEWEST)
    rows = [msgspec.structs.asdict(it) | {"position": newest + at} for at, it in enumerate(entries, 1)]
    db.execute(insert(feed), [row | {"picture": int(row["picture"])} for row in rows])
    upsert(db, counters, {"name": NEWEST, "value": newest + len(entries)})


def span(db: Connection) -> FeedSpan:
    """From where to where the feed is kept; in one statement, so that both belong together."""
    found = select(counters.c.name, counters.c.value).where(counters.c.name.in_((NEWEST, PURGED)))
    values = {row.name: int(row.value) for row in db.execute(found)}
    return FeedSpan(values.get(PURGED, 0), values.get(NEWEST, 0))


def after(db: Connection, position: int, limit: int) -> list[FeedEntry]:
    """Entries after a position, in order."""
    found = select(feed).where(feed.c.position > position).order_by(feed.c.position).limit(limit)
    return [_entry(row) for row in db.execute(found)]


def of_event(db: Connection, event_id: str) -> FeedEntry | None:
    """The entry of an event."""
    row = db.execute(select(feed).where(feed.c.ref == event_id, feed.c.content == "events").limit(1)).one_or_none()
    return None if row is None else _entry(row)


def purge(db: Connection, before_ns: int, limit: int) -> int:
    """Erase the oldest entries that were committed before a time; how many. Within a transaction."""
    first = _counter(db, PURGED)
    oldest = select(feed.c.position, feed.c.time_ns).where(feed.c.position > first).order_by(feed.c.position)
    last, count = first, 0
    for row in db.execute(oldest.limit(limit)):
        if row.time_ns >= before_ns:
            break
        last, count = row.position, count + 1
    if count:
        db.execute(delete(feed).where(feed.c.position <= last))
        db.execute(delete(webhook_dead_letters).where(webhook_dead_letters.c.last <= last))
        upsert(db, counters, {"name": PURGED, "value": last})
    return count


def _entries(batch: Batch) -> list[FeedEntry]:
    severities = {key: alert.severity for key, alert in batch.alerts.items()}
    found = [feed_entry.of_event(it.event, severities.get(it.alert or "", ""), it.received_ns) for it in batch.events]
    actions: dict[str, list[str]] = defaultdict(list)
    for entry in batch.history:
        actions[entry.alert].append(entry.action)
    times = {entry.alert: entry.time_ns for entry in batch.history}
    return found + [
        feed_entry.of_alert(batch.alerts[key], done, times[key]) for key, done in actions.items() if key in batch.alerts
    ]


def _entry(row: Row[Any]) -> FeedEntry:
    return FeedEntry(**dict(row._mapping) | {"picture": bool(row.picture)})


def _counter(db: Connection, name: str) -> int:
    found: int | None = db.execute(select(counters.c.value).where(counters.c.name == name)).scalar()
    return found or 0
