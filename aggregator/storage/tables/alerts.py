"""Alerts."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select, tuple_

from aggregator.domain.alert import Alert
from aggregator.domain.read_models import AlertQuery
from aggregator.storage.schema import ALERT_UNRESOLVED, INTEGER, alerts
from aggregator.storage.tables.accounts import within

_URGENT = (
    case({"open": 0, "acknowledged": 1}, value=alerts.c.state, else_=2),
    case({"critical": 0, "high": 1, "medium": 2}, value=alerts.c.severity, else_=3),
)
_NEWEST_FIRST = (alerts.c.last_ns.desc(), alerts.c.id.desc())


def find(db: Connection, query: AlertQuery) -> list[Alert]:
    """Alerts, in the order of the query."""
    order = (*_URGENT, *_NEWEST_FIRST) if query.urgent else _NEWEST_FIRST
    return _alerts(db, select(alerts).where(*_conditions(query)).order_by(*order).limit(query.limit))


def count(db: Connection, query: AlertQuery) -> int:
    """How many there are, whatever the query's limit."""
    return db.execute(select(func.count()).select_from(alerts).where(*_conditions(query))).scalar_one()


def one(db: Connection, alert_id: str) -> Alert | None:
    """One alert."""
    return next(iter(_alerts(db, select(alerts).where(alerts.c.id == alert_id))), None)


def newest_unresolved(db: Connection, fingerprint: str) -> Alert | None:
    """The newest unresolved alert with this fingerprint."""
    found = select(alerts).where(alerts.c.fingerprint == fingerprint, ALERT_UNRESOLVED)
    return next(iter(_alerts(db, found.order_by(*_NEWEST_FIRST).limit(1))), None)


def _conditions(query: AlertQuery) -> list[ColumnElement[bool]]:
    asked = ((alerts.c.state, query.state), (alerts.c.site, query.site), (alerts.c.place, query.place))
    conditions: list[ColumnElement[bool]] = [column == value for column, value in asked if value is not None]
    if query.unresolved:
        conditions.append(alerts.c.state.in_(("open", "acknowledged")))
    if query.within is not None and not query.within.everywhere:
        conditions.append(within(query.within, alerts.c))
    if query.before is not None:
        last_ns, alert_id = query.before
        conditions.append(tuple_(alerts.c.last_ns, alerts.c.id) < tuple_(literal(last_ns, INTEGER), literal(alert_id)))
    return conditions


def _alerts(db: Connection, found: Select[tuple[object, ...]]) -> list[Alert]:
    return [Alert(**row._mapping) for row in db.execute(found)]
