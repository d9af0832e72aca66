"""The tables of silences, maintenance windows and shelves."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index

from aggregator.storage.schema.columns import integers, key, table, texts

silences = table(
    "silences",
    key("id"),
    *texts("match", "owner", "reason"),
    *integers("from_ns", "until_ns", "made_ns"),
    *texts("ended_by"),
    CheckConstraint("until_ns >= from_ns"),
    Index("silences_by_end", "until_ns"),
)
maintenance_windows = table(
    "maintenance_windows",
    key("id"),
    *texts("site", "devices", "area", "owner", "reason"),
    *integers("from_ns", "until_ns"),
    *texts("weekly"),
    *integers("critical", "made_ns"),
    *texts("ended_by"),
    CheckConstraint("until_ns >= from_ns"),
    Index("maintenance_windows_by_end", "until_ns"),
)
shelves = table(
    "shelves",
    key("id"),
    *texts("mode", "alert", "source", "owner", "reason"),
    *integers("until_ns", "critical", "made_ns"),
    *texts("ended_by"),
    CheckConstraint("mode IN ('timed', 'one_shot')"),
    CheckConstraint("until_ns >= made_ns"),
    Index("shelves_by_end", "until_ns"),
)
"""None of them is without an end: the columns take no NULL. `match`, `devices`, `weekly` and `source` are JSON."""
