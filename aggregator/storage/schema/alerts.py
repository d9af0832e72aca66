"""The tables of alerts and their history."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index
from sqlalchemy import text as sql

from aggregator.storage.schema.columns import INTEGER, integers, key, partial, table, texts

ALERT_OPEN = sql("status = 'open'")
ALERT_CLOSED = sql("status = 'closed'")
ALERT_FOUND = sql("status = 'open' OR merged_into <> ''")
ALERT_MERGED = sql("merged_into <> ''")
ALERT_DUE = sql("due_ns IS NOT NULL")
ALERT_HIDDEN = sql("suppressed_until_ns IS NOT NULL")
"""Conditions of partial indexes. SQLite takes such an index for a query with the same condition, without parameters."""

alerts = table(
    "alerts",
    key("id"),
    *texts("fingerprint", "site", "box", "place", "kind", "subject", "object", "severity"),
    *texts("condition", "acknowledgement", "assignee", "status", "outcome", "note"),
    *integers("count", "since_acknowledged", "first_ns", "last_ns", "opened_ns"),
    *integers("ended_ns", nullable=True),
    *texts("picture_event", nullable=True),
    *integers("picture_ns"),
    *integers("acknowledged_ns", nullable=True),
    *texts("acknowledged_by"),
    *integers("closed_ns", nullable=True),
    *texts("closed_by", "suppression", "suppressed_by"),
    *integers("suppressed_until_ns", nullable=True),
    *integers("chattering"),
    *integers("due_ns", nullable=True),
    *texts("merged_into"),
    *integers("version", "decided", "urgency"),
    Column("help_ns", INTEGER, nullable=False, server_default="0"),
    CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')"),
    CheckConstraint("condition IN ('active', 'ended')"),
    CheckConstraint("acknowledgement IN ('unacknowledged', 'acknowledged', 'assigned')"),
    CheckConstraint("status IN ('open', 'closed')"),
    CheckConstraint("outcome IN ('', 'real', 'false_alarm', 'test', 'maintenance')"),
    CheckConstraint("suppression IN ('', 'shelved', 'silenced', 'maintenance', 'inhibited')"),
    CheckConstraint("severity <> 'critical' OR status = 'open' OR acknowledgement <> 'unacknowledged'"),
    Index("alerts_by_time", "last_ns", "id"),
    partial("alerts_open", "last_ns", "id", where=ALERT_OPEN),
    partial("alerts_closed", "last_ns", "id", where=ALERT_CLOSED),
    partial("alerts_urgent", "urgency", "opened_ns", "id", where=ALERT_OPEN),
    partial("alerts_counted", "site", "place", "severity", "suppression", where=ALERT_OPEN),
    partial("alerts_found", "fingerprint", "last_ns", where=ALERT_FOUND),
    partial("alerts_merged", "merged_into", where=ALERT_MERGED),
    partial("alerts_due", "due_ns", where=ALERT_DUE),
    partial("alerts_hidden", "suppressed_until_ns", where=ALERT_HIDDEN),
)
"""A critical alert that is closed was acknowledged: a constraint. `urgency` is that of the type."""
alert_history = table(
    "alert_history",
    key("id"),
    *texts("alert"),
    *integers("time_ns"),
    *texts("actor", "via", "action", "detail"),
    Index("alert_history_by_alert", "alert", "id"),
)
