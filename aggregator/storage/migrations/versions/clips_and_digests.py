"""Clips of a marked range, which belong to a case; the alerts of a digest.

Revision 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Index

revision = "0008"
down_revision = "0007"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Migrations go forward only."""
    op.create_table(
        "case_clips",
        Column("id", TEXT, primary_key=True),
        Column("case_id", TEXT, nullable=False),
        Column("asked_by", TEXT, nullable=False),
        Index("case_clips_by_case", "case_id", "id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "digest_alerts",
        Column("digest", TEXT, primary_key=True),
        Column("alert", TEXT, primary_key=True),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
