"""Erases what is past its maximum retention, a bounded number of rows in a transaction.

Age counts from when the aggregator received something: a box whose clock is off can neither have its events erased
early nor keep them for ever. Event ids begin with the box's time, so the oldest are found by id; those of a box whose
clock is ahead are found by a slow scan of all of them (`purge_scan`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, delete, select, update

from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.events import Purgeable
from aggregator.storage.engines.database import one_of
from aggregator.storage.schema.alerts import alert_history, alerts
from aggregator.storage.schema.core import events, pictures, record
from aggregator.storage.schema.shift import handovers, procedure_ticks, shift_notes
from aggregator.storage.tables.audit import entries as audit
from aggregator.storage.tables.audit.entries import entries_after
from aggregator.storage.tables.events import counter, set_counter
from aggregator.storage.tables.feeds import feed
from aggregator.storage.tables.monitoring import quiet
from common.clock import SECOND_NS
from protocol.identifiers import uuid7

_LEAST = b"\0" * 10
ERASED = "record_erased"


def purge(db: Connection, what: Purgeable, before_ns: int, limit: int, entry: AuditEntry) -> int:
    """Erase what was received before a time, at most so many rows, and record it; how many. Within a transaction."""
    count = _ERASE[what](db, before_ns, limit)
    up_to = {"up_to": str(record_erased(db))} if what == "record" else {}
    _record_count(db, msgspec.structs.replace(entry, detail=entry.detail | up_to), count)
    return count


def purge_scan(db: Connection, after: str, before_ns: int, limit: int, entry: AuditEntry) -> tuple[str, int]:
    """Check the next `limit` events after an id, whatever time their box believed in; erase the old ones, record it.

    Returns:
        The id to go on after, empty at the end; and how many were erased.
    """
    batch = select(events.c.id, events.c.received_ns).where(events.c.id > after).order_by(events.c.id).limit(limit)
    rows = db.execute(batch).all()
    old = [row.id for row in rows if row.received_ns < before_ns]
    _drop_events(db, old)
    _record_count(db, entry, len(old))
    return (rows[-1].id if len(rows) == limit else ""), len(old)


def record_erased(db: Connection) -> int:
    """Up to which number the audit log's entries were erased; their hashes stay."""
    return counter(db, ERASED)


def _record_count(db: Connection, entry: AuditEntry, count: int) -> None:
    if count:
        audit.append(db, [msgspec.structs.replace(entry, detail=entry.detail | {"count": str(count)})])


def _bound(before_ns: int) -> str:
    return uuid7(before_ns - before_ns % SECOND_NS, _LEAST)


def _pictures(db: Connection, before_ns: int, limit: int) -> int:
    key = pictures.c.event_id
    old = select(key).join(events, events.c.id == key).where(key < _bound(before_ns), events.c.received_ns < before_ns)
    ids = db.execute(old.order_by(key).limit(limit)).scalars().all()
    _drop_pictures(db, ids)
    return len(ids)


def _events(db: Connection, before_ns: int, limit: int) -> int:
    old = select(events.c.id).where(events.c.id < _bound(before_ns), events.c.received_ns < before_ns)
    ids = db.execute(old.order_by(events.c.id).limit(limit)).scalars().all()
    _drop_events(db, ids)
    return len(ids)


def _drop_events(db: Connection, ids: Sequence[str]) -> None:
    if ids:
        _drop_pictures(db, ids)
        db.execute(delete(events).where(one_of(events.c.id, ids)))


def _drop_pictures(db: Connection, ids: Sequence[str]) -> None:
    if ids:
        db.execute(update(alerts).where(one_of(alerts.c.picture_event, ids)).values(picture_event=None))
        db.execute(delete(pictures).where(one_of(pictures.c.event_id, ids)))


def _alerts(db: Connection, before_ns: int, limit: int) -> int:
    old = select(alerts.c.id).where(alerts.c.last_ns < before_ns).order_by(alerts.c.last_ns).limit(limit)
    ids = db.execute(old).scalars().all()
    if ids:
        db.execute(delete(alert_history).where(one_of(alert_history.c.alert, ids)))
        db.execute(delete(procedure_ticks).where(one_of(procedure_ticks.c.alert, ids)))
        db.execute(delete(alerts).where(one_of(alerts.c.id, ids)))
    quiet.drop_ended(db, before_ns)
    return len(ids) + _shifts(db, before_ns, limit)


def _shifts(db: Connection, before_ns: int, limit: int) -> int:
    """Hand-overs repeat fields of alerts, so that they are kept no longer; notes likewise."""
    erased = 0
    for old, time_ns in ((handovers, handovers.c.left_ns), (shift_notes, shift_notes.c.time_ns)):
        ids = db.execute(select(old.c.id).where(time_ns < before_ns).order_by(time_ns).limit(limit)).scalars().all()
        if ids:
            db.execute(delete(old).where(one_of(old.c.id, ids)))
        erased += len(ids)
    return erased


def _record(db: Connection, before_ns: int, limit: int) -> int:
    begin = end = record_erased(db)
    for number, entry in entries_after(db, begin, limit):
        if audit_entry.decode(entry).time_ns >= before_ns:
            break
        end = number
    if end > begin:
        db.execute(update(record).where(record.c.number > begin, record.c.number <= end).values(entry=b""))
        set_counter(db, ERASED, end)
    return end - begin


_ERASE: dict[Purgeable, Callable[[Connection, int, int], int]] = {
    "pictures": _pictures,
    "events": _events,
    "alerts": _alerts,
    "record": _record,
    "feed": feed.purge,
}
