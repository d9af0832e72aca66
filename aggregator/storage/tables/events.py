"""Events, and everything else that ingest writes in one commit: pictures, outbox positions, statuses, dead letters.

Events come by the thousand, so that their INSERT goes past SQLAlchemy: COPY in PostgreSQL, the driver's `executemany`
in SQLite. `benchmarks ingest` measures it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg
from sqlalchemy import Connection, Table, delete, func, select, update

from aggregator.domain.read_models import Batch, Origin, Position, Quarantined, ReceivedEvent
from aggregator.storage.engines.database import insert_for, one_of, upsert
from aggregator.storage.schema.core import cells, counters, events, pictures, positions, quarantine, statuses
from aggregator.storage.tables import clips
from aggregator.storage.tables.alerts import history, rows
from aggregator.storage.tables.audit import entries as audit
from aggregator.storage.tables.event_series import EventSeries
from aggregator.storage.tables.feeds import feed
from aggregator.storage.tables.monitoring import escalation, quiet
from protocol import receipts
from protocol.ranges import Ranges

QUARANTINE_ROWS = 10_000
"""More different messages than this are counted, but their oldest bytes are dropped."""
HEARTBEAT, QUARANTINED = "beat_ns", "quarantined"
"""Names of counters."""
_encode = msgspec.json.Encoder().encode


def put(db: Connection, batch: Batch, cell_series: EventSeries, genus_series: EventSeries) -> None:
    """Write all of a batch; within a transaction."""
    if batch.events:
        seen = [it.event for it in batch.events]
        groups = cell_series.numbers(db, seen), genus_series.numbers(db, seen)
        _load(db, events, map(_event_row, batch.events, *groups))
        _load(db, pictures, [(it.id, it.picture) for it in seen if it.picture])
    if batch.moved:
        history.move_events(db, batch.moved)
    rows.put(db, list(batch.alerts.values()))
    quiet.put(db, batch.quiet)
    history.append(db, batch.history)
    feed.append(db, batch)
    if batch.alerts:
        escalation.follow(db, [it.id for it in batch.alerts.values()], batch.history)
    upsert(db, positions, *map(_position_row, batch.positions))
    for status in batch.statuses:  # one by one: the last one of a box counts
        text = receipts.encode(status.status).decode()
        row = {"site": status.site, "box": status.box, "status": text, "seen_ns": status.seen_ns}
        upsert(db, statuses, row)
    if batch.quarantine:
        _quarantine(db, batch.quarantine)
    audit.append(db, batch.audit_entries)
    if batch.clips:
        clips.put(db, batch.clips)


def _load(db: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert new rows with values for all columns, in their order."""
    driver: Any = db.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        places = ", ".join("?" * len(table.columns))
        driver.executemany(f"INSERT INTO {table.name} VALUES ({places})", rows)  # noqa: S608 — our own names
        return
    statement = f"COPY {table.name} ({', '.join(table.columns.keys())}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _quarantine(db: Connection, entries: list[Quarantined]) -> None:
    statement = insert_for(db, quarantine)
    new = statement.excluded
    known = {"count": quarantine.c.count + new.count, "last_ns": new.last_ns}
    counted = statement.on_conflict_do_update(index_elements=[quarantine.c.digest], set_=known)
    db.execute(counted, [msgspec.structs.asdict(it) for it in entries])
    oldest = select(quarantine.c.digest).order_by(quarantine.c.last_ns.desc()).offset(QUARANTINE_ROWS)
    db.execute(delete(quarantine).where(quarantine.c.digest.in_(oldest)))
    total = sum(entry.count for entry in entries)
    added = update(counters).where(counters.c.name == QUARANTINED)
    db.execute(added.values(value=counters.c.value + total))


def quarantined(db: Connection, limit: int) -> list[Quarantined]:
    """The newest quarantined messages."""
    found = select(quarantine).order_by(quarantine.c.last_ns.desc()).limit(limit)
    return [Quarantined(**row._mapping) for row in db.execute(found)]


def stored_ids(db: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these event ids are stored already."""
    return set(db.execute(select(events.c.id).where(one_of(events.c.id, ids))).scalars())


def newest_time(db: Connection, site: str, box: str, place: str, kind: str) -> int | None:
    """When an event of this kind was last seen at this place."""
    newest = select(func.max(events.c.time_ns)).where(events.c.cell == cells.c.id).scalar_subquery()
    there = (cells.c.site == site, cells.c.place == place, cells.c.kind == kind, cells.c.box == box)
    found: int | None = db.execute(select(func.max(newest)).where(*there)).scalar()
    return found


def origin(db: Connection, event_id: str) -> Origin | None:
    """Where and when an event was seen."""
    columns = (events.c.site, events.c.box, events.c.place, events.c.time_ns)
    row = db.execute(select(*columns).where(events.c.id == event_id)).one_or_none()
    return None if row is None else Origin(*row)


def picture(db: Connection, event_id: str) -> bytes | None:
    """The redacted JPEG of an event."""
    found: bytes | None = db.execute(select(pictures.c.jpeg).where(pictures.c.event_id == event_id)).scalar()
    return found


def count(db: Connection) -> int:
    """How many events are stored."""
    return db.execute(select(func.count()).select_from(events)).scalar_one()


def outbox_positions(db: Connection) -> list[Position]:
    """All outboxes that ever sent an event."""
    rows = db.execute(select(positions))
    return [Position(**row._asdict() | {"ranges": Ranges(json.loads(row.ranges))}) for row in rows]


def status_epochs(db: Connection) -> dict[tuple[str, str], str]:
    """(site, box) → the epoch in the box's status."""
    rows = db.execute(select(statuses.c.site, statuses.c.box, statuses.c.status))
    return {(site, box): receipts.stored_status(text).epoch for site, box, text in rows}


def write_heartbeat(db: Connection, now_ns: int) -> None:
    """Write something small, to know that writing works."""
    set_counter(db, HEARTBEAT, now_ns)


def last_heartbeat_ns(db: Connection) -> int:
    """When the aggregator last wrote something; 0: never."""
    return counter(db, HEARTBEAT)


def quarantine_count(db: Connection) -> int:
    """How many messages were quarantined, repetitions included."""
    return counter(db, QUARANTINED)


def counter(db: Connection, name: str) -> int:
    """A counter; 0 where there is none."""
    found: int | None = db.execute(select(counters.c.value).where(counters.c.name == name)).scalar()
    return found or 0


def set_counter(db: Connection, name: str, value: int) -> None:
    """Set a counter."""
    upsert(db, counters, {"name": name, "value": value})


def _event_row(received: ReceivedEvent, cell: int, genus: int) -> tuple[str | int | None, ...]:
    event = received.event
    return (
        event.id, event.site, event.box, event.place, event.kind, event.time_ns, received.received_ns,
        event.epoch, event.sequence, received.alert, _encode(event.data).decode(), cell, genus,
    )  # fmt: skip


def _position_row(it: Position) -> dict[str, str | int]:
    return {
        "site": it.site, "box": it.box, "epoch": it.epoch, "ranges": json.dumps(list(it.ranges)), "lost": it.lost,
        "quarantined": it.quarantined, "first_seen_ns": it.first_seen_ns,
    }  # fmt: skip
