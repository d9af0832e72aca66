"""Releases, each change with its audit entry in one transaction. The table refuses what one person decides alone."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Select, insert, or_, select, update

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation.release import Change, Release, State
from aggregator.storage.schema.core import RELEASE_OPEN, releases
from aggregator.storage.tables.audit import entries as audit

CHANGING = (
    "state", "decided_by", "decided_ns", "decision", "sealed", "object", "size", "digest", "expires_ns", "fetches",
    "problem", "problem_code", "step",
)  # fmt: skip
"""What was asked for never changes."""


def put(db: Connection, release: Release, entry: AuditEntry) -> None:
    """Add a request; within a transaction."""
    db.execute(insert(releases), msgspec.structs.asdict(release))
    audit.append(db, [entry])


def change(db: Connection, change: Change) -> bool:
    """Change a release that is still what it was; False where it is not. Within a transaction."""
    before, after = change.before, {name: getattr(change.after, name) for name in CHANGING}
    same = (releases.c.id == before.id, releases.c.state == before.state, releases.c.step == before.step)
    return audit.change_one(db, update(releases).where(*same).values(after), change.act)


def one(db: Connection, release_id: str) -> Release | None:
    """A release."""
    return next(iter(_releases(db, select(releases).where(releases.c.id == release_id))), None)


def unfinished(db: Connection) -> list[Release]:
    """Those that something may have to be done about, oldest first."""
    return _releases(db, select(releases).where(RELEASE_OPEN).order_by(releases.c.id))


def page(
    db: Connection, who: str, within: Scope, limit: int, before: str | None = None, *, state: State | None = None
) -> list[Release]:
    """Releases of a requester, or within a scope, newest first; see `ReleaseReader.releases`."""
    found = select(releases).order_by(releases.c.id.desc()).limit(limit)
    if not within.everywhere:
        found = found.where(or_(releases.c.asked_by == who, releases.c.site.in_(sorted(within.sites))))
    if state is not None:
        found = found.where(releases.c.state == state)
    if before is not None:
        found = found.where(releases.c.id < before)
    return _releases(db, found)


def _releases(db: Connection, found: Select[tuple[object, ...]]) -> list[Release]:
    return [Release(**row._mapping) for row in db.execute(found)]
