"""Alerts with which a person asked for help, and the steps of escalation that were asked for.

Revision 0015.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    for table, column in (("alerts", "help_ns"), ("timers", "asked")):
        op.add_column(table, sa.Column(column, INTEGER, nullable=False, server_default="0"))
