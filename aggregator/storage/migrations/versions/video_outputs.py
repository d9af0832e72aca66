"""Receivers of live video.

Revision 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column, Index

revision = "0010"
down_revision = "0009"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    op.create_table(
        "video_outputs",
        Column("id", TEXT, primary_key=True),
        *_text("consumer", "site", "box", "camera", "scheme", "host", "state"),
        Column("address", sa.LargeBinary(), nullable=False),
        *_integer("sending_ns", "tries", "next_ns"),
        *_text("problem", "made_by"),
        *_integer("made_ns", "version"),
        CheckConstraint("state IN ('active', 'paused')"),
        Index("video_outputs_by_consumer", "consumer"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=False) for name in names]


def _integer(*names: str) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=False) for name in names]
