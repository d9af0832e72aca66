"""Legal holds, with who placed and who ended them.

Revision 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column

revision = "0013"
down_revision = "0012"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    op.create_table(
        "holds",
        Column("id", TEXT, primary_key=True),
        *_text("case_id", "site", "box", "camera"),
        *_integer("from_ns", "to_ns", "until_ns"),
        *_text("reason", "placed_by"),
        *_integer("placed_ns"),
        *_text("state", "problem", "ended_by"),
        *_integer("ended_ns"),
        *_text("end_reason"),
        CheckConstraint("state IN ('asked', 'placed', 'refused', 'ending', 'ended')"),
        CheckConstraint("state NOT IN ('ending', 'ended') OR (ended_by <> '' AND end_reason <> '')"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("holds_by_case", "holds", ["case_id", "id"])


def _integer(*names: str) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=False) for name in names]


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=False) for name in names]
