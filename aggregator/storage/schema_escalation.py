"""Tables of escalation and notifications, for both engines; they belong to `schema.metadata`."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, TextClause, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.schema import SchemaItem

from aggregator.storage.schema import INTEGER, TEXT, metadata

TIMER_WAITING = sql("state = 'waiting'")
NOTIFICATION_WAITING = sql("state = 'waiting'")
"""Conditions of partial indexes. SQLite takes such an index for a query with the same condition, without parameters."""


def _table(name: str, *items: SchemaItem, rowid: bool = False) -> Table:
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


def _key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=False) for name in names]


def _integer(*names: str) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=False) for name in names]


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


escalations = _table("escalations", _key("site"), *_text("document"), *_integer("version"), rowid=True)
"""What was saved through the API: one JSON document for each site; it replaces the settings file's."""
timers = _table(
    "timers",
    _key("alert"),
    *_text("id", "site", "place"),
    *_integer("started_ns", "step", "due_ns"),
    *_text("state"),
    CheckConstraint("state IN ('waiting', 'done')"),
    _partial("timers_due", "due_ns", where=TIMER_WAITING),
)
"""One for each alert that waits for an acknowledgement; deleted when it is acknowledged, closed or suppressed."""
escalation_steps = _table(
    "escalation_steps",
    _key("timer"),
    Column("step", INTEGER, primary_key=True, autoincrement=False),
    *_text("alert"),
    *_integer("due_ns", "time_ns"),
    *_text("level", "detail"),
    Index("escalation_steps_by_alert", "alert", "time_ns"),
    Index("escalation_steps_by_time", "time_ns"),
)
"""Steps that were taken. The key makes a second effect of the same step impossible."""
notification_targets = _table(
    "notification_targets",
    _key("id"),
    *_text("user", "channel", "label", "language", "session"),
    Column("sealed", LargeBinary(), nullable=False),
    Column("digest", LargeBinary(), nullable=False),
    *_integer("made_ns", "failed_ns"),
    *_text("problem"),
    UniqueConstraint("user", "digest"),
    rowid=True,
)
"""Where a user is notified. `sealed` is the address with its secrets, `digest` finds the same one again."""
notifications = _table(
    "notifications",
    _key("id"),
    Column("effect", TEXT, nullable=False, unique=True),
    *_text("alert", "site", "place", "recipient", "target", "channel", "level", "state", "purpose"),
    *_integer("made_ns", "next_ns", "expires_ns", "ended_ns", "tries", "count", "link_used_ns"),
    *_text("problem"),
    CheckConstraint("state IN ('waiting', 'sent', 'dead', 'expired', 'cancelled')"),
    _partial("notifications_due", "next_ns", where=NOTIFICATION_WAITING),
    Index("notifications_by_target", "target", "state"),
    Index("notifications_by_state", "state", "ended_ns", "id"),
    Index("notifications_by_alert", "alert", "id"),
    rowid=True,
)
"""The durable queue. `effect` is unique: a step notifies a target once."""
__all__ = ["escalation_steps", "escalations", "notification_targets", "notifications", "timers"]
