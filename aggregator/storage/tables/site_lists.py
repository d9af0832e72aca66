"""The lists: sealed texts, one version a site, and the record's entry in the same transaction."""

from __future__ import annotations

from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.read_models import ListChange, ListRow
from aggregator.storage.database import Database, insert, upsert
from aggregator.storage.tables import audit

COLUMNS = ListRow.__struct_fields__
SELECT = f"SELECT {', '.join(COLUMNS)} FROM list_entries"  # noqa: S608 — constants only
_INSERT = insert("list_entries", COLUMNS)
_VERSION = upsert("list_versions", ("site", "version"), "site")


def change(db: Database, wanted: ListChange, act: AuditEntry) -> int:
    """Replace, add and remove entries; within a transaction.

    The version is at least the time in seconds, so that a list that was started anew is still newer than the old one.

    Returns:
        The site's new version; 0 when there was nothing to do.
    """
    removed = 0
    for entry in wanted.removed:
        removed += db.execute("DELETE FROM list_entries WHERE site = ? AND id = ?", (wanted.site, entry)).rowcount
    if not removed and not wanted.added:
        return 0
    keys = [(row.site, row.kind, row.digest) for row in wanted.added]
    db.executemany("DELETE FROM list_entries WHERE site = ? AND kind = ? AND digest = ?", keys)
    db.executemany(_INSERT, [tuple(getattr(row, name) for name in COLUMNS) for row in wanted.added])
    known = db.execute("SELECT version FROM list_versions WHERE site = ?", (wanted.site,)).fetchone()
    version = max((known[0] if known else 0) + 1, act.time_ns // 1_000_000_000)
    db.execute(_VERSION, (wanted.site, version))
    audit.put(db, [act])
    return version
