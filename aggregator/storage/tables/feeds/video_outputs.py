"""Receivers of live video."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, select, update

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.video_output import LiveOutput
from aggregator.storage.schema.feeds import consumers, video_outputs
from aggregator.storage.tables.audit import entries as audit

_table = video_outputs


def of_consumer(db: Connection, consumer_id: str) -> list[LiveOutput]:
    """A consumer's outputs, oldest first."""
    return _read(db, select(_table).where(_table.c.consumer == consumer_id).order_by(_table.c.id))


def one(db: Connection, output_id: str) -> LiveOutput | None:
    """One output."""
    return next(iter(_read(db, select(_table).where(_table.c.id == output_id))), None)


def wanted(db: Connection, now_ns: int, limit: int) -> list[LiveOutput]:
    """Active outputs of active consumers, oldest first."""
    found = (
        select(_table)
        .join(consumers, consumers.c.id == _table.c.consumer)
        .where(consumers.c.state == "active", consumers.c.ends_ns > now_ns, _table.c.state == "active")
    )
    return _read(db, found.order_by(_table.c.id).limit(limit))


def add(db: Connection, output: LiveOutput, most: int, entry: AuditEntry) -> bool:
    """Add an output; False where its consumer has as many as there may be."""
    count = select(func.count()).select_from(_table).where(_table.c.consumer == output.consumer)
    if db.execute(count).scalar_one() >= most:
        return False
    db.execute(insert(_table), msgspec.structs.asdict(output))
    audit.append(db, [entry])
    return True


def change(db: Connection, before: LiveOutput, after: LiveOutput, entry: AuditEntry | None = None) -> bool:
    """Replace an output; False where it has changed meanwhile."""
    same = (_table.c.id == before.id, _table.c.version == before.version)
    if db.execute(update(_table).where(*same).values(msgspec.structs.asdict(after))).rowcount == 0:
        return False
    if entry is not None:
        audit.append(db, [entry])
    return True


def drop(db: Connection, output_id: str, entry: AuditEntry) -> bool:
    """Remove an output; False: there is none."""
    if db.execute(delete(_table).where(_table.c.id == output_id)).rowcount == 0:
        return False
    audit.append(db, [entry])
    return True


def _read(db: Connection, found: Select[Any]) -> list[LiveOutput]:
    return [LiveOutput(**row._mapping) for row in db.execute(found)]
