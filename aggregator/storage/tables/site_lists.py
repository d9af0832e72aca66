"""The lists: encrypted texts, one version a site, and the audit entry in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import ListChange, ListRow
from aggregator.storage.engines.database import one_of, upsert
from aggregator.storage.schema.core import list_entries, list_versions
from aggregator.storage.tables.audit import entries as audit
from common.clock import SECOND_NS

_KEY = ("site", "kind", "digest")
_SAME = and_(*(list_entries.c[it] == bindparam(f"same_{it}") for it in _KEY))


def change(db: Connection, change: ListChange, entry: AuditEntry) -> int:
    """Replace, add and remove entries; within a transaction.

    The version is at least the time in seconds, so that a list that was started anew is still newer than the old one.

    Returns:
        The site's new version; 0 when there was nothing to do.
    """
    of_site = delete(list_entries).where(list_entries.c.site == change.site)
    removed = sum(db.execute(of_site.where(list_entries.c.id == it)).rowcount for it in change.removed)
    if not removed and not change.added:
        return 0
    if change.added:
        keys = [{f"same_{it}": getattr(row, it) for it in _KEY} for row in change.added]
        db.execute(delete(list_entries).where(_SAME), keys)
        db.execute(insert(list_entries), [msgspec.structs.asdict(row) for row in change.added])
    known = db.execute(select(list_versions.c.version).where(list_versions.c.site == change.site)).scalar() or 0
    version: int = max(known + 1, entry.time_ns // SECOND_NS)
    upsert(db, list_versions, {"site": change.site, "version": version})
    audit.append(db, [entry])
    return version


def rows(db: Connection, site: str) -> list[ListRow]:
    """A site's list, newest first."""
    found = select(list_entries).where(list_entries.c.site == site)
    ordered = found.order_by(list_entries.c.made_ns.desc(), list_entries.c.id.desc())
    return [ListRow(**row._mapping) for row in db.execute(ordered)]


def rows_of(db: Connection, site: str, ids: Sequence[str]) -> list[ListRow]:
    """Entries of a site's list by id, of those that are there."""
    found = select(list_entries).where(list_entries.c.site == site, one_of(list_entries.c.id, ids))
    return [ListRow(**row._mapping) for row in db.execute(found)]


def versions(db: Connection) -> dict[str, int]:
    """Site → version of its list, of all sites that have one."""
    return {row.site: row.version for row in db.execute(select(list_versions))}
