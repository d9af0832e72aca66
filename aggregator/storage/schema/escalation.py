"""Tables of escalation and notifications, for both engines; they belong to `schema.metadata`."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy import text as sql

from aggregator.storage.schema.columns import INTEGER, TEXT, blobs, integers, key, number, partial, table, texts

TIMER_WAITING = sql("state = 'waiting'")
NOTIFICATION_WAITING = sql("state = 'waiting'")
"""Conditions of partial indexes. SQLite takes such an index for a query with the same condition, without parameters."""


escalations = table("escalations", key("site"), *texts("document"), *integers("version"), rowid=True)
"""What was saved through the API: one JSON document for each site; it replaces the settings file's."""
timers = table(
    "timers",
    key("alert"),
    *texts("id", "site", "place"),
    *integers("started_ns", "step", "due_ns"),
    *texts("state"),
    Column("asked", INTEGER, nullable=False, server_default="0"),
    CheckConstraint("state IN ('waiting', 'done')"),
    partial("timers_due", "due_ns", where=TIMER_WAITING),
)
"""One for each alert that waits for an acknowledgement; deleted when it is acknowledged, closed or suppressed."""
escalation_steps = table(
    "escalation_steps",
    key("timer"),
    number("step"),
    *texts("alert"),
    *integers("due_ns", "time_ns"),
    *texts("level", "detail"),
    Index("escalation_steps_by_alert", "alert", "time_ns"),
    Index("escalation_steps_by_time", "time_ns"),
)
"""Steps that were taken. The key makes a second effect of the same step impossible."""
notification_targets = table(
    "notification_targets",
    key("id"),
    *texts("user", "channel", "label", "language", "session"),
    *blobs("sealed", "digest"),
    *integers("made_ns", "failed_ns"),
    *texts("problem"),
    UniqueConstraint("user", "digest"),
    rowid=True,
)
"""Where a user is notified. `sealed` is the address with its secrets, `digest` finds the same one again."""
notifications = table(
    "notifications",
    key("id"),
    Column("effect", TEXT, nullable=False, unique=True),
    *texts("alert", "site", "place", "recipient", "target", "channel", "level", "state", "purpose"),
    *integers("made_ns", "next_ns", "expires_ns", "ended_ns", "tries", "count", "link_used_ns"),
    *texts("problem"),
    CheckConstraint("state IN ('waiting', 'sent', 'dead', 'expired', 'cancelled')"),
    partial("notifications_due", "next_ns", where=NOTIFICATION_WAITING),
    Index("notifications_by_target", "target", "state"),
    Index("notifications_by_state", "state", "ended_ns", "id"),
    Index("notifications_by_alert", "alert", "id"),
    rowid=True,
)
"""The durable queue. `effect` is unique: a step notifies a target once."""
digest_alerts = table("digest_alerts", key("digest"), key("alert"))
"""The alerts that a digest counts, while it waits; at most `MOST_OF_A_DIGEST` of each."""
