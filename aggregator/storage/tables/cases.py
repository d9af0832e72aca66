"""Cases in SQL, each change with its act in the same transaction."""

from __future__ import annotations

import json

import msgspec

from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.case import Case
from aggregator.storage.database import Database, Row, insert
from aggregator.storage.tables import audit
from common.errors import CaseError

COLUMNS = Case.__struct_fields__
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM cases"  # noqa: S608 — constants only
_INSERT = f"{insert('cases', COLUMNS)} ON CONFLICT (id) DO NOTHING"
_CLOSE = "UPDATE cases SET closed_by = ?, closed_ns = ? WHERE id = ? AND closed_ns IS NULL"


def put(db: Database, case: Case, act: AuditEntry) -> None:
    """Open a case; within a transaction.

    Raises:
        CaseError: There is one of that reference.
    """
    told = msgspec.structs.asdict(case) | {"places": json.dumps(case.places)}
    if db.execute(_INSERT, [told[name] for name in COLUMNS]).rowcount != 1:
        raise CaseError(f"case {case.id} is there already; choose another reference")
    audit.put(db, [act])


def close(db: Database, act: AuditEntry) -> bool:
    """Close the case of the act; False where it is not open. Within a transaction."""
    if db.execute(_CLOSE, (act.who, act.time_ns, act.case)).rowcount != 1:
        return False
    audit.put(db, [act])
    return True


def one(db: Database, case_id: str) -> Case | None:
    """A case."""
    row = db.execute(f"{_SELECT} WHERE id = ?", (case_id,)).fetchone()
    return None if row is None else _case(row)


def some(db: Database, site: str | None, limit: int) -> list[Case]:
    """The newest cases, of a site or of all."""
    where, values = (" WHERE site = ?", [site]) if site is not None else ("", [])
    rows = db.execute(f"{_SELECT}{where} ORDER BY opened_ns DESC, id DESC LIMIT ?", [*values, limit]).fetchall()
    return [_case(row) for row in rows]


def _case(row: Row) -> Case:
    told = dict(zip(COLUMNS, row, strict=True))
    return Case(**told | {"places": tuple(json.loads(told["places"]))})
