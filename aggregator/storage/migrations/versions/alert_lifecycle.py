"""Condition, acknowledgement and status of alerts instead of one state, and their history.

Revision 0002.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column, Index, case, column, insert, literal, or_, select

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OLD = "alerts_0001"
ENDING = ("camera.back", "camera.clear", "door.closed", "door.online")
ENDED_BY_EVENT = (
    "camera.covered", "camera.defocused", "camera.frozen", "camera.lost", "camera.moved", "door.forced", "door.held",
    "door.offline",
)  # fmt: skip


def upgrade() -> None:
    """Migrations go forward only."""
    for name in ("alerts_by_state", "alerts_by_time", "alerts_unresolved"):
        op.drop_index(name, "alerts")
    op.rename_table("alerts", OLD)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX alerts_pkey RENAME TO {OLD}_pkey")
    found = _old_rows()
    op.get_bind().execute(insert(_alerts()).from_select([it.name for it in found.selected_columns], found))
    op.drop_table(OLD)
    _history()


def _old_rows() -> sa.Select[Any]:
    """The rows as they are in the new table.

    An alert that an event resolved has ended; of an open one the condition is taken as active, and where no event
    would end it, the aggregator looks at it at once. A person who resolved an alert has seen it.
    """
    kept = (
        "id", "fingerprint", "site", "box", "place", "kind", "subject", "object", "severity", "count", "first_ns",
        "last_ns", "opened_ns", "picture_event", "picture_ns", "acknowledged_ns",
    )  # fmt: skip
    own = ("state", "acknowledged_by", "resolved_ns", "resolved_by")
    old = sa.table(OLD, *(column(name) for name in (*kept, *own)))
    closed = old.c.state == "resolved"
    by_event = closed & old.c.resolved_by.in_(ENDING)
    seen = or_(old.c.state == "acknowledged", old.c.acknowledged_by.is_not(None), closed & ~by_event)
    severity = case({"critical": 3, "high": 2, "medium": 1}, value=old.c.severity, else_=0)
    return select(
        *(old.c[name] for name in kept),
        case((by_event, "ended"), else_="active").label("condition"),
        case((seen, "acknowledged"), else_="unacknowledged").label("acknowledgement"),
        case((closed, "closed"), else_="open").label("status"),
        case((by_event, old.c.resolved_ns)).label("ended_ns"),
        case((seen, sa.func.coalesce(old.c.acknowledged_by, old.c.resolved_by)), else_="").label("acknowledged_by"),
        case((closed, old.c.resolved_ns)).label("closed_ns"),
        case((closed, sa.func.coalesce(old.c.resolved_by, "")), else_="").label("closed_by"),
        case((~closed & old.c.kind.not_in(ENDED_BY_EVENT), old.c.last_ns)).label("due_ns"),
        (severity + case((seen, 0), else_=4)).label("urgency"),
        *(literal("").label(name) for name in ("assignee", "outcome", "note", "suppression", "suppressed_by")),
        literal("").label("merged_into"),
        *(literal(0).label(name) for name in ("since_acknowledged", "chattering")),
        *(literal(1).label(name) for name in ("version", "decided")),
    )


def _key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def _text(*names: str, nullable: bool = False) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=nullable) for name in names]


def _integer(*names: str, nullable: bool = False) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=nullable) for name in names]


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _alerts() -> sa.Table:
    return op.create_table(
        "alerts",
        _key("id"),
        *_text("fingerprint", "site", "box", "place", "kind", "subject", "object", "severity"),
        *_text("condition", "acknowledgement", "assignee", "status", "outcome", "note"),
        *_integer("count", "since_acknowledged", "first_ns", "last_ns", "opened_ns"),
        *_integer("ended_ns", nullable=True),
        *_text("picture_event", nullable=True),
        *_integer("picture_ns"),
        *_integer("acknowledged_ns", nullable=True),
        *_text("acknowledged_by"),
        *_integer("closed_ns", nullable=True),
        *_text("closed_by", "suppression", "suppressed_by"),
        *_integer("suppressed_until_ns", nullable=True),
        *_integer("chattering"),
        *_integer("due_ns", nullable=True),
        *_text("merged_into"),
        *_integer("version", "decided", "urgency"),
        CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')"),
        CheckConstraint("condition IN ('active', 'ended')"),
        CheckConstraint("acknowledgement IN ('unacknowledged', 'acknowledged', 'assigned')"),
        CheckConstraint("status IN ('open', 'closed')"),
        CheckConstraint("outcome IN ('', 'real', 'false_alarm', 'test', 'maintenance')"),
        CheckConstraint("suppression IN ('', 'shelved', 'silenced', 'maintenance', 'inhibited')"),
        CheckConstraint("severity <> 'critical' OR status = 'open' OR acknowledgement <> 'unacknowledged'"),
        Index("alerts_by_time", "last_ns", "id"),
        _partial("alerts_open", "last_ns", "id", where="status = 'open'"),
        _partial("alerts_closed", "last_ns", "id", where="status = 'closed'"),
        _partial("alerts_urgent", "urgency", "opened_ns", "id", where="status = 'open'"),
        _partial("alerts_counted", "site", "place", "severity", "suppression", where="status = 'open'"),
        _partial("alerts_found", "fingerprint", "last_ns", where="status = 'open' OR merged_into <> ''"),
        _partial("alerts_merged", "merged_into", where="merged_into <> ''"),
        _partial("alerts_due", "due_ns", where="due_ns IS NOT NULL"),
        _partial("alerts_hidden", "suppressed_until_ns", where="suppressed_until_ns IS NOT NULL"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _history() -> None:
    op.create_table(
        "alert_history",
        _key("id"),
        *_text("alert"),
        *_integer("time_ns"),
        *_text("actor", "via", "action", "detail"),
        Index("alert_history_by_alert", "alert", "id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
