"""Codes of why a clip, an unredacted copy or a hold failed, for translations.

Revision 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Migrations go forward only."""
    for table in ("clips", "releases", "holds"):
        op.add_column(table, sa.Column("problem_code", TEXT, nullable=False, server_default=""))
