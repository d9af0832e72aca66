"""The schema as SQLAlchemy tables, for both engines. `migrations/` holds the steps that lead to it.

Columns hold text, whole numbers of 64 bits or bytes; a Boolean value is stored as 0 or 1. Text is compared by its bytes
in both engines: that is SQLite's default and PostgreSQL's collation "C". SQLite's tables are STRICT.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy import text as sql

from aggregator.storage.schema import alerts as schema_alerts
from aggregator.storage.schema import feeds as schema_feeds
from aggregator.storage.schema import floor_plans as schema_floor_plans
from aggregator.storage.schema import shift as schema_shift
from aggregator.storage.schema.columns import INTEGER, TEXT, metadata
from aggregator.storage.schema.columns import blobs as _blob
from aggregator.storage.schema.columns import integers as _integer
from aggregator.storage.schema.columns import key as _key
from aggregator.storage.schema.columns import number as _number
from aggregator.storage.schema.columns import partial as _partial
from aggregator.storage.schema.columns import series as _series
from aggregator.storage.schema.columns import table as _table
from aggregator.storage.schema.columns import texts as _text

__all__ = ["INTEGER", "TEXT", "metadata", "schema_alerts", "schema_feeds", "schema_floor_plans", "schema_shift"]

CLIP_OPEN = sql("state IN ('wanted', 'asked')")
RELEASE_OPEN = sql("state IN ('requested', 'approved', 'ready') OR object <> ''")
"""Conditions of partial indexes. SQLite takes such an index for a query with the same condition, without parameters."""


events = _table(
    "events",
    _key("id"),
    *_text("site", "box", "place", "kind"),
    *_integer("time_ns", "received_ns"),
    *_text("epoch"),
    *_integer("sequence"),
    *_text("alert", nullable=True),
    *_text("data"),
    *_integer("cell", "genus"),
    Index("events_by_cell", "cell", "time_ns", "id"),
    Index("events_by_genus", "genus", "time_ns", "id", "cell"),
)
pictures = _table("pictures", _key("event_id"), *_blob("jpeg"), rowid=True)
cells = _table(
    "cells",
    _series(),
    *_text("site", "place", "box", "kind", "object", "zone"),
    *_integer("from_ns", "until_ns", "count"),
    UniqueConstraint("site", "place", "box", "kind", "object", "zone"),
    Index("cells_by_zone", "zone", "site"),
    rowid=True,
)
"""What occurs together; see `tables/event_series.py`."""
genera = _table(
    "genera",
    _series(),
    *_text("kind", "object"),
    *_integer("from_ns", "until_ns", "count"),
    UniqueConstraint("kind", "object"),
    rowid=True,
)
quarantine = _table(
    "quarantine",
    _key("digest"),
    *_text("topic", "reason"),
    *_blob("payload"),
    *_integer("size", "first_ns", "last_ns", "count"),
    Index("quarantine_by_time", "last_ns"),
    rowid=True,
)
"""The dead-letter queue."""
positions = _table(
    "positions",
    *map(_key, ("site", "box", "epoch")),
    *_text("ranges"),
    *_integer("lost", "quarantined", "first_seen_ns"),
)
statuses = _table("statuses", *map(_key, ("site", "box")), *_text("status"), *_integer("seen_ns"))
counters = _table("counters", _key("name"), *_integer("value"))

users = _table("users", _key("name"), *_text("password_hash"), *_integer("one_time", "created_ns"), rowid=True)
sessions = _table("sessions", _key("token_hash"), *_text("user"), *_integer("expires_ns"))
grants = _table("grants", *map(_key, ("name", "role", "scope")))
tokens = _table(
    "tokens",
    _key("id"),
    Column("token_hash", TEXT, nullable=False, unique=True),
    *_text("name", "label", "permissions"),
    *_integer("made_ns", "expires_ns"),
)
factors = _table("factors", _key("name"), *_blob("sealed"), *_integer("last_step"))
links = _table("links", _key("subject"), Column("name", TEXT, nullable=False, unique=True))

list_entries = _table(
    "list_entries",
    _key("id"),
    *_text("site", "kind", "standing"),
    *_blob("sealed", "digest"),
    *_text("owner", "reason"),
    *_integer("from_ns", "until_ns", nullable=True),
    *_text("by"),
    *_integer("made_ns"),
    CheckConstraint("kind IN ('vehicle', 'credential')"),
    CheckConstraint("standing IN ('registered', 'visitor', 'barred', 'revoked')"),
    UniqueConstraint("site", "kind", "digest"),
)
list_versions = _table("list_versions", _key("site"), *_integer("version"))

record = _table("record", _number("number"), *_blob("entry"), rowid=True)
"""The audit log."""
record_nodes = _table("record_nodes", *map(_number, ("level", "place")), *_blob("hash"))
checkpoints = _table("checkpoints", _number("size"), *_blob("text"), rowid=True)

cases = _table(
    "cases",
    _key("id"),
    *_text("purpose", "basis", "site", "places"),
    *_integer("from_ns", "until_ns", nullable=True),
    *_integer("expires_ns"),
    *_text("opened_by"),
    *_integer("opened_ns"),
    *_text("closed_by"),
    *_integer("closed_ns", nullable=True),
    Index("cases_by_site", "site", "opened_ns", "id"),
    Index("cases_by_time", "opened_ns", "id"),
)
releases = _table(
    "releases",
    _key("id"),
    *_text("case_id", "site", "box", "camera"),
    *_integer("from_ns", "to_ns"),
    *_text("reason", "asked_by"),
    *_integer("asked_ns"),
    *_text("state", "decided_by"),
    *_integer("decided_ns"),
    *_text("decision"),
    *_blob("sealed"),
    *_text("object"),
    *_integer("size"),
    *_text("digest"),
    *_integer("expires_ns", "fetches"),
    *_text("problem"),
    *_integer("step"),
    Column("problem_code", TEXT, nullable=False, server_default=""),
    CheckConstraint("asked_by <> ''"),
    CheckConstraint("state IN ('requested', 'approved', 'ready', 'fetched', 'refused', 'failed', 'expired')"),
    CheckConstraint("decided_by <> asked_by"),
    CheckConstraint("decided_by <> '' OR (state IN ('requested', 'expired') AND object = '')"),
    CheckConstraint("to_ns > from_ns"),
    Index("releases_by_person", "asked_by", "id"),
    Index("releases_by_site", "site", "id"),
    _partial("releases_open", "id", where=RELEASE_OPEN),
)
"""A release is approved, made or fetched only after a decision by another person than the requester: a constraint."""
clips = _table(
    "clips",
    _key("id"),
    *_text("site", "box", "camera"),
    *_integer("from_ns", "to_ns"),
    *_text("state"),
    *_integer("made_ns", "next_ns", "expires_ns", "tries"),
    *_text("problem"),
    *_integer("bytes"),
    *_text("digest"),
    Column("problem_code", TEXT, nullable=False, server_default=""),
    CheckConstraint("state IN ('wanted', 'asked', 'stored', 'failed')"),
    _partial("clips_due", "next_ns", where=CLIP_OPEN),
    Index("clips_old", "expires_ns"),
)
case_clips = _table(
    "case_clips", _key("id"), *_text("case_id", "asked_by"), Index("case_clips_by_case", "case_id", "id")
)  # fmt: skip
"""Clips of a marked range, which belong to a case."""
holds = _table(
    "holds",
    _key("id"),
    *_text("case_id", "site", "box", "camera"),
    *_integer("from_ns", "to_ns", "until_ns"),
    *_text("reason", "placed_by"),
    *_integer("placed_ns"),
    *_text("state", "problem", "ended_by"),
    *_integer("ended_ns"),
    *_text("end_reason"),
    Column("problem_code", TEXT, nullable=False, server_default=""),
    CheckConstraint("state IN ('asked', 'placed', 'refused', 'ending', 'ended')"),
    CheckConstraint("state NOT IN ('ending', 'ended') OR (ended_by <> '' AND end_reason <> '')"),
    Index("holds_by_case", "case_id", "id"),
)
"""Legal holds. A constraint: none ends without a person and a reason."""
