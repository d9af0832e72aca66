"""Procedures: checklists on alerts, their ticks, and new versions by supervisors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.alerts.history import HistoryEntry, detail_text
from aggregator.domain.alerts.types import Alert, Closed, Outcome
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.shift.default_procedures import DEFAULTS
from aggregator.domain.shift.procedure import (
    MOST_VERSIONS,
    Checklist,
    Procedure,
    Tick,
    built_in,
    checked,
    closing_problem,
    valid_at,
)
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.alerts import AlertReader
from aggregator.domain.store_port.shift import ProcedureReader, ProcedureWriter
from common.clock import Clock
from common.errors import Forbidden, ProcedureError

FREE: frozenset[Outcome] = frozenset({"test", "maintenance"})
"""Outcomes that ask for no procedure."""
DONE, UNDONE = "step_done", "step_undone"
"""Actions of an alert's history."""


class Reader(AlertReader, ProcedureReader, Protocol):
    """What the service reads."""


@dataclass(frozen=True)
class ProcedureService:
    """Reads and changes procedures, after a check of permissions.

    Args:
        reader: Of the store.
        queue: Of the store's writer.
        clock: Of entries and versions.
        new_id: Gives ids for entries of histories.
    """

    reader: Reader
    queue: WriteJobs[ProcedureWriter]
    clock: Clock
    new_id: Callable[[], str]

    async def newest(self, caller: Principal) -> list[Procedure]:
        """The newest version of each kind and site within the caller's, and the built-in one of every other kind."""
        within = caller.within("alerts.see")
        stored = await asyncio.to_thread(self.reader.newest_procedures)
        replaced = {it.kind for it in stored if not it.site}
        seen = [it for it in stored if not it.site or within.touches(it.site)]
        found = [*seen, *(built_in(kind) for kind in DEFAULTS if kind not in replaced)]
        return sorted(found, key=lambda it: (it.kind, it.site))

    async def versions(self, caller: Principal, kind: str, site: str) -> list[Procedure]:
        """All versions of a kind at a site (empty: for all sites), the newest first."""
        if site and not caller.within("alerts.see").touches(site):
            return []
        stored = await asyncio.to_thread(self.reader.procedure_versions, kind, site)
        return [it for it in reversed(stored) if it.site == site]

    async def change(self, caller: Principal, wanted: Procedure) -> bool:
        """Make a new version; it is valid for alerts that are opened from now on.

        Args:
            caller: Who changes it.
            wanted: Kind, site, steps, and as `version` the next one after the version that was seen.

        Returns:
            False where somebody else has made a version meanwhile.

        Raises:
            Forbidden: It is not their site; a procedure for all sites needs the role everywhere.
            ProcedureError: A field is wrong.
        """
        if wanted.site:
            caller.need("procedure.change", wanted.site)
        elif not caller.within("procedure.change").everywhere:
            raise Forbidden("procedure.change for all sites is not among your roles; name a site of yours")
        steps = checked(wanted.kind, wanted.site, wanted.steps)
        if not 1 <= wanted.version <= MOST_VERSIONS:
            raise ProcedureError(f"after: must be the version that you have seen, at most {MOST_VERSIONS - 1}")
        now_ns = self.clock.wall_ns()
        made = Procedure(
            kind=wanted.kind, site=wanted.site, version=wanted.version, steps=steps, made_by=caller.name, made_ns=now_ns
        )
        detail = {"version": str(made.version), "steps": str(len(steps))}
        entry = AuditEntry(
            time_ns=now_ns, who=caller.name, what="procedure.changed", site=made.site, target=made.kind, detail=detail
        )
        return await self.queue.write(lambda store: store.add_procedure(made, entry))

    async def checklist(self, caller: Principal, alert_id: str) -> Checklist | None:
        """An alert's procedure as it was when the alert was opened, with its ticks; None: no such alert."""
        alert = await asyncio.to_thread(self.reader.alert_by_id, alert_id)
        if alert is None or not caller.may("alerts.see", alert.site, alert.place):
            return None
        return await asyncio.to_thread(self._checklist, alert)

    async def tick(self, caller: Principal, alert_id: str, step: int, done: bool) -> Checklist | None:
        """Tick a step off, or take the tick back; None: no such alert.

        Raises:
            ProcedureError: There is no such step, or the alert is closed.
        """
        alert = await asyncio.to_thread(self.reader.alert_by_id, alert_id)
        if alert is None or not caller.may("alerts.work", alert.site, alert.place):
            return None
        if alert.status == "closed":
            raise ProcedureError("the alert is closed; open it again first")
        there = (await asyncio.to_thread(self._checklist, alert)).procedure
        if not 1 <= step <= len(there.steps):
            raise ProcedureError(f"step: must be from 1 to {len(there.steps)}")
        await self._write(caller, alert, there, step, done)
        return await asyncio.to_thread(self._checklist, alert)

    async def _write(self, caller: Principal, alert: Alert, procedure: Procedure, step: int, done: bool) -> None:
        now_ns, sentence = self.clock.wall_ns(), procedure.steps[step - 1]
        values = {"step": step, "version": procedure.version, "en": sentence.en, "zh_CN": sentence.zh_CN}
        done_entry = HistoryEntry(
            id=self.new_id(), alert=alert.id, time_ns=now_ns, actor=caller.name,
            via="dashboard" if caller.only is None else "api", action=DONE if done else UNDONE,
            detail=detail_text(values),
        )  # fmt: skip
        entry = AuditEntry(
            time_ns=now_ns, who=caller.name, what="procedure.ticked" if done else "procedure.unticked",
            site=alert.site, target=alert.id, detail={"step": str(step), "version": str(procedure.version)},
        )  # fmt: skip
        tick = Tick(alert=alert.id, step=step, by=caller.name, time_ns=now_ns)
        if done:
            await self.queue.write(lambda store: store.put_tick(tick, done_entry, entry))
        else:
            await self.queue.write(lambda store: store.remove_tick(alert.id, step, done_entry, entry))

    def closing_problems(self, wanted: Sequence[tuple[Alert, Closed]]) -> Mapping[str, str]:
        """Alert → why it may not be closed so. May be called on any thread."""
        asked = [(alert, wish) for alert, wish in wanted if alert.status == "open" and wish.outcome not in FREE]
        versions: dict[tuple[str, str], list[Procedure]] = {}
        ticks: dict[str, list[Tick]] = {}
        for alert, _ in asked:
            if (alert.kind, alert.site) not in versions:
                found = self.reader.procedure_versions(alert.kind, alert.site)
                versions[alert.kind, alert.site] = found
        for tick in self.reader.procedure_ticks([alert.id for alert, _ in asked]) if asked else ():
            ticks.setdefault(tick.alert, []).append(tick)
        problems = {}
        for alert, wish in asked:
            valid = valid_at(versions[alert.kind, alert.site], alert.kind, alert.site, alert.opened_ns)
            problem = closing_problem(Checklist(valid, tuple(ticks.get(alert.id, ()))), wish.note)
            if problem:
                problems[alert.id] = problem
        return problems

    def _checklist(self, alert: Alert) -> Checklist:
        versions = self.reader.procedure_versions(alert.kind, alert.site)
        valid = valid_at(versions, alert.kind, alert.site, alert.opened_ns)
        return Checklist(valid, tuple(self.reader.procedure_ticks([alert.id])))
