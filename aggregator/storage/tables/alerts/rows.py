"""An alert as a row, and its place in the queue."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from aggregator.domain.alerts.types import Alert
from aggregator.storage.engines.database import upsert
from aggregator.storage.schema.alerts import alerts

COLUMNS = tuple(alerts.c[name] for name in Alert.__struct_fields__)
ALL = select(*COLUMNS)


def put(db: Connection, changed: list[Alert]) -> None:
    """Write alerts; within a transaction."""
    upsert(db, alerts, *(_row(alert) for alert in changed))


def read(db: Connection, found: Select[Any]) -> list[Alert]:
    """The alerts of a query on `ALL`."""
    return [Alert(**row._mapping) for row in db.execute(found)]


def _row(alert: Alert) -> dict[str, Any]:
    return msgspec.structs.asdict(alert) | {"urgency": alert.urgency}
