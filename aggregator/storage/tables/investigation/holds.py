"""Legal holds, each change with its audit entry in one transaction."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, insert, select, update

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation.hold import Change, Hold
from aggregator.storage.schema.core import holds
from aggregator.storage.tables.audit import entries as audit

CHANGING = ("state", "problem", "problem_code", "ended_by", "ended_ns", "end_reason")
"""What was held, why and for how long never changes."""


def put(db: Connection, hold: Hold, entry: AuditEntry) -> None:
    """Add a hold; within a transaction."""
    db.execute(insert(holds), msgspec.structs.asdict(hold))
    audit.append(db, [entry])


def change(db: Connection, change: Change) -> bool:
    """Change a hold that is still what it was; False where it is not. Within a transaction."""
    before, after = change.before, {name: getattr(change.after, name) for name in CHANGING}
    same = (holds.c.id == before.id, holds.c.state == before.state, holds.c.ended_ns == before.ended_ns)
    return audit.change_one(db, update(holds).where(*same).values(after), change.entry)


def one(db: Connection, hold_id: str) -> Hold | None:
    """A hold."""
    row = db.execute(select(holds).where(holds.c.id == hold_id)).one_or_none()
    return None if row is None else Hold(**row._mapping)


def of_case(db: Connection, case_id: str, limit: int, before: str | None = None) -> list[Hold]:
    """The holds of a case, newest first; see `HoldReader.holds`."""
    found = select(holds).where(holds.c.case_id == case_id).order_by(holds.c.id.desc()).limit(limit)
    if before is not None:
        found = found.where(holds.c.id < before)
    return [Hold(**row._mapping) for row in db.execute(found)]
