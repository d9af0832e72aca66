"""Procedures with their ticks, hand-overs, notes of shifts.

Revision 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column, Index

revision = "0006"
down_revision = "0005"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    _procedures()
    _handovers()


def _key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def _number(name: str) -> Column[int]:
    return Column(name, INTEGER, primary_key=True, autoincrement=False)


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=False) for name in names]


def _integer(*names: str, nullable: bool = False) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=nullable) for name in names]


def _procedures() -> None:
    op.create_table(
        "procedures",
        *map(_key, ("kind", "site")),
        _number("version"),
        *_text("steps", "made_by"),
        *_integer("made_ns"),
        CheckConstraint("version >= 1"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "procedure_ticks",
        _key("alert"),
        _number("step"),
        *_text("by"),
        *_integer("time_ns"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _handovers() -> None:
    waiting = sa.text("state = 'waiting'")
    op.create_table(
        "handovers",
        _key("id"),
        *_text("scope", "site", "left_by"),
        *_integer("left_ns"),
        *_text("content", "digest", "state", "taken_by"),
        *_integer("taken_ns", nullable=True),
        CheckConstraint("state IN ('waiting', 'taken', 'replaced')"),
        CheckConstraint("taken_by <> left_by"),
        CheckConstraint("(state = 'taken') = (taken_by <> '')"),
        Index("handovers_by_time", "left_ns", "id"),
        Index("handovers_by_scope", "scope", "left_ns", "id"),
        Index("handovers_waiting", "scope", sqlite_where=waiting, postgresql_where=waiting),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "shift_notes",
        _key("id"),
        *_text("scope", "site", "by"),
        *_integer("time_ns"),
        *_text("text"),
        Index("shift_notes_by_scope", "scope", "time_ns", "id"),
        Index("shift_notes_by_time", "time_ns"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
