"""Procedures with their ticks, hand-overs and notes; each change with its entries in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, false, func, literal, or_, select, true, tuple_, update
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.shift.handover import Handover, ShiftNote
from aggregator.domain.shift.procedure import Procedure, Tick
from aggregator.domain.shift.scopes import ScopeFilter, site_of
from aggregator.domain.shift.step import Step
from aggregator.storage.engines.database import insert_new, one_of
from aggregator.storage.schema.columns import INTEGER
from aggregator.storage.schema.shift import HANDOVER_WAITING, handovers, procedure_ticks, procedures, shift_notes
from aggregator.storage.tables.alerts import history as alert_history
from aggregator.storage.tables.audit import entries as audit

_STEPS = msgspec.json.Decoder(tuple[Step, ...])
_HANDOVER = tuple(handovers.c[name] for name in Handover.__struct_fields__)
_NOTE = tuple(shift_notes.c[name] for name in ShiftNote.__struct_fields__)


def versions(db: Connection, kind: str | None = None, site: str | None = None) -> list[Procedure]:
    """All versions: of a kind or of all, of a site (with those for all sites) or of all."""
    found = select(procedures).order_by(procedures.c.kind, procedures.c.site, procedures.c.version)
    if kind is not None:
        found = found.where(procedures.c.kind == kind)
    if site is not None:
        found = found.where(procedures.c.site.in_(("", site)))
    return [_procedure(row) for row in db.execute(found)]


def newest(db: Connection) -> list[Procedure]:
    """The newest version of each kind and site."""
    key = (procedures.c.kind, procedures.c.site)
    last = select(*key, func.max(procedures.c.version)).group_by(*key)
    found = select(procedures).where(tuple_(*key, procedures.c.version).in_(last)).order_by(*key)
    return [_procedure(row) for row in db.execute(found)]


def add(db: Connection, procedure: Procedure, entry: AuditEntry) -> bool:
    """Add a version; False where it is not the next one. Within a transaction."""
    there = (procedures.c.kind == procedure.kind, procedures.c.site == procedure.site)
    last = db.execute(select(func.max(procedures.c.version)).where(*there)).scalar() or 0
    if procedure.version != last + 1:
        return False
    steps = msgspec.json.encode(procedure.steps).decode()
    insert_new(db, procedures, msgspec.structs.asdict(procedure) | {"steps": steps})
    audit.append(db, [entry])
    return True


def ticks(db: Connection, alerts: Iterable[str]) -> list[Tick]:
    """The ticks of alerts, by step."""
    found = select(procedure_ticks).where(one_of(procedure_ticks.c.alert, alerts))
    ordered = found.order_by(procedure_ticks.c.alert, procedure_ticks.c.step)
    return [Tick(**row._mapping) for row in db.execute(ordered)]


def put_tick(db: Connection, tick: Tick, history: HistoryEntry, entry: AuditEntry) -> bool:
    """Tick a step off; False where it is. Within a transaction."""
    if not insert_new(db, procedure_ticks, msgspec.structs.asdict(tick)):
        return False
    _record(db, history, entry)
    return True


def remove_tick(db: Connection, alert: str, step: int, history: HistoryEntry, entry: AuditEntry) -> bool:
    """Take a tick back; False where there is none. Within a transaction."""
    there = delete(procedure_ticks).where(procedure_ticks.c.alert == alert, procedure_ticks.c.step == step)
    if db.execute(there).rowcount != 1:
        return False
    _record(db, history, entry)
    return True


def _record(db: Connection, history: HistoryEntry, entry: AuditEntry) -> None:
    alert_history.append(db, [history])
    audit.append(db, [entry])


def handover(db: Connection, handover_id: str) -> Handover | None:
    """One document."""
    row = db.execute(select(*_HANDOVER).where(handovers.c.id == handover_id)).one_or_none()
    return None if row is None else Handover(**row._mapping)


def handover_list(
    db: Connection, within: ScopeFilter, limit: int, before: tuple[int, str] | None = None
) -> list[Handover]:
    """Documents, newest first."""
    found = select(*_HANDOVER).where(_inside(within, handovers.c))
    if before is not None:
        at = tuple_(literal(before[0], INTEGER), literal(before[1]))
        found = found.where(tuple_(handovers.c.left_ns, handovers.c.id) < at)
    ordered = found.order_by(handovers.c.left_ns.desc(), handovers.c.id.desc()).limit(limit)
    return [Handover(**row._mapping) for row in db.execute(ordered)]


def last_taken(db: Connection, scope: str) -> Handover | None:
    """The newest document of this scope that both have signed."""
    found = select(*_HANDOVER).where(handovers.c.scope == scope, handovers.c.state == "taken")
    row = db.execute(found.order_by(handovers.c.left_ns.desc(), handovers.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Handover(**row._mapping)


def put_handover(db: Connection, made: Handover, entry: AuditEntry) -> None:
    """Add a document; one of its scope that still waits is replaced. Within a transaction."""
    waiting = update(handovers).where(handovers.c.scope == made.scope, HANDOVER_WAITING)
    db.execute(waiting.values(state="replaced"))
    insert_new(db, handovers, msgspec.structs.asdict(made) | {"site": site_of(made.scope)})
    audit.append(db, [entry])


def take(db: Connection, taken: Handover, entry: AuditEntry) -> bool:
    """Write the second signature; False where the document does not wait for it. Within a transaction."""
    waiting = update(handovers).where(handovers.c.id == taken.id, handovers.c.digest == taken.digest, HANDOVER_WAITING)
    signed = {"state": "taken", "taken_by": taken.taken_by, "taken_ns": taken.taken_ns}
    return audit.change_one(db, waiting.values(signed), entry)


def notes(db: Connection, within: ScopeFilter, since_ns: int, limit: int) -> list[ShiftNote]:
    """The newest notes written since a time, oldest first."""
    found = select(*_NOTE).where(_inside(within, shift_notes.c), shift_notes.c.time_ns >= since_ns)
    ordered = found.order_by(shift_notes.c.time_ns.desc(), shift_notes.c.id.desc()).limit(limit)
    return [ShiftNote(**row._mapping) for row in db.execute(ordered)][::-1]


def add_note(db: Connection, note: ShiftNote, entry: AuditEntry) -> None:
    """Add a note; within a transaction."""
    insert_new(db, shift_notes, msgspec.structs.asdict(note) | {"site": site_of(note.scope)})
    audit.append(db, [entry])


def _inside(within: ScopeFilter, columns: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    if within.everywhere:
        return true()
    sites = columns.site.in_(sorted(within.sites)) if within.sites else false()
    return or_(sites, columns.scope.in_(sorted(within.scopes)) if within.scopes else false())


def _procedure(row: Row[Any]) -> Procedure:
    return Procedure(**row._asdict() | {"steps": _STEPS.decode(row.steps)})
