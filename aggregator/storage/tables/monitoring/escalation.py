"""Escalation's timers, the steps that were taken, and the saved configurations.

A step is one transaction: its row (whose key makes a second effect impossible), the notifications, the timer's next
due time. It is taken only where the timer is what it was and the alert still waits: an acknowledgement that was
committed before wins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    insert,
    literal_column,
    not_,
    select,
    update,
)

from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.alerts.types import Effect
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.escalation.records import AlertFacts, EscalationDocument, StepEffect, TakenStep, Timer
from aggregator.storage.engines.database import insert_new, one_of, upsert
from aggregator.storage.schema.alerts import ALERT_OPEN, alerts
from aggregator.storage.schema.escalation import (
    TIMER_WAITING,
    digest_alerts,
    escalation_steps,
    escalations,
    notifications,
    timers,
)
from aggregator.storage.tables.alerts import history
from aggregator.storage.tables.audit import entries as audit
from aggregator.storage.tables.monitoring.notifications import enqueue_bounded
from aggregator.storage.tables.monitoring.notifications import purge as purge_queue

_BEGINS_AGAIN = frozenset({Effect.RAISED.value, Effect.ABSORBED.value})
_FACTS = tuple(it for it in AlertFacts.__struct_fields__ if it != "waiting")
_LESS = case((alerts.c.severity == "critical", 0), else_=1)


def waits() -> ColumnElement[bool]:
    """The alert is open, unacknowledged and not suppressed."""
    unseen = alerts.c.acknowledgement == literal_column("'unacknowledged'")
    return and_(ALERT_OPEN, unseen, alerts.c.suppression == literal_column("''"))


def documents(db: Connection) -> list[EscalationDocument]:
    """The configurations that were saved."""
    return [EscalationDocument(**row._mapping) for row in db.execute(select(escalations).order_by(escalations.c.site))]


def put_document(db: Connection, document: EscalationDocument, entry: AuditEntry) -> bool:
    """Save a configuration whose version is one more than the one there; alerts without a chain get another look."""
    known = select(escalations.c.version).where(escalations.c.site == document.site)
    if (db.execute(known).scalar() or 0) + 1 != document.version:
        return False
    row = {"site": document.site, "document": document.document, "version": document.version}
    upsert(db, escalations, row)
    db.execute(delete(timers).where(timers.c.site == document.site, timers.c.state == "done", timers.c.step == 0))
    audit.append(db, [entry])
    return True


def untimed(db: Connection, sites: Iterable[str], limit: int) -> list[AlertFacts]:
    """Alerts of these sites that wait and have no timer: the critical ones first, then the oldest."""
    none = ~select(timers.c.alert).where(timers.c.alert == alerts.c.id).exists()
    found = _facts().where(waits(), one_of(alerts.c.site, sites), none)
    return [_fact(row) for row in db.execute(found.order_by(_LESS, alerts.c.opened_ns).limit(limit))]


def start(db: Connection, new: Iterable[Timer], versions: Mapping[str, int]) -> None:
    """Start timers of alerts that still wait and have none, where the site's configuration has the version used."""
    saved = {row.site: row.version for row in db.execute(select(escalations.c.site, escalations.c.version))}
    rows = {it.alert: it for it in new if saved.get(it.site, 0) == versions.get(it.site, 0)}
    still = set(db.execute(select(alerts.c.id).where(waits(), one_of(alerts.c.id, rows))).scalars())
    insert_new(db, timers, *(msgspec.structs.asdict(it) for it in rows.values() if it.alert in still))


def due(db: Connection, now_ns: int, limit: int) -> list[tuple[Timer, AlertFacts]]:
    """Timers that are due, with their alerts; the longest overdue first."""
    found = select(timers).where(TIMER_WAITING, timers.c.due_ns <= now_ns).order_by(timers.c.due_ns).limit(limit)
    ready = [Timer(**row._mapping) for row in db.execute(found)]
    facts = {it.id: it for it in map(_fact, db.execute(_facts().where(one_of(alerts.c.id, [t.alert for t in ready]))))}
    return [(it, facts[it.alert]) for it in ready if it.alert in facts]


def take(db: Connection, effects: Iterable[StepEffect]) -> int:
    """Carry steps out, within a transaction; how many."""
    return sum(_take(db, effect) for effect in effects)


