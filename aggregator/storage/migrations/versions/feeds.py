"""Consumers, the feed, webhooks.

Revision 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, Column, Index

revision = "0009"
down_revision = "0008"
branch_labels = depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations go forward only."""
    _consumers()
    _feed()
    _webhooks()


def _key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def _number(name: str) -> Column[int]:
    return Column(name, INTEGER, primary_key=True, autoincrement=False)


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, TEXT, nullable=False) for name in names]


def _integer(*names: str) -> list[Column[int]]:
    return [Column(name, INTEGER, nullable=False) for name in names]


def _consumers() -> None:
    unlogged = sa.text("logged = 0")
    op.create_table(
        "consumers",
        _key("id"),
        Column("name", TEXT, nullable=False, unique=True),
        *_text("contact", "purpose", "basis", "selection"),
        *_integer("requests_per_minute", "events_per_hour", "ends_ns"),
        *_text("state", "created_by"),
        *_integer("created_ns"),
        *_text("decided_by"),
        *_integer("decided_ns"),
        Column("token_hash", TEXT, unique=True),
        *_integer("token_ns", "version"),
        CheckConstraint("state IN ('requested', 'active', 'paused', 'revoked', 'refused')"),
        CheckConstraint("decided_by <> created_by"),
        CheckConstraint("state IN ('requested', 'refused') OR decided_by <> ''"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consumer_use",
        _key("consumer"),
        _number("hour"),
        *_integer("events", "logged"),
        Index("consumer_use_unlogged", "hour", sqlite_where=unlogged, postgresql_where=unlogged),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consumer_progress",
        _key("consumer"),
        *_integer("position", "seen_ns"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _feed() -> None:
    op.create_table(
        "feed",
        _number("position"),
        *_integer("time_ns"),
        *_text("content", "ref", "site", "place", "kind", "severity"),
        *_integer("picture"),
        *_text("body"),
        CheckConstraint("content IN ('events', 'alerts')"),
        Index("feed_by_ref", "ref"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        _key("id"),
        *_text("consumer", "host", "mode", "state"),
        *(Column(name, sa.LargeBinary(), nullable=False) for name in ("address", "secret", "previous")),
        *_integer("previous_until_ns", "position", "sending", "tries", "failing_ns", "next_ns", "rate"),
        *_text("problem", "made_by"),
        *_integer("made_ns", "delivered_ns", "version"),
        CheckConstraint("mode IN ('structured', 'batched')"),
        CheckConstraint("state IN ('unconfirmed', 'active', 'disabled')"),
        Index("webhooks_by_consumer", "consumer"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "webhook_dead_letters",
        _key("id"),
        *_text("webhook", "message"),
        *_integer("first", "last", "made_ns", "tries"),
        *_text("problem", "state"),
        CheckConstraint("state IN ('dead', 'replay')"),
        Index("webhook_dead_letters_by_webhook", "webhook", "id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
