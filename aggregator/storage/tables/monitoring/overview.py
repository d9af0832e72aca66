"""Alerts by place, for the overview of sites and areas; `aggregator/domain/quality/overview.py` adds them up."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.quality.overview import (
    HOURS,
    LOOKS_BACK_NS,
    PERIODS,
    AnswerRow,
    HourRow,
    OpenedRow,
    OpenStates,
    RecentAlerts,
)
from aggregator.domain.store_port.statistics import Span
from aggregator.storage.schema.alerts import ALERT_OPEN, alert_history, alerts
from aggregator.storage.schema.columns import INTEGER
from aggregator.storage.tables.monitoring.statistics import ANSWERED, opened_and_shown
from common.clock import HOUR_NS
from protocol.identifiers import uuid7

MOST_ANSWERS = 20_000
"""Response times are those of the newest answered alerts."""
_PLACE = (alerts.c.site, alerts.c.place, alerts.c.severity)
_EVERYWHERE = Scope(everywhere=True)


def open_states(db: Connection) -> OpenStates:
    """Open alerts that are not hidden, by place, severity and acknowledgement."""
    key = (*_PLACE, alerts.c.acknowledgement)
    found = select(*key, func.count()).where(ALERT_OPEN, alerts.c.suppression == "").group_by(*key)
    return {(row[0], row[1], row[2], row[3]): row[4] for row in db.execute(found)}


def recent_alerts(db: Connection, now_ns: int) -> RecentAlerts:
    """Alerts that were opened lately, and when they were answered."""
    return RecentAlerts(_opened(db, now_ns), _hours(db, now_ns), _answers(db, now_ns))


def _shown(span: Span) -> ColumnElement[bool]:
    """Alerts are given their id when they are opened or later: the key finds those that may be of the span."""
    return and_(alerts.c.id >= uuid7(max(span[0], 0), b"\0" * 10), opened_and_shown(span, _EVERYWHERE, None))


def _opened(db: Connection, now_ns: int) -> list[OpenedRow]:
    opened = alerts.c.opened_ns
    spans = [span for length in PERIODS.values() for span in ((length, 0), (2 * length, length))]
    counts = [
        func.sum(case((and_(opened > now_ns - since, opened <= now_ns - until), 1), else_=0)) for since, until in spans
    ]
    found = select(*_PLACE, *counts).where(_shown((now_ns - LOOKS_BACK_NS + 1, now_ns + 1))).group_by(*_PLACE)
    return [OpenedRow(row[0], row[1], row[2], tuple(map(int, row[3:]))) for row in db.execute(found)]


def _hours(db: Connection, now_ns: int) -> list[HourRow]:
    ago = (literal(now_ns, INTEGER) - alerts.c.opened_ns) // literal(HOUR_NS, INTEGER)
    place = (alerts.c.site, alerts.c.place, ago)
    found = select(*place, func.count()).where(_shown((now_ns - HOURS * HOUR_NS + 1, now_ns + 1))).group_by(*place)
    return [HourRow(*row) for row in db.execute(found)]


def _answers(db: Connection, now_ns: int) -> list[AnswerRow]:
    mine = alert_history.c.alert == alerts.c.id
    first = select(func.min(alert_history.c.time_ns)).where(mine, ANSWERED).scalar_subquery()
    span = (now_ns - PERIODS["week"] + 1, now_ns + 1)
    timed = select(alerts.c.id, *_PLACE, (first - alerts.c.opened_ns).label("took")).where(_shown(span)).subquery()
    found = (
        select(timed.c.site, timed.c.place, timed.c.severity, timed.c.took)
        .where(timed.c.took.is_not(None))
        .order_by(timed.c.id.desc())
        .limit(MOST_ANSWERS)
    )
    return [AnswerRow(*row) for row in db.execute(found)]
