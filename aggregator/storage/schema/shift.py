"""The tables of procedures and hand-overs."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index
from sqlalchemy import text as sql

from aggregator.storage.schema.columns import integers, key, number, partial, table, texts

HANDOVER_WAITING = sql("state = 'waiting'")

procedures = table(
    "procedures",
    *map(key, ("kind", "site")),
    number("version"),
    *texts("steps", "made_by"),
    *integers("made_ns"),
    CheckConstraint("version >= 1"),
)
"""A version is never changed or removed. An empty `site`: all sites."""
procedure_ticks = table(
    "procedure_ticks",
    key("alert"),
    number("step"),
    *texts("by"),
    *integers("time_ns"),
)
handovers = table(
    "handovers",
    key("id"),
    *texts("scope", "site", "left_by"),
    *integers("left_ns"),
    *texts("content", "digest", "state", "taken_by"),
    *integers("taken_ns", nullable=True),
    CheckConstraint("state IN ('waiting', 'taken', 'replaced')"),
    CheckConstraint("taken_by <> left_by"),
    CheckConstraint("(state = 'taken') = (taken_by <> '')"),
    Index("handovers_by_time", "left_ns", "id"),
    Index("handovers_by_scope", "scope", "left_ns", "id"),
    partial("handovers_waiting", "scope", where=HANDOVER_WAITING),
    rowid=True,
)
"""Signed by two different people: a constraint."""
shift_notes = table(
    "shift_notes",
    key("id"),
    *texts("scope", "site", "by"),
    *integers("time_ns"),
    *texts("text"),
    Index("shift_notes_by_scope", "scope", "time_ns", "id"),
    Index("shift_notes_by_time", "time_ns"),
)
