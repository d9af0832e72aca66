"""Which alerts there are: pages of the queue, counts, and what the engine asks for."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, TextClause, func, literal, select, tuple_

from aggregator.domain.alerts.types import Alert, Severity
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port.alerts import OpenCounts
from aggregator.storage.engines.database import one_of
from aggregator.storage.schema.alerts import ALERT_CLOSED, ALERT_FOUND, ALERT_OPEN, alerts
from aggregator.storage.schema.columns import INTEGER
from aggregator.storage.tables.accounts import within
from aggregator.storage.tables.alerts.rows import ALL, read

_NEWEST_FIRST = (alerts.c.last_ns.desc(), alerts.c.id.desc())
_URGENT_FIRST = (alerts.c.urgency.desc(), alerts.c.opened_ns.desc(), alerts.c.id.desc())
_MOST_JOINS = 10
"""Alerts that were merged into ones that were merged: further than this nobody looks."""


def find(db: Connection, query: AlertQuery) -> list[Alert]:
    """Alerts, in the order of the query."""
    order = _URGENT_FIRST if query.order == "urgency" else _NEWEST_FIRST
    found = ALL.where(*_status(query)).where(*_conditions(query), *_after(query))
    return read(db, found.order_by(*order).limit(query.limit))


def count(db: Connection, query: AlertQuery) -> int:
    """How many there are, whatever the query's limit and page."""
    counted = select(func.count()).select_from(alerts).where(*_status(query)).where(*_conditions(query))
    return db.execute(counted).scalar_one()


def counts(db: Connection, query: AlertQuery) -> dict[Severity, int]:
    """How many open alerts there are of each severity, whatever the query's status, limit and page."""
    grouped = select(alerts.c.severity, func.count()).where(*_conditions(query), ALERT_OPEN)
    return {row[0]: row[1] for row in db.execute(grouped.group_by(alerts.c.severity))}


def open_counts(db: Connection) -> OpenCounts:
    """How many open alerts there are, by site, place, severity and whether they are suppressed."""
    key = (alerts.c.site, alerts.c.place, alerts.c.severity, alerts.c.suppression)
    found: dict[tuple[str, str, Severity, bool], int] = {}
    for site, place, severity, suppression, number in db.execute(
        select(*key, func.count()).where(ALERT_OPEN).group_by(*key)
    ):
        name = (site, place, severity, suppression != "")
        found[name] = found.get(name, 0) + number
    return found


def one(db: Connection, alert_id: str) -> Alert | None:
    """One alert."""
    return next(iter(read(db, ALL.where(alerts.c.id == alert_id))), None)


def newest_open(db: Connection, fingerprint: str) -> Alert | None:
    """The newest open alert with this fingerprint, or that one with it was merged into."""
    found = read(
        db, ALL.where(alerts.c.fingerprint == fingerprint, ALERT_FOUND).order_by(*_NEWEST_FIRST).limit(_MOST_JOINS)
    )
    for alert in sorted(found, key=lambda it: it.status != "open"):
        last = _survivor(db, alert)
        if last is not None and last.status == "open":
            return last
    return None


def known_fingerprints(db: Connection, fingerprints: Iterable[str]) -> set[str]:
    """Those of them that an open alert has, or one that was merged."""
    found = select(alerts.c.fingerprint).distinct().where(one_of(alerts.c.fingerprint, fingerprints), ALERT_FOUND)
    return set(db.execute(found).scalars())


def due(db: Connection, now_ns: int, limit: int) -> list[Alert]:
    """Open alerts whose `due_ns` or `suppressed_until_ns` is over, the oldest first."""
    found: dict[str, Alert] = {}
    for column in (alerts.c.due_ns, alerts.c.suppressed_until_ns):
        for alert in read(db, ALL.where(column <= now_ns).order_by(column).limit(limit)):
            found[alert.id] = alert
    return list(found.values())


def _survivor(db: Connection, alert: Alert) -> Alert | None:
    for _ in range(_MOST_JOINS):
        if not alert.merged_into:
            return alert
        into = one(db, alert.merged_into)
        if into is None:
            return None
        alert = into
    return None


def _conditions(query: AlertQuery) -> list[ColumnElement[bool]]:
    """All that a query asks for, but its status and page."""
    conditions: list[ColumnElement[bool]] = []
    for column, value in ((alerts.c.site, query.site), (alerts.c.place, query.place)):
        if value is not None:
            conditions.append(column == value)
    for column, values in ((alerts.c.severity, query.severities), (alerts.c.kind, query.kinds)):
        if values is not None:
            conditions.append(column.in_(sorted(values)))
    if query.area is not None:
        conditions.append(tuple_(alerts.c.site, alerts.c.place).in_(sorted(query.area)))
    if query.from_ns is not None:
        conditions.append(alerts.c.last_ns >= query.from_ns)
    if query.to_ns is not None:
        conditions.append(alerts.c.first_ns < query.to_ns)
    if query.suppressed != "include":
        hidden = alerts.c.suppression != ""
        conditions.append(hidden if query.suppressed == "only" else ~hidden)
    if query.within is not None:
        conditions.append(within(query.within, alerts.c))
    return conditions


def _status(query: AlertQuery) -> list[TextClause]:
    """As the text that makes the engine take the partial index."""
    return [] if query.status is None else [ALERT_OPEN if query.status == "open" else ALERT_CLOSED]


def _after(query: AlertQuery) -> list[ColumnElement[bool]]:
    if query.after is None:
        return []
    urgency, time_ns, alert_id = query.after
    if query.order == "urgency":
        at = tuple_(literal(urgency, INTEGER), literal(time_ns, INTEGER), literal(alert_id))
        return [tuple_(alerts.c.urgency, alerts.c.opened_ns, alerts.c.id) < at]
    return [tuple_(alerts.c.last_ns, alerts.c.id) < tuple_(literal(time_ns, INTEGER), literal(alert_id))]
