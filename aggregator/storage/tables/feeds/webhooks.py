"""Webhooks, and their messages that were given up."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.feed_entry import Receipt
from aggregator.domain.feeds.webhook import DeadLetter, Webhook
from aggregator.storage.schema.feeds import consumers, webhook_dead_letters, webhooks
from aggregator.storage.tables.audit import entries as audit
from aggregator.storage.tables.feeds import consumers as consumer_table

_letters = webhook_dead_letters


def of_consumer(db: Connection, consumer_id: str) -> list[Webhook]:
    """A consumer's webhooks, oldest first."""
    return _read(db, select(webhooks).where(webhooks.c.consumer == consumer_id).order_by(webhooks.c.id))


def one(db: Connection, webhook_id: str) -> Webhook | None:
    """One webhook."""
    return next(iter(_read(db, select(webhooks).where(webhooks.c.id == webhook_id))), None)


def due(db: Connection, now_ns: int, newest: int, limit: int) -> list[Webhook]:
    """Webhooks of active consumers that have something to send, and may now."""
    replays = select(_letters.c.webhook).where(_letters.c.state == "replay")
    found = (
        select(webhooks)
        .join(consumers, consumers.c.id == webhooks.c.consumer)
        .where(consumers.c.state == "active", consumers.c.ends_ns > now_ns)
        .where(webhooks.c.state == "active", webhooks.c.next_ns <= now_ns)
        .where(or_(webhooks.c.position < newest, webhooks.c.id.in_(replays)))
    )
    return _read(db, found.order_by(webhooks.c.next_ns, webhooks.c.id).limit(limit))


def add(db: Connection, webhook: Webhook, most: int, entry: AuditEntry) -> bool:
    """Add a webhook; False where its consumer has as many as there may be."""
    count = select(func.count()).select_from(webhooks).where(webhooks.c.consumer == webhook.consumer)
    if db.execute(count).scalar_one() >= most:
        return False
    db.execute(insert(webhooks), msgspec.structs.asdict(webhook))
    audit.append(db, [entry])
    return True


def change(
    db: Connection, before: Webhook, after: Webhook, entry: AuditEntry | None = None, letter: DeadLetter | None = None
) -> bool:
    """Replace a webhook, with the message that is given up; False where it has changed meanwhile."""
    same = (webhooks.c.id == before.id, webhooks.c.version == before.version)
    if db.execute(update(webhooks).where(*same).values(msgspec.structs.asdict(after))).rowcount == 0:
        return False
    if letter is not None:
        db.execute(insert(_letters), msgspec.structs.asdict(letter))
    if entry is not None:
        audit.append(db, [entry])
    return True


def begin(db: Connection, before: Webhook, after: Webhook, receipt: Receipt | None, most: int) -> bool | None:
    """Begin an attempt and count its events, all or nothing; None where the consumer may get nothing more now."""
    if receipt is not None and not consumer_table.take(db, receipt, most):
        return None
    if not change(db, before, after):
        if receipt is not None:
            consumer_table.give_back(db, receipt)
        return False
    return True


def end(db: Connection, before: Webhook, after: Webhook, letter: DeadLetter | None, unused: Receipt) -> bool:
    """End an attempt; what was counted and not sent is taken back. False where the webhook has changed meanwhile."""
    if unused.events:
        consumer_table.give_back(db, unused)
    return change(db, before, after, None, letter)


def drop(db: Connection, webhook_id: str, entry: AuditEntry) -> bool:
    """Remove a webhook with its dead letters; False: there is none."""
    db.execute(delete(_letters).where(_letters.c.webhook == webhook_id))
    if db.execute(delete(webhooks).where(webhooks.c.id == webhook_id)).rowcount == 0:
        return False
    audit.append(db, [entry])
    return True


def letters(db: Connection, webhook_id: str, limit: int, before: str | None = None) -> list[DeadLetter]:
    """Messages of a webhook that were given up, the newest first; `before` is the id of the last one of the page."""
    found = select(_letters).where(_letters.c.webhook == webhook_id)
    if before is not None:
        found = found.where(_letters.c.id < before)
    return [DeadLetter(**row._mapping) for row in db.execute(found.order_by(_letters.c.id.desc()).limit(limit))]


def letter_counts(db: Connection) -> dict[str, int]:
    """Webhook → how many of its messages were given up."""
    counted = select(_letters.c.webhook, func.count().label("count")).group_by(_letters.c.webhook)
    return {row.webhook: row._mapping["count"] for row in db.execute(counted)}


def next_replay(db: Connection, webhook_id: str) -> DeadLetter | None:
    """The oldest message that is to be sent again."""
    wanted = select(_letters).where(_letters.c.webhook == webhook_id, _letters.c.state == "replay")
    row = db.execute(wanted.order_by(_letters.c.id).limit(1)).one_or_none()
    return None if row is None else DeadLetter(**row._mapping)


def replay(db: Connection, webhook_id: str, letter_id: str, entry: AuditEntry) -> bool:
    """Have a message sent again; False: there is none that was given up."""
    dead = (_letters.c.webhook == webhook_id, _letters.c.id == letter_id, _letters.c.state == "dead")
    if db.execute(update(_letters).where(*dead).values(state="replay")).rowcount == 0:
        return False
    audit.append(db, [entry])
    return True


def end_replay(db: Connection, letter_id: str, problem: str | None) -> None:
    """A message was sent again (None), or was not: why."""
    here = _letters.c.id == letter_id
    if problem is None:
        db.execute(delete(_letters).where(here))
        return
    more = {"state": "dead", "problem": problem, "tries": _letters.c.tries + 1}
    db.execute(update(_letters).where(here).values(more))


def _read(db: Connection, found: Select[Any]) -> list[Webhook]:
    return [Webhook(**row._mapping) for row in db.execute(found)]
