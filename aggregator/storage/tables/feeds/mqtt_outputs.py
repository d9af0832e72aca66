"""Consumers whose feed is published at the broker."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, func, select, update

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.feed_entry import Receipt
from aggregator.domain.feeds.mqtt_output import MqttOutput
from aggregator.storage.engines.database import insert_new
from aggregator.storage.schema.feeds import consumers, mqtt_outputs
from aggregator.storage.tables.audit import entries as audit
from aggregator.storage.tables.feeds import consumers as consumer_table


def every(db: Connection) -> list[MqttOutput]:
    """All outputs."""
    return _read(db, select(mqtt_outputs).order_by(mqtt_outputs.c.consumer))


def one(db: Connection, consumer_id: str) -> MqttOutput | None:
    """The output of a consumer."""
    return next(iter(_read(db, select(mqtt_outputs).where(mqtt_outputs.c.consumer == consumer_id))), None)


def due(db: Connection, now_ns: int, limit: int) -> list[MqttOutput]:
    """Outputs of active consumers that may publish now."""
    found = (
        select(mqtt_outputs)
        .join(consumers, consumers.c.id == mqtt_outputs.c.consumer)
        .where(consumers.c.state == "active", consumers.c.ends_ns > now_ns, mqtt_outputs.c.next_ns <= now_ns)
    )
    return _read(db, found.order_by(mqtt_outputs.c.next_ns, mqtt_outputs.c.consumer).limit(limit))


def add(db: Connection, output: MqttOutput, most: int, entry: AuditEntry) -> bool:
    """Add an output; False where there are as many as there may be, or the consumer has one."""
    if db.execute(select(func.count()).select_from(mqtt_outputs)).scalar_one() >= most:
        return False
    added = insert_new(db, mqtt_outputs, msgspec.structs.asdict(output))
    if added:
        audit.append(db, [entry])
    return added


def change(db: Connection, before: MqttOutput, after: MqttOutput, entry: AuditEntry | None = None) -> bool:
    """Replace an output; False where it has changed meanwhile."""
    same = (mqtt_outputs.c.consumer == before.consumer, mqtt_outputs.c.version == before.version)
    if db.execute(update(mqtt_outputs).where(*same).values(msgspec.structs.asdict(after))).rowcount == 0:
        return False
    if entry is not None:
        audit.append(db, [entry])
    return True


def end(db: Connection, before: MqttOutput, after: MqttOutput, unused: Receipt | None) -> bool:
    """End an attempt; what was counted and not acknowledged is taken back. False where the output has changed."""
    if unused is not None:
        consumer_table.give_back(db, unused)
    return change(db, before, after)


def drop(db: Connection, consumer_id: str, entry: AuditEntry) -> bool:
    """Remove the output of a consumer; False: it has none."""
    if db.execute(delete(mqtt_outputs).where(mqtt_outputs.c.consumer == consumer_id)).rowcount == 0:
        return False
    audit.append(db, [entry])
    return True


def _read(db: Connection, found: Select[Any]) -> list[MqttOutput]:
    return [MqttOutput(**row._mapping) for row in db.execute(found)]
