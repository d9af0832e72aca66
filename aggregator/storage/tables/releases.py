"""Releases in SQL, each change with its act in the same transaction. Four eyes are a constraint of the table."""

from __future__ import annotations

import msgspec

from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.authorization import Scope
from aggregator.domain.release import Change, Release
from aggregator.storage.database import Database, Row, Value, insert
from aggregator.storage.tables import audit

COLUMNS = Release.__struct_fields__
CHANGING = (
    "state", "decided_by", "decided_ns", "decision", "sealed", "object", "size", "digest", "expires_ns", "fetches",
    "problem", "step",
)  # fmt: skip
"""What was asked for never changes."""
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM releases"  # noqa: S608 — constants only
_INSERT = insert("releases", COLUMNS)
_UPDATE = f"UPDATE releases SET {', '.join(f'{it} = ?' for it in CHANGING)} WHERE id = ? AND state = ? AND step = ?"  # noqa: S608
_OPEN = "state IN ('requested', 'approved', 'ready') OR object <> ''"


def put(db: Database, release: Release, act: AuditEntry) -> None:
    """Add a request; within a transaction."""
    db.execute(_INSERT, msgspec.structs.astuple(release))
    audit.put(db, [act])


def change(db: Database, wanted: Change) -> bool:
    """Change a release that is still what it was; False where it is not. Within a transaction."""
    after: list[Value] = [getattr(wanted.after, name) for name in CHANGING]
    before = wanted.before
    if db.execute(_UPDATE, [*after, before.id, before.state, before.step]).rowcount != 1:
        return False
    if wanted.act is not None:
        audit.put(db, [wanted.act])
    return True


def one(db: Database, release_id: str) -> Release | None:
    """A release."""
    row = db.execute(f"{_SELECT} WHERE id = ?", (release_id,)).fetchone()
    return None if row is None else _release(row)


def still_open(db: Database) -> list[Release]:
    """Those that something may have to be done about, oldest first."""
    return [_release(row) for row in db.execute(f"{_SELECT} WHERE {_OPEN} ORDER BY id").fetchall()]


def some(db: Database, who: str, within: Scope, limit: int) -> list[Release]:
    """The newest that somebody asked for, or that lie within."""
    where, values = "asked_by = ?", [who]
    if within.everywhere:
        where, values = "1 = 1", []
    elif within.sites:
        where, more = f"{where} OR site IN ({', '.join('?' * len(within.sites))})", sorted(within.sites)
        values = [*values, *more]
    sql = f"{_SELECT} WHERE {where} ORDER BY id DESC LIMIT ?"
    return [_release(row) for row in db.execute(sql, [*values, limit]).fetchall()]


def _release(row: Row) -> Release:
    told = dict(zip(COLUMNS, row, strict=True))
    return Release(**told | {"sealed": bytes(told["sealed"])})
