"""Silences, maintenance windows and shelves, and the alerts that they are applied to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Table, delete, func, literal, or_, select

from aggregator.domain.alerts.types import Alert
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.maintenance import Weekly, Window
from aggregator.domain.quiet.matching import Matcher
from aggregator.domain.quiet.shelving import Shelf, Source
from aggregator.domain.quiet.silence import Silence
from aggregator.storage.engines.database import upsert
from aggregator.storage.schema.alerts import ALERT_OPEN, alerts
from aggregator.storage.schema.columns import INTEGER
from aggregator.storage.schema.core import statuses
from aggregator.storage.schema.quiet import maintenance_windows
from aggregator.storage.schema.quiet import shelves as shelf_table
from aggregator.storage.schema.quiet import silences as silence_table
from aggregator.storage.tables.alerts.rows import ALL, read
from common.clock import SECOND_NS
from protocol import receipts
from protocol.identifiers import uuid7

MOST_IN_FORCE = 20_000
"""Of each kind; the limits of one site keep far below it."""
Decision = TypeVar("Decision", Silence, Window, Shelf)
_encode = msgspec.json.Encoder().encode
_JSON: dict[str, Any] = {
    "match": Matcher, "devices": tuple[str, ...], "weekly": Weekly | None, "source": Source, "critical": bool,
}  # fmt: skip


def put(db: Connection, decisions: QuietDecisions) -> None:
    """Write decisions, new and changed ones; within a transaction."""
    upsert(db, silence_table, *map(_row, decisions.silences))
    upsert(db, maintenance_windows, *map(_row, decisions.windows))
    upsert(db, shelf_table, *map(_row, decisions.shelves))


def in_force(db: Connection, now_ns: int) -> QuietDecisions:
    """All that have not ended."""
    return QuietDecisions(
        silences(db, now_ns, False, MOST_IN_FORCE),
        windows(db, now_ns, False, MOST_IN_FORCE),
        shelves(db, now_ns, False, MOST_IN_FORCE),
    )


def version(db: Connection) -> tuple[int, ...]:
    """Another value after each decision: a new one raises the number, an end that was moved the sum of the ends."""
    found: list[int] = []
    for table in (silence_table, maintenance_windows, shelf_table):
        ends_s = func.sum(table.c.until_ns // literal(SECOND_NS, INTEGER))
        newest = func.max(table.c.made_ns)
        row = db.execute(select(func.count(), newest, ends_s).select_from(table)).one()
        found += [int(it or 0) for it in row]
    return tuple(found)


def silences(db: Connection, now_ns: int, ended: bool, limit: int) -> list[Silence]:
    """Silences, the newest first."""
    return _newest(db, (silence_table, Silence), now_ns, ended, limit)


def windows(db: Connection, now_ns: int, ended: bool, limit: int) -> list[Window]:
    """Maintenance windows, the newest first."""
    return _newest(db, (maintenance_windows, Window), now_ns, ended, limit)


def shelves(db: Connection, now_ns: int, ended: bool, limit: int) -> list[Shelf]:
    """Shelves, the newest first."""
    return _newest(db, (shelf_table, Shelf), now_ns, ended, limit)


def _newest(db: Connection, what: tuple[Table, type[Decision]], now_ns: int, ended: bool, limit: int) -> list[Decision]:
    table, kind = what
    found = select(table) if ended else select(table).where(table.c.until_ns > now_ns)
    return [kind(**_fields(row)) for row in db.execute(found.order_by(table.c.id.desc()).limit(limit)).mappings()]


def _row(decision: Silence | Window | Shelf) -> dict[str, Any]:
    row = {name: getattr(decision, name) for name in decision.__struct_fields__}
    return (
        row
        | {name: _encode(row[name]).decode() for name in _JSON if name in row and name != "critical"}
        | ({"critical": int(row["critical"])} if "critical" in row else {})
    )


def _fields(row: Any) -> dict[str, Any]:
    return dict(row) | {
        name: bool(row[name]) if shape is bool else msgspec.json.decode(row[name], type=shape)
        for name, shape in _JSON.items()
        if name in row
    }


def drop_ended(db: Connection, before_ns: int) -> None:
    """Erase decisions that ended before a time; within a transaction."""
    for table in (silence_table, maintenance_windows, shelf_table):
        db.execute(delete(table).where(table.c.until_ns < before_ns))


def open_alerts_of(db: Connection, site: str, after: str, limit: int) -> list[Alert]:
    """Open alerts of a site in the order of their ids, after an id."""
    found = ALL.where(ALERT_OPEN, alerts.c.site == site, alerts.c.id > after)
    return read(db, found.order_by(alerts.c.id).limit(limit))


def recent_causes(db: Connection, kinds: Collection[str], since_ns: int) -> list[Alert]:
    """Alerts of these kinds that are open, or whose newest event is not older, the oldest first."""
    recent = or_(ALERT_OPEN, alerts.c.last_ns >= since_ns)
    return read(db, ALL.where(recent, alerts.c.kind.in_(sorted(kinds))).order_by(alerts.c.id))


def suppressed_sites(db: Connection) -> list[str]:
    """Sites where an open alert is suppressed."""
    found = select(alerts.c.site).where(ALERT_OPEN, alerts.c.suppression != "").distinct()
    return list(db.execute(found.order_by(alerts.c.site)).scalars())


def chattering_alerts(db: Connection, limit: int) -> list[Alert]:
    """Open alerts that are marked as chattering."""
    return read(db, ALL.where(ALERT_OPEN, alerts.c.chattering == 1).limit(limit))


def openings(db: Connection, since_ns: int, limit: int) -> list[tuple[int, str, str]]:
    """When alerts that are shown were opened since a time, with site and place; the newest ones."""
    shown = select(alerts.c.opened_ns, alerts.c.site, alerts.c.place).where(
        alerts.c.id >= uuid7(since_ns, b"\0" * 10), alerts.c.opened_ns >= since_ns, alerts.c.suppression == ""
    )
    return [(row[0], row[1], row[2]) for row in db.execute(shown.order_by(alerts.c.id.desc()).limit(limit))]


def offline_boxes(db: Connection) -> list[tuple[str, str, int]]:
    """(site, box, since when) of the boxes that are away by their status."""
    rows = db.execute(select(statuses.c.site, statuses.c.box, statuses.c.status, statuses.c.seen_ns))
    return [(site, box, seen_ns) for site, box, text, seen_ns in rows if not receipts.stored_status(text).online]


def known_boxes(db: Connection, site: str) -> set[str]:
    """The boxes of a site that ever sent a status."""
    return set(db.execute(select(statuses.c.box).where(statuses.c.site == site)).scalars())
