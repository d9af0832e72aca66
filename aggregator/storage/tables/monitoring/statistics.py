"""Figures of alerts, outcomes of rules, and states of devices, counted by the engine.

`aggregator/domain/quality/aggregates.py` defines them; a test compares them with the same counted from the log.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, literal, or_, select

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.own_kinds import BOX_BACK, BOX_LOST
from aggregator.domain.alerts.types import STALE_NS
from aggregator.domain.audit import audit_entry
from aggregator.domain.quality.aggregates import ANSWERS, SLOT_NS, TOP, Aggregates, Quantiles, Source
from aggregator.domain.quality.aggregates import nearest_ranks as ranks_of
from aggregator.domain.quality.availability import DOWN, Device, StateEvent
from aggregator.domain.quality.false_alarms import OutcomeRow
from aggregator.domain.quality.replay import StoredEvent, stays
from aggregator.domain.store_port.statistics import RuleEvents, Span
from aggregator.storage.engines.database import one_of
from aggregator.storage.purge import record_erased
from aggregator.storage.schema.alerts import ALERT_OPEN, alert_history, alerts
from aggregator.storage.schema.columns import INTEGER
from aggregator.storage.schema.core import cells, events, pictures
from aggregator.storage.tables.accounts import within as lies_within
from aggregator.storage.tables.alerts.history import cells_of
from aggregator.storage.tables.audit.entries import entries_after

MOST_RULE_EVENTS = 20_000
"""The newest events of a rule that a change is replayed on."""
MOST_STATE_EVENTS = 200_000
_SOURCE = (alerts.c.site, alerts.c.box, alerts.c.place, alerts.c.kind, alerts.c.subject)
_OWN_HISTORY = alert_history.c.alert == alerts.c.id
_MS_NS = 1_000_000
ANSWERED = and_(alert_history.c.action.in_(sorted({*ANSWERS, "closed"})), alert_history.c.via != "system")
"""Entries by which a person answers an alert."""


def figures(db: Connection, span: Span, within: Scope, site: str | None, now_ns: int) -> Aggregates:
    """Counts of the alerts that were opened in a span."""
    there, shown = _there(within, site), opened_and_shown(span, within, site)
    slot = alerts.c.opened_ns // literal(SLOT_NS, INTEGER)
    marked = select(alert_history.c.id).where(_OWN_HISTORY, alert_history.c.action == "marked").exists()
    stale = (ALERT_OPEN, alerts.c.condition == "active", alerts.c.opened_ns < now_ns - STALE_NS)
    number = func.count()
    by_source = select(*_SOURCE, number).where(shown).group_by(*_SOURCE).order_by(number.desc(), *_SOURCE).limit(TOP)
    return Aggregates(
        slots={row[0]: row[1] for row in db.execute(select(slot, number).where(shown).group_by(slot))},
        severities={
            row[0]: row[1]
            for row in db.execute(select(alerts.c.severity, number).where(shown).group_by(alerts.c.severity))
        },
        sources=tuple((Source(*row[:5]), row[5]) for row in db.execute(by_source)),
        stale=db.execute(select(number).select_from(alerts).where(there, *stale)).scalar_one(),
        chattering=db.execute(select(number).select_from(alerts).where(shown, marked)).scalar_one(),
        to_acknowledge=_quantiles(db, shown, ANSWERED),
        to_close=_quantiles(db, shown, alert_history.c.action == "closed"),
    )


def opened_and_shown(span: Span, within: Scope, site: str | None) -> ColumnElement[bool]:
    """A condition on `alerts`: opened in a span, and not hidden then."""
    hidden = select(alert_history.c.id).where(
        _OWN_HISTORY, alert_history.c.action == "suppressed", alert_history.c.time_ns <= alerts.c.opened_ns
    )
    return and_(_there(within, site), *_opened(span), ~hidden.exists())


def _quantiles(db: Connection, shown: ColumnElement[bool], done: ColumnElement[bool]) -> dict[str, Quantiles]:
    """Severity → the nearest ranks of the time from opening to the first entry that meets a condition."""
    first = select(func.min(alert_history.c.time_ns)).where(_OWN_HISTORY, done).scalar_subquery()
    timed = select(alerts.c.id, alerts.c.severity, (first - alerts.c.opened_ns).label("took")).where(shown).subquery()
    numbered = (
        select(
            timed.c.severity,
            timed.c.took,
            func.row_number().over(partition_by=timed.c.severity, order_by=(timed.c.took, timed.c.id)).label("rank"),
            func.count().over(partition_by=timed.c.severity).label("number"),
        )
        .where(timed.c.took.is_not(None))
        .subquery()
    )
    median, p90 = (numbered.c.number + 1) // 2, (numbered.c.number * 9 + 9) // 10
    wanted = select(numbered).where(or_(numbered.c.rank == median, numbered.c.rank == p90))
    found: dict[str, dict[int, int]] = {}
    numbers: dict[str, int] = {}
    for row in db.execute(wanted):
        found.setdefault(row.severity, {})[row.rank] = row.took
        numbers[row.severity] = row.number
    return {
        severity: Quantiles(number, *(found[severity][rank] for rank in ranks_of(number)))
        for severity, number in numbers.items()
    }


def outcomes(db: Connection, span: Span, within: Scope, site: str | None) -> list[OutcomeRow]:
    """Closed alerts that were opened in a span, by source and outcome; merged ones count with what they went into."""
    opened = alerts.c.opened_ns
    found = (
        select(*_SOURCE, alerts.c.outcome, func.count(), func.min(opened), func.max(opened))
        .where(_there(within, site), *_opened(span), alerts.c.status == "closed", alerts.c.merged_into == "")
        .group_by(*_SOURCE, alerts.c.outcome)
    )
    return [OutcomeRow(Source(*row[:5]), *row[5:]) for row in db.execute(found)]


def rule_events(db: Connection, source: Source, span: Span) -> RuleEvents:
    """The newest events of a rule, and the outcomes of their alerts."""
    rows = _events_of(db, source, span, MOST_RULE_EVENTS)
    left = (
        _events_of(db, source._replace(kind="zone.left"), span, MOST_RULE_EVENTS)
        if source.kind == "zone.entered"
        else []
    )
    data = [json.loads(row.data) for row in rows]
    stayed = stays(
        [(it.get("track", -1), row.time_ns) for it, row in zip(data, rows, strict=True)],
        [(json.loads(row.data).get("track", -1), row.time_ns) for row in left],
    )
    found = [
        StoredEvent(row.id, row.alert, row.time_ns, _box(it), it.get("seconds", stay))
        for row, it, stay in zip(rows, data, stayed, strict=True)
    ]
    named = {it.alert for it in found if it.alert is not None}
    return RuleEvents(found, _outcomes_of(db, named), len(rows) < MOST_RULE_EVENTS)


def _events_of(db: Connection, source: Source, span: Span, limit: int) -> list[Row[Any]]:
    numbers = db.execute(cells_of(source)).scalars().all()
    found = select(events.c.id, events.c.alert, events.c.time_ns, events.c.data).where(
        one_of(events.c.cell, numbers), events.c.time_ns >= span[0], events.c.time_ns < span[1]
    )
    return list(db.execute(found.order_by(events.c.time_ns.desc(), events.c.id.desc()).limit(limit)))


def _box(data: dict[str, Any]) -> tuple[float, float, float, float] | None:
    box = data.get("bbox")
    return tuple(box) if box else None


def _outcomes_of(db: Connection, ids: set[str]) -> dict[str, str]:
    """Alert → its outcome, or that of the alert that it was merged into."""
    into = alerts.alias("merged")
    outcome = case((alerts.c.merged_into == "", alerts.c.outcome), else_=func.coalesce(into.c.outcome, ""))
    found = select(alerts.c.id, outcome).outerjoin(into, into.c.id == alerts.c.merged_into)
    return {row[0]: row[1] for row in db.execute(found.where(one_of(alerts.c.id, sorted(ids)))) if row[1]}


def state_events(db: Connection, span: Span, within: Scope, site: str | None) -> list[StateEvent]:
    """Events with which a device was lost or came back: of the span, and the newest of each kind before it.

    A box that loses its power or network sends none: its alerts `box.lost` have when it was away.
    """
    return [*_reported(db, span, within, site), *_boxes_lost(db, span, within, site)]


def _boxes_lost(db: Connection, span: Span, within: Scope, site: str | None) -> list[StateEvent]:
    ended = func.coalesce(alerts.c.ended_ns, alerts.c.closed_ns)
    found = select(alerts.c.site, alerts.c.box, alerts.c.first_ns, ended).where(
        _there(within, site), alerts.c.kind == BOX_LOST, alerts.c.first_ns < span[1],
        or_(ended.is_(None), ended >= span[0]),
    )  # fmt: skip
    return [
        StateEvent(Device(its_site, box, ""), kind, time_ns)
        for its_site, box, first_ns, ended_ns in db.execute(found.limit(MOST_STATE_EVENTS))
        for kind, time_ns in ((BOX_LOST, first_ns), (BOX_BACK, ended_ns))
        if time_ns is not None
    ]


def _reported(db: Connection, span: Span, within: Scope, site: str | None) -> list[StateEvent]:
    there = [cells.c.kind.in_(sorted(DOWN)), lies_within(within, cells.c)]
    if site is not None:
        there.append(cells.c.site == site)
    known = {row.id: row for row in db.execute(select(cells).where(*there))}
    if not known:
        return []
    listed, time_ns = one_of(events.c.cell, list(known)), events.c.time_ns
    inside = (
        select(events.c.cell, time_ns).where(listed, time_ns >= span[0], time_ns < span[1]).limit(MOST_STATE_EVENTS)
    )
    before = select(events.c.cell, func.max(time_ns)).where(listed, time_ns < span[0]).group_by(events.c.cell)
    return [
        StateEvent(_device(known[row[0]]), known[row[0]].kind, row[1])
        for found in (before, inside)
        for row in db.execute(found)
    ]


def _device(cell: Row[Any]) -> Device:
    return Device(cell.site, cell.box, "" if cell.kind.startswith("box.") else cell.place)


def oldest(db: Connection) -> dict[str, int | None]:
    """The time of the oldest of what has a retention; of events by the time in their ids."""
    erased = record_erased(db)
    first = next(iter(entries_after(db, erased, 1)), None)
    return {
        "pictures": _time_of(db.execute(select(func.min(pictures.c.event_id))).scalar()),
        "events": _time_of(db.execute(select(func.min(events.c.id))).scalar()),
        "alerts": db.execute(select(func.min(alerts.c.last_ns))).scalar(),
        "record": audit_entry.decode(first[1]).time_ns if first else None,
    }


def _time_of(uuid7: str | None) -> int | None:
    return None if uuid7 is None else int(uuid7.replace("-", "")[:12], 16) * _MS_NS


def _opened(span: Span) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return alerts.c.opened_ns >= span[0], alerts.c.opened_ns < span[1]


def _there(within: Scope, site: str | None) -> ColumnElement[bool]:
    inside = lies_within(within, alerts.c)
    return inside if site is None else and_(alerts.c.site == site, inside)
