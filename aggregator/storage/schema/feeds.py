"""Tables of consumers, the feed, webhooks, MQTT and outputs of video, for both engines, in `schema.metadata`."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index
from sqlalchemy import text as sql

from aggregator.storage.schema.columns import TEXT, blobs, integers, key, number, partial, table, texts

USE_UNLOGGED = sql("logged = 0")
"""Condition of a partial index. SQLite takes such an index for a query with the same condition, without parameters."""

consumers = table(
    "consumers",
    key("id"),
    Column("name", TEXT, nullable=False, unique=True),
    *texts("contact", "purpose", "basis", "selection"),
    *integers("requests_per_minute", "events_per_hour", "ends_ns"),
    *texts("state", "created_by"),
    *integers("created_ns"),
    *texts("decided_by"),
    *integers("decided_ns"),
    Column("token_hash", TEXT, unique=True),
    *integers("token_ns", "version"),
    CheckConstraint("state IN ('requested', 'active', 'paused', 'revoked', 'refused')"),
    CheckConstraint("decided_by <> created_by"),
    CheckConstraint("state IN ('requested', 'refused') OR decided_by <> ''"),
)
"""A consumer gets data only after another person than the requester has approved it: constraints."""
consumer_use = table(
    "consumer_use",
    key("consumer"),
    number("hour"),
    *integers("events", "logged"),
    partial("consumer_use_unlogged", "hour", where=USE_UNLOGGED),
)
"""How many events a consumer was sent in an hour, counted from 1970; `logged`: it is in the audit log."""
consumer_progress = table("consumer_progress", key("consumer"), *integers("position", "seen_ns"))
"""How far a consumer has read."""
feed = table(
    "feed",
    number("position"),
    *integers("time_ns"),
    *texts("content", "ref", "site", "place", "kind", "severity"),
    *integers("picture"),
    *texts("body"),
    CheckConstraint("content IN ('events', 'alerts')"),
    Index("feed_by_ref", "ref"),
    rowid=True,
)
"""Events and changes of alerts in the order of their commits; `body` is what is handed over."""
webhooks = table(
    "webhooks",
    key("id"),
    *texts("consumer", "host", "mode", "state"),
    *blobs("address", "secret", "previous"),
    *integers("previous_until_ns", "position", "sending", "tries", "failing_ns", "next_ns", "rate"),
    *texts("problem", "made_by"),
    *integers("made_ns", "delivered_ns", "version"),
    CheckConstraint("mode IN ('structured', 'batched')"),
    CheckConstraint("state IN ('unconfirmed', 'active', 'disabled')"),
    Index("webhooks_by_consumer", "consumer"),
    rowid=True,
)
"""Addresses that the feed is sent to. Entries up to `position` are done; those up to `sending` are one message."""
webhook_dead_letters = table(
    "webhook_dead_letters",
    key("id"),
    *texts("webhook", "message"),
    *integers("first", "last", "made_ns", "tries"),
    *texts("problem", "state"),
    CheckConstraint("state IN ('dead', 'replay')"),
    Index("webhook_dead_letters_by_webhook", "webhook", "id"),
)
"""Messages that were given up: the entries of the feed from `first` to `last`."""
mqtt_outputs = table(
    "mqtt_outputs",
    key("consumer"),
    *integers("password_serial", "position", "next_ns", "failures"),
    *texts("home_assistant", "problem", "made_by"),
    *integers("made_ns", "delivered_ns", "version"),
    CheckConstraint("home_assistant IN ('off', 'on', 'ending')"),
)
"""Consumers whose feed is published at the broker. Entries up to `position` were acknowledged by it."""
video_outputs = table(
    "video_outputs",
    key("id"),
    *texts("consumer", "site", "box", "camera", "scheme", "host", "state"),
    *blobs("address"),
    *integers("sending_ns", "tries", "next_ns"),
    *texts("problem", "made_by"),
    *integers("made_ns", "version"),
    CheckConstraint("state IN ('active', 'paused')"),
    Index("video_outputs_by_consumer", "consumer"),
    rowid=True,
)
"""Receivers that live views of cameras are sent to."""
