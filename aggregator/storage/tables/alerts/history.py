"""What happened to alerts: their events, and what people and the aggregator did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import Connection, Select, insert, select, update

from aggregator.domain.alerts.history import AlertEvent, HistoryEntry
from aggregator.domain.alerts.types import Alert
from aggregator.domain.quality.aggregates import Source
from aggregator.storage.engines.database import one_of
from aggregator.storage.schema.alerts import ALERT_MERGED, alert_history, alerts
from aggregator.storage.schema.core import cells, events, pictures
from aggregator.storage.tables.alerts.rows import ALL, read

_EVENT = (
    events.c.id, events.c.kind, events.c.time_ns,
    select(pictures.c.event_id).where(pictures.c.event_id == events.c.id).exists(),
)  # fmt: skip
MOST_MERGED = 50
"""Alerts merged into one whose events are shown with it."""


def append(db: Connection, entries: Iterable[HistoryEntry]) -> None:
    """Add entries; within a transaction."""
    rows = [msgspec.structs.asdict(entry) for entry in entries]
    if rows:
        db.execute(insert(alert_history), rows)


def of_alert(db: Connection, alert_id: str, limit: int, before: str | None = None) -> list[HistoryEntry]:
    """Entries of an alert, newest first; `before` is the id of the last one of the page before."""
    found = select(alert_history).where(alert_history.c.alert == alert_id)
    if before is not None:
        found = found.where(alert_history.c.id < before)
    newest = found.order_by(alert_history.c.alert.desc(), alert_history.c.id.desc()).limit(limit)
    return [HistoryEntry(**row._mapping) for row in db.execute(newest)]


def events_of(db: Connection, alert: Alert, limit: int) -> list[AlertEvent]:
    """The newest events of an alert, by the index of cells: an index by alert would slow every event down."""
    return _events(db, [alert], (alert.first_ns, alert.last_ns), limit)


def events_with_merged(db: Connection, alert: Alert, limit: int) -> list[AlertEvent]:
    """As `events_of`, with those of the alerts that were merged into it."""
    merged = ALL.where(alerts.c.merged_into == alert.id, ALERT_MERGED).order_by(alerts.c.id).limit(MOST_MERGED)
    return _events(db, [alert, *read(db, merged)], (alert.first_ns, alert.last_ns), limit)


def events_by_id(db: Connection, alert_id: str, ids: Iterable[str]) -> list[AlertEvent]:
    """Those of these events that belong to the alert, newest first."""
    found = select(*_EVENT).where(one_of(events.c.id, ids), events.c.alert == alert_id)
    return [AlertEvent(*row) for row in db.execute(found.order_by(events.c.time_ns.desc(), events.c.id.desc()))]


def move_events(db: Connection, moved: Mapping[str, str]) -> None:
    """Let events belong to other alerts; within a transaction."""
    for event_id, alert_id in moved.items():
        db.execute(update(events).where(events.c.id == event_id).values(alert=alert_id))


def cells_of(it: Alert | Source) -> Select[tuple[int]]:
    """The numbers of the cells that the events of an alert, or of a rule, lie in."""
    found = select(cells.c.id).where(
        cells.c.site == it.site, cells.c.place == it.place, cells.c.box == it.box, cells.c.kind == it.kind
    )
    return found.where(cells.c.zone == it.subject) if it.kind.startswith(("zone.", "line.")) else found


def _events(db: Connection, them: list[Alert], span: tuple[int, int], limit: int) -> list[AlertEvent]:
    """The newest events of alerts; those that came after a merge belong to another one than their place gives."""
    places: dict[int, None] = {}
    for alert in them:
        places |= dict.fromkeys(db.execute(cells_of(alert)).scalars())
    ids = [it.id for it in them]
    found = [event for cell in places for event in _events_in(db, cell, ids, span, limit)]
    return sorted(found, key=lambda it: (it.time_ns, it.id), reverse=True)[:limit]


def _events_in(db: Connection, cell: int, ids: list[str], span: tuple[int, int], limit: int) -> list[AlertEvent]:
    time_ns = events.c.time_ns
    found = (
        select(*_EVENT)
        .where(events.c.cell == cell, time_ns.between(*span), events.c.alert.in_(ids))
        .order_by(events.c.cell.desc(), time_ns.desc(), events.c.id.desc())
        .limit(limit)
    )
    return [AlertEvent(*row) for row in db.execute(found)]
