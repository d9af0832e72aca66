"""Tables of accounts that came after the first schema: recovery codes, and grants that wait for a second person."""

from __future__ import annotations

from sqlalchemy import Column, Table, UniqueConstraint

from aggregator.storage.schema.core import INTEGER, TEXT, metadata

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("hash", TEXT, primary_key=True),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Unused codes only: a code is deleted when it is used."""
grant_requests = Table(
    "grant_requests",
    metadata,
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
