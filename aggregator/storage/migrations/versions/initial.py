"""The first schema.

Revision 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    _ingest()
    _alerts()
    _accounts()
    _lists_and_audit_log()
    _cases()
    _releases_and_clips()


def _key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def _number(name: str) -> Column[int]:
    return Column(name, INTEGER, primary_key=True, autoincrement=False)


def _series() -> Column[int]:
    return Column("id", INTEGER, sa.Identity(always=True), primary_key=True)


def _text(*names: str, nullable: bool = False) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=nullable) for name in names]


def _integer(*names: str, nullable: bool = False) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=nullable) for name in names]


def _blob(*names: str) -> list[Column[bytes]]:
    return [Column(name, sa.LargeBinary(), nullable=False) for name in names]


def _table(name: str, *items: SchemaItem, rowid: bool = False) -> sa.Table:
    return op.create_table(name, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _ingest() -> None:
    _table(
        "events",
        _key("id"),
        *_text("site", "box", "place", "kind"),
        *_integer("time_ns", "received_ns"),
        *_text("epoch"),
        *_integer("sequence"),
        *_text("alert", nullable=True),
        *_text("data"),
        *_integer("cell", "genus"),
        Index("events_by_cell", "cell", "time_ns", "id"),
        Index("events_by_genus", "genus", "time_ns", "id", "cell"),
    )
    _table("pictures", _key("event_id"), *_blob("jpeg"), rowid=True)
    _table(
        "cells",
        _series(),
        *_text("site", "place", "box", "kind", "object", "zone"),
        *_integer("from_ns", "until_ns", "count"),
        UniqueConstraint("site", "place", "box", "kind", "object", "zone"),
        Index("cells_by_zone", "zone", "site"),
        rowid=True,
    )
    _table(
        "genera",
        _series(),
        *_text("kind", "object"),
        *_integer("from_ns", "until_ns", "count"),
        UniqueConstraint("kind", "object"),
        rowid=True,
    )


def _alerts() -> None:
    _table(
        "alerts",
        _key("id"),
        *_text("fingerprint", "site", "box", "place", "kind", "subject", "object", "severity", "state"),
        *_integer("count", "first_ns", "last_ns", "opened_ns"),
        *_text("picture_event", nullable=True),
        *_integer("picture_ns"),
        *_integer("acknowledged_ns", nullable=True),
        *_text("acknowledged_by", nullable=True),
        *_integer("resolved_ns", nullable=True),
        *_text("resolved_by", nullable=True),
        CheckConstraint("state IN ('open', 'acknowledged', 'resolved')"),
        Index("alerts_by_state", "state", "last_ns", "id"),
        Index("alerts_by_time", "last_ns", "id"),
        _partial("alerts_unresolved", "fingerprint", "last_ns", where="state <> 'resolved'"),
    )
    _table(
        "quarantine",
        _key("digest"),
        *_text("topic", "reason"),
        *_blob("payload"),
        *_integer("size", "first_ns", "last_ns", "count"),
        Index("quarantine_by_time", "last_ns"),
        rowid=True,
    )
    _table(
        "positions",
        *map(_key, ("site", "box", "epoch")),
        *_text("ranges"),
        *_integer("lost", "quarantined", "first_seen_ns"),
    )
    _table("statuses", *map(_key, ("site", "box")), *_text("status"), *_integer("seen_ns"))
    counters = _table("counters", _key("name"), *_integer("value"))
    op.bulk_insert(counters, [{"name": "quarantined", "value": 0}, {"name": "beat_ns", "value": 0}])


def _accounts() -> None:
    _table("users", _key("name"), *_text("password_hash"), *_integer("one_time", "created_ns"), rowid=True)
    _table("sessions", _key("token_hash"), *_text("user"), *_integer("expires_ns"))
    _table("grants", *map(_key, ("name", "role", "scope")))
    _table(
        "tokens",
        _key("id"),
        Column("token_hash", TEXT, nullable=False, unique=True),
        *_text("name", "label", "permissions"),
        *_integer("made_ns", "expires_ns"),
    )
    _table("factors", _key("name"), *_blob("sealed"), *_integer("last_step"))
    _table("links", _key("subject"), Column("name", TEXT, nullable=False, unique=True))


def _lists_and_audit_log() -> None:
    _table(
        "list_entries",
        _key("id"),
        *_text("site", "kind", "standing"),
        *_blob("sealed", "digest"),
        *_text("owner", "reason"),
        *_integer("from_ns", "until_ns", nullable=True),
        *_text("by"),
        *_integer("made_ns"),
        CheckConstraint("kind IN ('vehicle', 'credential')"),
        CheckConstraint("standing IN ('registered', 'visitor', 'barred', 'revoked')"),
        UniqueConstraint("site", "kind", "digest"),
    )
    _table("list_versions", _key("site"), *_integer("version"))
    _table("record", _number("number"), *_blob("entry"), rowid=True)
    _table("record_nodes", *map(_number, ("level", "place")), *_blob("hash"))
    _table("checkpoints", _number("size"), *_blob("text"), rowid=True)


def _cases() -> None:
    _table(
        "cases",
        _key("id"),
        *_text("purpose", "basis", "site", "places"),
        *_integer("from_ns", "until_ns", nullable=True),
        *_integer("expires_ns"),
        *_text("opened_by"),
        *_integer("opened_ns"),
        *_text("closed_by"),
        *_integer("closed_ns", nullable=True),
        Index("cases_by_site", "site", "opened_ns", "id"),
        Index("cases_by_time", "opened_ns", "id"),
    )


def _releases_and_clips() -> None:
    _table(
        "releases",
        _key("id"),
        *_text("case_id", "site", "box", "camera"),
        *_integer("from_ns", "to_ns"),
        *_text("reason", "asked_by"),
        *_integer("asked_ns"),
        *_text("state", "decided_by"),
        *_integer("decided_ns"),
        *_text("decision"),
        *_blob("sealed"),
        *_text("object"),
        *_integer("size"),
        *_text("digest"),
        *_integer("expires_ns", "fetches"),
        *_text("problem"),
        *_integer("step"),
        CheckConstraint("asked_by <> ''"),
        CheckConstraint("state IN ('requested', 'approved', 'ready', 'fetched', 'refused', 'failed', 'expired')"),
        CheckConstraint("decided_by <> asked_by"),
        CheckConstraint("decided_by <> '' OR (state IN ('requested', 'expired') AND object = '')"),
        CheckConstraint("to_ns > from_ns"),
        Index("releases_by_person", "asked_by", "id"),
        Index("releases_by_site", "site", "id"),
        _partial("releases_open", "id", where="state IN ('requested', 'approved', 'ready') OR object <> ''"),
    )
    _table(
        "clips",
        _key("id"),
        *_text("site", "box", "camera"),
        *_integer("from_ns", "to_ns"),
        *_text("state"),
        *_integer("made_ns", "next_ns", "expires_ns", "tries"),
        *_text("problem"),
        *_integer("bytes"),
        *_text("digest"),
        CheckConstraint("state IN ('wanted', 'asked', 'stored', 'failed')"),
        _partial("clips_due", "next_ns", where="state IN ('wanted', 'asked')"),
        Index("clips_old", "expires_ns"),
    )
