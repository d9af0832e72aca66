"""Tables of silences, maintenance windows and shelves.

Revision 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column, Index

revision = "0003"
down_revision = "0002"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=False) for name in names]


def _integer(*names: str) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=False) for name in names]


def upgrade() -> None:
    """Migrations go forward only."""
    op.create_table(
        "silences",
        Column("id", TEXT, primary_key=True),
        *_text("match", "owner", "reason"),
        *_integer("from_ns", "until_ns", "made_ns"),
        *_text("ended_by"),
        CheckConstraint("until_ns >= from_ns"),
        Index("silences_by_end", "until_ns"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "maintenance_windows",
        Column("id", TEXT, primary_key=True),
        *_text("site", "devices", "area", "owner", "reason"),
        *_integer("from_ns", "until_ns"),
        *_text("weekly"),
        *_integer("critical", "made_ns"),
        *_text("ended_by"),
        CheckConstraint("until_ns >= from_ns"),
        Index("maintenance_windows_by_end", "until_ns"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shelves",
        Column("id", TEXT, primary_key=True),
        *_text("mode", "alert", "source", "owner", "reason"),
        *_integer("until_ns", "critical", "made_ns"),
        *_text("ended_by"),
        CheckConstraint("mode IN ('timed', 'one_shot')"),
        CheckConstraint("until_ns >= made_ns"),
        Index("shelves_by_end", "until_ns"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
