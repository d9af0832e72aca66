"""Escalation timers, the queue of notifications, and their targets.

Revision 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy.schema import SchemaItem

revision = "0004"
down_revision = "0003"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    _table("escalations", _key("site"), *_text("document"), *_integer("version"), rowid=True)
    _table(
        "timers",
        _key("alert"),
        *_text("id", "site", "place"),
        *_integer("started_ns", "step", "due_ns"),
        *_text("state"),
        CheckConstraint("state IN ('waiting', 'done')"),
        _partial("timers_due", "due_ns"),
    )
    _table(
        "escalation_steps",
        _key("timer"),
        Column("step", INTEGER, primary_key=True, autoincrement=False),
        *_text("alert"),
        *_integer("due_ns", "time_ns"),
        *_text("level", "detail"),
        Index("escalation_steps_by_alert", "alert", "time_ns"),
        Index("escalation_steps_by_time", "time_ns"),
    )
    _notifications()


def _notifications() -> None:
    _table(
        "notification_targets",
        _key("id"),
        *_text("user", "channel", "label", "language", "session"),
        *_blob("sealed", "digest"),
        *_integer("made_ns", "failed_ns"),
        *_text("problem"),
        UniqueConstraint("user", "digest"),
        rowid=True,
    )
    _table(
        "notifications",
        _key("id"),
        Column("effect", TEXT, nullable=False, unique=True),
        *_text("alert", "site", "place", "recipient", "target", "channel", "level", "state", "purpose"),
        *_integer("made_ns", "next_ns", "expires_ns", "ended_ns", "tries", "count", "link_used_ns"),
        *_text("problem"),
        CheckConstraint("state IN ('waiting', 'sent', 'dead', 'expired', 'cancelled')"),
        _partial("notifications_due", "next_ns"),
        Index("notifications_by_target", "target", "state"),
        Index("notifications_by_state", "state", "ended_ns", "id"),
        Index("notifications_by_alert", "alert", "id"),
        rowid=True,
    )


def _key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=False) for name in names]


def _integer(*names: str) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=False) for name in names]


def _blob(*names: str) -> list[Column[bytes]]:
    return [Column(name, sa.LargeBinary(), nullable=False) for name in names]


def _table(name: str, *items: SchemaItem, rowid: bool = False) -> sa.Table:
    return op.create_table(name, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


def _partial(name: str, *columns: str) -> Index:
    where = sa.text("state = 'waiting'")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)
