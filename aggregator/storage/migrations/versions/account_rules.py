"""Recovery codes, and grants that wait for a second administrator.

Revision 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, UniqueConstraint

revision = "0005"
down_revision = "0004"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    op.create_table(
        "recovery_codes",
        Column("name", TEXT, primary_key=True),
        Column("hash", TEXT, primary_key=True),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "grant_requests",
        Column("id", TEXT, primary_key=True),
        Column("name", TEXT, nullable=False),
        Column("role", TEXT, nullable=False),
        Column("scope", TEXT, nullable=False),
        Column("asked_by", TEXT, nullable=False),
        Column("asked_ns", INTEGER, nullable=False),
        Column("expires_ns", INTEGER, nullable=False),
        UniqueConstraint("name", "role", "scope"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