def _take(db: Connection, effect: StepEffect) -> bool:
    before, after = effect.before, effect.after
    same = and_(timers.c.alert == before.alert, timers.c.id == before.id, timers.c.step == before.step, TIMER_WAITING)
    severity = db.execute(select(alerts.c.severity).where(alerts.c.id == before.alert, waits())).scalar()
    if severity is None:
        db.execute(delete(timers).where(same))  # it starts again when the alert waits again
        return False
    changed = {"step": after.step, "due_ns": after.due_ns, "state": after.state, "asked": after.asked}
    if db.execute(update(timers).where(same).values(changed)).rowcount != 1:
        return False
    db.execute(insert(escalation_steps), msgspec.structs.asdict(effect.taken))
    history.append(db, [effect.history])
    for notification in effect.notifications:
        enqueue_bounded(db, notification, critical=severity == "critical")
    return True


def follow(db: Connection, changed: Iterable[str], entries: Collection[HistoryEntry] = ()) -> None:
    """Of these alerts, end the timers and cancel the notifications of those that do not wait any more.

    Those that have become more severe begin their chain again: the time limits are others, and there may have been no
    step for what they were. Where a person has asked for help, the next step is due at once.
    """
    again = {it.alert for it in entries if it.action in _BEGINS_AGAIN}
    if again:
        db.execute(delete(timers).where(one_of(timers.c.alert, again)))
    for entry in entries:
        if entry.action == Effect.ESCALATION_REQUESTED.value:
            _step_now(db, entry)
    over = select(alerts.c.id).where(one_of(alerts.c.id, changed), not_(waits()))
    ids = db.execute(over).scalars().all()
    if ids:
        db.execute(delete(timers).where(one_of(timers.c.alert, ids)))
        waiting = (one_of(notifications.c.alert, ids), notifications.c.state == "waiting")
        db.execute(update(notifications).where(*waiting).values(state="cancelled", ended_ns=notifications.c.made_ns))


def _step_now(db: Connection, asked: HistoryEntry) -> None:
    """Make the next step due: that of the timer, else the one after the last that was taken for this alert."""
    mine = timers.c.alert == asked.alert
    if db.execute(update(timers).where(mine, TIMER_WAITING).values(due_ns=asked.time_ns, asked=1)).rowcount:
        return
    db.execute(delete(timers).where(mine))
    step = escalation_steps.c
    newest = select(step.step).where(step.alert == asked.alert).order_by(step.time_ns.desc(), step.step.desc()).limit(1)
    last = db.execute(newest).scalar()
    alert = db.execute(select(alerts.c.site, alerts.c.place).where(alerts.c.id == asked.alert, waits())).first()
    if alert is not None:
        timer = Timer(
            alert=asked.alert, id=asked.id, site=alert.site, place=alert.place, started_ns=asked.time_ns,
            step=0 if last is None else last + 1, due_ns=asked.time_ns, asked=1,
        )  # fmt: skip
        db.execute(insert(timers), msgspec.structs.asdict(timer))


def facts(db: Connection, alert_id: str) -> AlertFacts | None:
    """The fields of an alert."""
    return next((_fact(row) for row in db.execute(_facts().where(alerts.c.id == alert_id))), None)


def digest_facts(db: Connection, digest: str) -> list[AlertFacts]:
    """The alerts that a digest names and that are still stored."""
    named = select(digest_alerts.c.alert).where(digest_alerts.c.digest == digest)
    return [_fact(row) for row in db.execute(_facts().where(alerts.c.id.in_(named)))]


def taken(db: Connection, alert_id: str) -> list[TakenStep]:
    """An alert's steps, the oldest first."""
    mine = select(escalation_steps).where(escalation_steps.c.alert == alert_id)
    ordered = mine.order_by(escalation_steps.c.time_ns, escalation_steps.c.step)
    return [TakenStep(**row._mapping) for row in db.execute(ordered)]


def purge(db: Connection, before_ns: int, limit: int) -> int:
    """Erase notifications and steps that ended before a time, and timers of erased alerts; how many."""
    key = escalation_steps.c
    old = select(key.timer, key.step).where(key.time_ns < before_ns).order_by(key.time_ns).limit(limit)
    rows = db.execute(old).all()
    for timer, step in rows:
        db.execute(delete(escalation_steps).where(key.timer == timer, key.step == step))
    gone = select(timers.c.alert).where(~select(alerts.c.id).where(alerts.c.id == timers.c.alert).exists()).limit(limit)
    ids = db.execute(gone).scalars().all()
    if ids:
        db.execute(delete(timers).where(one_of(timers.c.alert, ids)))
    return len(rows) + len(ids) + purge_queue(db, before_ns, limit)


def _facts() -> Select[Any]:
    return select(*(alerts.c[name] for name in _FACTS), waits().label("waiting"))


def _fact(row: Row[Any]) -> AlertFacts:
    values = dict(row._mapping)
    return AlertFacts(**values | {"waiting": bool(values["waiting"])})
