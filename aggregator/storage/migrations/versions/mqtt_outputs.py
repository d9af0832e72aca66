"""MQTT out for consumers.

Revision 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column

revision = "0011"
down_revision = "0010"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    op.create_table(
        "mqtt_outputs",
        Column("consumer", TEXT, primary_key=True),
        *_integer("password_serial", "position", "next_ns", "failures"),
        *(Column(name, TEXT, nullable=False) for name in ("home_assistant", "problem", "made_by")),
        *_integer("made_ns", "delivered_ns", "version"),
        CheckConstraint("home_assistant IN ('off', 'on', 'ending')"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _integer(*names: str) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=False) for name in names]
