"""Consumers, and how much they were sent."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, select, update

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer, Selection
from aggregator.domain.feeds.feed_entry import ConsumerUse, Receipt
from aggregator.storage.engines.database import insert_for, insert_new, upsert
from aggregator.storage.schema.feeds import USE_UNLOGGED, consumer_progress, consumer_use, consumers
from aggregator.storage.tables.audit import entries as audit
from common.clock import HOUR_NS

KEPT_HOURS = 48
"""Counts that are in the audit log are forgotten after this."""
_encode = msgspec.json.Encoder().encode


def newest(db: Connection) -> list[Consumer]:
    """All consumers, the newest first."""
    return _read(db, select(consumers).order_by(consumers.c.id.desc()))


def one(db: Connection, consumer_id: str) -> Consumer | None:
    """One consumer."""
    return next(iter(_read(db, select(consumers).where(consumers.c.id == consumer_id))), None)


def by_token(db: Connection, token_hash: str) -> Consumer | None:
    """The consumer of a token."""
    return next(iter(_read(db, select(consumers).where(consumers.c.token_hash == token_hash))), None)


def any_active(db: Connection, now_ns: int) -> bool:
    """Whether anybody may read the feed, now or after a pause."""
    found = select(consumers.c.id).where(consumers.c.state.in_(("active", "paused")), consumers.c.ends_ns > now_ns)
    return db.execute(found.limit(1)).scalar() is not None


def add(db: Connection, consumer: Consumer, entry: AuditEntry) -> bool:
    """Add a consumer; False where there is one of that name."""
    added = insert_new(db, consumers, _row(consumer))
    if added:
        audit.append(db, [entry])
    return added


def change(db: Connection, before: Consumer, after: Consumer, entry: AuditEntry) -> bool:
    """Replace a consumer; False where it has changed meanwhile."""
    same = (consumers.c.id == before.id, consumers.c.version == before.version)
    if db.execute(update(consumers).where(*same).values(_row(after))).rowcount == 0:
        return False
    audit.append(db, [entry])
    return True


def uses(db: Connection, hour: int) -> dict[str, ConsumerUse]:
    """Consumer → how much it was sent in an hour, and how far it has read."""
    counted = select(consumer_use.c.consumer, consumer_use.c.events).where(consumer_use.c.hour == hour)
    sent: dict[str, int] = {row.consumer: row.events for row in db.execute(counted)}
    read = {row.consumer: row for row in db.execute(select(consumer_progress))}
    return {
        name: ConsumerUse(
            events=sent.get(name, 0),
            position=read[name].position if name in read else None,
            seen_ns=read[name].seen_ns if name in read else 0,
        )
        for name in {*sent, *read}
    }


def take(db: Connection, receipt: Receipt, most: int) -> bool:
    """Count entries that are about to be handed over; False where that is too many, or the consumer gets nothing."""
    consumer = one(db, receipt.consumer)
    if consumer is None or not consumer.serves(receipt.now_ns):
        return False
    if receipt.events:
        here = (consumer_use.c.consumer == receipt.consumer, consumer_use.c.hour == receipt.hour)
        sent = db.execute(select(consumer_use.c.events).where(*here)).scalar() or 0
        if sent + receipt.events > most:
            return False
        statement = insert_for(db, consumer_use).values(
            consumer=receipt.consumer, hour=receipt.hour, events=receipt.events, logged=0
        )
        more = {"events": consumer_use.c.events + receipt.events, "logged": 0}
        db.execute(statement.on_conflict_do_update(index_elements=list(consumer_use.primary_key), set_=more))
    progress = {"consumer": receipt.consumer, "position": receipt.position, "seen_ns": receipt.now_ns}
    upsert(db, consumer_progress, progress)
    return True


def give_back(db: Connection, receipt: Receipt) -> None:
    """Take back some of what `take` has counted in this hour; never below none."""
    here = (
        consumer_use.c.consumer == receipt.consumer, consumer_use.c.hour == receipt.hour,
        consumer_use.c.events >= receipt.events,
    )  # fmt: skip
    db.execute(update(consumer_use).where(*here).values(events=consumer_use.c.events - receipt.events))


def log_use(db: Connection, before_hour: int, now_ns: int, limit: int) -> int:
    """Write the counts of hours that are over into the audit log; how many."""
    over = select(consumer_use).where(USE_UNLOGGED, consumer_use.c.hour < before_hour)
    rows = db.execute(over.order_by(consumer_use.c.hour, consumer_use.c.consumer).limit(limit)).all()
    names: dict[str, str] = (
        {row.id: row.name for row in db.execute(select(consumers.c.id, consumers.c.name))} if rows else {}
    )
    audit.append(
        db,
        [
            AuditEntry(
                time_ns=now_ns, who="system", what="feed.sent", target=names.get(row.consumer, row.consumer),
                detail={"events": str(row.events), "hour_ns": str(row.hour * HOUR_NS)},
            )
            for row in rows
        ],
    )  # fmt: skip
    for row in rows:
        same = (consumer_use.c.consumer == row.consumer, consumer_use.c.hour == row.hour)
        db.execute(update(consumer_use).where(*same).values(logged=1))
    db.execute(delete(consumer_use).where(consumer_use.c.logged == 1, consumer_use.c.hour < before_hour - KEPT_HOURS))
    return len(rows)


def _row(consumer: Consumer) -> dict[str, Any]:
    return msgspec.structs.asdict(consumer) | {"selection": _encode(consumer.selection).decode()}


def _read(db: Connection, found: Select[Any]) -> list[Consumer]:
    rows = (dict(row._mapping) for row in db.execute(found))
    return [Consumer(**row | {"selection": msgspec.json.decode(row["selection"], type=Selection)}) for row in rows]
