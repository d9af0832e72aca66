"""Cases, each change with its audit entry in the same transaction."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, literal, select, tuple_, update

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation.case import Case
from aggregator.storage.engines.database import insert_new
from aggregator.storage.schema.core import INTEGER, cases
from aggregator.storage.tables.audit import entries as audit
from common.errors import CaseError


def put(db: Connection, case: Case, entry: AuditEntry) -> None:
    """Open a case; within a transaction.

    Raises:
        CaseError: There is one of that reference.
    """
    if not insert_new(db, cases, msgspec.structs.asdict(case) | {"places": json.dumps(case.places)}):
        raise CaseError(f"case {case.id} is there already; choose another reference")
    audit.append(db, [entry])


def close(db: Connection, entry: AuditEntry) -> bool:
    """Close the entry's case; False where it is not open. Within a transaction."""
    still_open = update(cases).where(cases.c.id == entry.case, cases.c.closed_ns.is_(None))
    return audit.change_one(db, still_open.values(closed_by=entry.who, closed_ns=entry.time_ns), entry)


def one(db: Connection, case_id: str) -> Case | None:
    """A case."""
    row = db.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
    return None if row is None else _case(row)


def page(
    db: Connection, within: Scope, limit: int, before: tuple[int, str] | None = None, *, open_at_ns: int | None = None
) -> list[Case]:
    """Cases of whole sites, newest first; see `CaseReader.cases`."""
    found = select(cases).order_by(cases.c.opened_ns.desc(), cases.c.id.desc()).limit(limit)
    if not within.everywhere:
        found = found.where(cases.c.site.in_(sorted(within.sites)))
    if open_at_ns is not None:
        found = found.where(cases.c.closed_ns.is_(None), cases.c.expires_ns > open_at_ns)
    if before is not None:
        at = tuple_(literal(before[0], INTEGER), literal(before[1]))
        found = found.where(tuple_(cases.c.opened_ns, cases.c.id) < at)
    return [_case(row) for row in db.execute(found)]


def _case(row: Row[Any]) -> Case:
    return Case(**row._asdict() | {"places": tuple(json.loads(row.places))})
