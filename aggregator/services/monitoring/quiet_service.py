"""Silences, maintenance windows and shelved sources, after a check of permissions.

A monitor shelves (`alerts.work`); only a supervisor silences or plans maintenance (`silences.change`), and only a
supervisor makes a critical alert quiet, with a reason. Nobody's decision reaches further than their own scope. Each is
written with its audit entry, and with the first alerts that it changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.alerts.types import Alert, Severity
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.quiet import maintenance, matching, shelving, silence
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.matching import FIELDS, Matcher, Universe
from aggregator.domain.quiet.shelving import Shelf
from aggregator.domain.quiet.silence import Silence, would_hide
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.alerts import AlertReader
from aggregator.domain.store_port.quiet import QuietLookup, QuietReader
from aggregator.services.monitoring.quiet_universe import QuietUniverse
from common.clock import DAY_NS, Clock
from common.errors import Forbidden, QuietError

MOST_READ = 20_000
"""Decisions of all sites that are read; the limits of each site keep far below it while they are in force."""
MOST_EXAMPLES = 50
MOST_EXAMINED = 20_000
"""Alerts that a preview compares."""
_PAGE = 500
Apply = Callable[[QuietDecisions, list[AuditEntry]], None]


class Store(AlertReader, QuietReader, Protocol):
    """What is read."""


@dataclass(frozen=True)
class Preview:
    """What a silence would have hidden.

    Attributes:
        count: Alerts of the last 24 hours in the caller's scope that it covers.
        examples: The newest of them.
        complete: Whether all alerts were compared; else `count` is a lower bound.
    """

    count: int
    examples: list[Alert]
    complete: bool


@dataclass(frozen=True)
class QuietService:
    """See the module.

    Args:
        reader: Of the store.
        queue: Of the store's writer.
        apply: Commits decisions with audit entries and publishes the changed alerts; called on the writer's thread.
        universe: What there is at each site.
        clock: Wall clock.
        new_id: Makes ids.
    """

    reader: Store
    queue: WriteJobs[QuietLookup]
    apply: Apply
    universe: QuietUniverse
    clock: Clock
    new_id: Callable[[], str]

    async def preview(self, caller: Principal, match: Matcher) -> Preview:
        """What a silence with this matcher would have hidden in the last 24 hours, in the caller's scope.

        Raises:
            Forbidden: It reaches beyond the caller's scope.
            QuietError: The matcher cannot be.
            StoreError: It cannot be read.
        """
        return await asyncio.to_thread(self._preview, caller, match)

    async def silence(
        self, caller: Principal, match: Matcher, span_ns: tuple[int | None, int], reason: str
    ) -> tuple[Silence, Preview]:
        """Make a silence; `span_ns` is from (None: now) and until.

        Raises:
            Forbidden: The caller may not silence there.
            QuietError: It cannot be; names the field and the fix.
            StoreError: It could not be written.
        """
        preview = await self.preview(caller, match)
        now_ns = self.clock.wall_ns()
        wanted = Silence(
            id=self.new_id(), match=match, owner=caller.name, reason=reason, from_ns=span_ns[0] or now_ns,
            until_ns=span_ns[1], made_ns=now_ns,
        )  # fmt: skip
        made = silence.check(wanted, await self._own(caller), now_ns)
        await self._write(QuietDecisions(silences=[made]), [_audit("silence.created", caller, made)], _room_for_silence)
        return made, preview

    async def end_silence(self, caller: Principal, silence_id: str) -> Silence | None:
        """End a silence early; None: there is none that the caller may see.

        Raises:
            Forbidden: The caller may not end it.
            QuietError: It has ended already.
            StoreError: It could not be written.
        """
        found = next((it for it in await self.silences(caller, ended=True) if it.id == silence_id), None)
        if found is None:
            return None
        self._need_silence(caller, found.match, await self._now())
        ended = silence.end(found, caller.name, self.clock.wall_ns())
        await self._write(QuietDecisions(silences=[ended]), [_audit("silence.ended", caller, ended)])
        return ended

    async def silences(self, caller: Principal, *, ended: bool) -> list[Silence]:
        """Silences that touch the caller's scope, the newest first.

        Raises:
            StoreError: They cannot be read.
        """
        universe, scope = await self._now(), caller.within("silences.see")
        found = await asyncio.to_thread(self.reader.silences, self.clock.wall_ns(), ended, MOST_READ)
        return [it for it in found if silence.touches(it.match, universe, scope)]

    async def plan_maintenance(self, caller: Principal, wanted: Window) -> Window:
        """Plan a maintenance window; id, owner and time of its making are given here.

        Raises:
            Forbidden: The caller may not silence there.
            QuietError: It cannot be; names the field and the fix.
            StoreError: It could not be written.
        """
        now_ns, universe = self.clock.wall_ns(), await self._own(caller)
        own = msgspec.structs.replace(
            wanted, id=self.new_id(), owner=caller.name, made_ns=now_ns, from_ns=wanted.from_ns or now_ns, ended_by=""
        )
        made = maintenance.check(own, universe, now_ns)
        self._need_window(caller, made, universe)
        await self._write(
            QuietDecisions(windows=[made]), [_audit("maintenance.created", caller, made)], _room_for_window
        )
        return made

    async def end_maintenance(self, caller: Principal, window_id: str) -> Window | None:
        """End a window early; None: there is none that the caller may see.

        Raises:
            Forbidden: The caller may not end it.
            QuietError: It has ended already.
            StoreError: It could not be written.
        """
        found = next((it for it in await self.windows(caller, ended=True) if it.id == window_id), None)
        if found is None:
            return None
        self._need_window(caller, found, await self._now())
        ended = maintenance.end(found, caller.name, self.clock.wall_ns())
        await self._write(QuietDecisions(windows=[ended]), [_audit("maintenance.ended", caller, ended)])
        return ended

    async def windows(self, caller: Principal, *, ended: bool) -> list[Window]:
        """Maintenance windows that touch the caller's scope, the newest first.

        Raises:
            StoreError: They cannot be read.
        """
        universe, scope = await self._now(), caller.within("silences.see")
        found = await asyncio.to_thread(self.reader.maintenance_windows, self.clock.wall_ns(), ended, MOST_READ)
        return [it for it in found if maintenance.touches(it, universe, scope)]

    async def shelve(self, caller: Principal, wanted: Shelf) -> Shelf:
        """Shelve a source, or one alert of it; id, owner and time of its making are given here.

        Raises:
            Forbidden: The caller may not work on alerts there.
            QuietError: It cannot be; names the field and the fix.
            StoreError: It could not be written.
        """
        source, now_ns = wanted.source, self.clock.wall_ns()
        caller.need("alerts.work", source.site, source.place)
        supervisor = caller.may("silences.change", source.site, source.place)
        if wanted.critical and not supervisor:
            raise QuietError("critical: only a supervisor shelves critical alerts")
        severity = await asyncio.to_thread(self._severity_of, wanted)
        length_ns = wanted.until_ns - wanted.made_ns
        own = msgspec.structs.replace(
            wanted,
            id=self.new_id(),
            owner=caller.name,
            made_ns=now_ns,
            until_ns=now_ns + length_ns,
            ended_by="",
            critical=wanted.critical or severity == "critical",
        )
        made = shelving.check(own, supervisor=supervisor, severity=severity)
        await self._write(QuietDecisions(shelves=[made]), [_audit("source.shelved", caller, made)], _room_for_shelf)
        return made

    def _severity_of(self, wanted: Shelf) -> Severity | None:
        """Of the alert that is to be shelved; None for a source."""
        if not wanted.alert:
            return None
        alert = self.reader.alert_by_id(wanted.alert)
        source = wanted.source
        if alert is None or (alert.site, alert.place) != (source.site, source.place):
            raise QuietError("alert: is no alert of this device")
        return alert.severity

    async def unshelve(self, caller: Principal, shelf_id: str) -> Shelf | None:
        """End a shelf early; None: there is none that the caller may see.

        Raises:
            QuietError: It has ended already.
            StoreError: It could not be written.
        """
        found = next((it for it in await self.shelves(caller, ended=True) if it.id == shelf_id), None)
        if found is None:
            return None
        caller.need("alerts.work", found.source.site, found.source.place)
        ended = shelving.unshelve(found, caller.name, self.clock.wall_ns())
        await self._write(QuietDecisions(shelves=[ended]), [_audit("source.unshelved", caller, ended)])
        return ended

    async def shelves(self, caller: Principal, *, ended: bool) -> list[Shelf]:
        """Shelves of sources in the caller's scope, the newest first.

        Raises:
            StoreError: They cannot be read.
        """
        scope = caller.within("alerts.see")
        found = await asyncio.to_thread(self.reader.shelves, self.clock.wall_ns(), ended, MOST_READ)
        return [it for it in found if scope.holds(it.source.site, it.source.place)]

    async def _now(self) -> Universe:
        return await asyncio.to_thread(self.universe.now)

    async def _own(self, caller: Principal) -> Universe:
        """What there is at the sites where the caller may silence something."""
        return (await self._now()).within(caller.within("silences.change"))

    def _preview(self, caller: Principal, match: Matcher) -> Preview:
        universe = self.universe.now().within(caller.within("silences.change"))
        matching.check(match, universe)
        self._need_silence(caller, match, universe)
        since_ns = self.clock.wall_ns() - DAY_NS
        scope = caller.within("alerts.see")
        site = match.site[0] if len(match.site) == 1 else None
        hidden: list[Alert] = []
        examined, after = 0, None  # type: int, tuple[int, int, str] | None
        while examined < MOST_EXAMINED:
            query = AlertQuery(site=site, from_ns=since_ns, within=scope, limit=_PAGE, after=after)
            page = self.reader.alerts(query)
            examined += len(page)
            hidden += would_hide(match, page, universe.areas)
            if len(page) < _PAGE:
                return Preview(len(hidden), hidden[:MOST_EXAMPLES], True)
            after = (0, page[-1].last_ns, page[-1].id)
        return Preview(len(hidden), hidden[:MOST_EXAMPLES], False)

    def _need_silence(self, caller: Principal, match: Matcher, universe: Universe) -> None:
        if not silence.lies_within(match, universe, caller.within("silences.change")):
            raise Forbidden(
                "silences.change at all that match covers is not among your roles; name your places or areas"
            )

    def _need_window(self, caller: Principal, window: Window, universe: Universe) -> None:
        if not maintenance.lies_within(window, universe, caller.within("silences.change")):
            raise Forbidden("silences.change at all of these devices is not among your roles")

    async def _write(
        self,
        decisions: QuietDecisions,
        entries: list[AuditEntry],
        check: Callable[[QuietDecisions, QuietDecisions], None] = lambda _, __: None,
    ) -> None:
        def job(store: QuietLookup) -> None:
            check(store.quiet_in_force(self.clock.wall_ns()), decisions)
            self.apply(decisions, entries)

        await self.queue.write(job)


def _room_for_silence(known: QuietDecisions, new: QuietDecisions) -> None:
    for site in new.silences[0].match.site:
        if sum(site in it.match.site for it in known.silences) >= silence.MOST_SILENCES:
            raise QuietError(f"match.site: one has {silence.MOST_SILENCES} silences already; end some of them")


def _room_for_window(known: QuietDecisions, new: QuietDecisions) -> None:
    site = new.windows[0].site
    if sum(site == it.site for it in known.windows) >= maintenance.MOST_WINDOWS:
        raise QuietError(f"site: it has {maintenance.MOST_WINDOWS} maintenance windows already; end some of them")


def _room_for_shelf(known: QuietDecisions, new: QuietDecisions) -> None:
    site = new.shelves[0].source.site
    if sum(site == it.source.site for it in known.shelves) >= shelving.MOST_SHELVES:
        raise QuietError(f"site: it has {shelving.MOST_SHELVES} shelved sources already; unshelve some of them")


def _audit(action: Action, caller: Principal, decision: Silence | Window | Shelf) -> AuditEntry:
    at = (
        decision.made_ns
        if action in ("silence.created", "maintenance.created", "source.shelved")
        else decision.until_ns
    )
    site, detail = _about(decision)
    return AuditEntry(
        time_ns=at, who=caller.name, what=action, site=site, target=decision.id, reason=decision.reason,
        detail=detail | {"until_ns": str(decision.until_ns)},
    )  # fmt: skip


def _about(decision: Silence | Window | Shelf) -> tuple[str, dict[str, str]]:
    if isinstance(decision, Silence):
        match = decision.match
        detail = {name: " ".join(getattr(match, name)) for name in FIELDS if getattr(match, name)}
        return (match.site[0] if len(match.site) == 1 else ""), detail
    if isinstance(decision, Window):
        named = {"devices": " ".join(decision.devices), "area": decision.area}
        critical = {"critical": "yes"} if decision.critical else {}
        return decision.site, {key: text for key, text in named.items() if text} | critical
    source = decision.source
    named = {
        "alert": decision.alert,
        "place": source.place,
        "box": source.box,
        "kind": source.kind,
        "mode": decision.mode,
    }
    critical = {"critical": "yes"} if decision.critical else {}
    return source.site, {key: text for key, text in named.items() if text} | critical
