"""Plans of sites and areas, and the positions of sites.

Revision 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column

revision = "0007"
down_revision = "0006"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    op.create_table(
        "floor_plans",
        Column("site", TEXT, primary_key=True),
        Column("area", TEXT, primary_key=True),
        Column("width_px", INTEGER, nullable=False),
        Column("height_px", INTEGER, nullable=False),
        Column("version", INTEGER, nullable=False),
        Column("digest", TEXT, nullable=False),
        Column("symbols", TEXT, nullable=False),
        Column("changed_by", TEXT, nullable=False),
        Column("changed_ns", INTEGER, nullable=False),
        Column("picture", sa.LargeBinary(), nullable=False),
        CheckConstraint("version >= 1"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "site_locations",
        Column("site", TEXT, primary_key=True),
        Column("latitude_udeg", INTEGER, nullable=False),
        Column("longitude_udeg", INTEGER, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
