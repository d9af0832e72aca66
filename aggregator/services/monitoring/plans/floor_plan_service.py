"""Plans of sites and areas: who sees which, and their changes, each in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from aggregator.domain.accounts.authorization import PERMISSIONS, Principal
from aggregator.domain.alerts.types import Severity
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.floor_plan import FloorPlan, SiteLocation, Symbol, checked
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.alerts import OpenCounts
from aggregator.domain.store_port.floor_plans import FloorPlanReader, FloorPlanWriter
from aggregator.services.monitoring.plans.plan_picture import recoded
from common.clock import Clock
from common.errors import PlanError
from common.running.fresh_value import FreshValue

Sites = Mapping[str, Collection[str]]
"""Site → its areas."""
PlaceCounts = Mapping[tuple[str, str], Mapping[Severity, int]]
"""(site, place) → open alerts by severity."""


@dataclass(frozen=True)
class FloorPlanService:
    """Reads and changes plans, after a check of permissions. Belongs to the event loop.

    Args:
        reader: Of the store.
        queue: Of the store's writer.
        sites: The sites of the settings and of the boxes, with their areas; may read the store.
        clock: Of entries and changes.
        counts: Open alerts by place; read once a second for all who look at a map or a wall.
    """

    reader: FloorPlanReader
    queue: WriteJobs[FloorPlanWriter]
    sites: Callable[[], Sites]
    clock: Clock
    counts: FreshValue[OpenCounts]
    _decoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """One picture at a time: each takes some 300 MB while it is decoded."""

    async def plans(self, caller: Principal) -> list[FloorPlan]:
        """The plans that a caller may see, with those of their symbols that lie in the caller's places."""
        found = await asyncio.to_thread(self.reader.floor_plans)
        return [_within(caller, it) for it in found if _sees(caller, it.site, it.area)]

    async def locations(self, caller: Principal) -> list[SiteLocation]:
        """Where the caller's sites are."""
        within = caller.within("plans.see")
        return [it for it in await asyncio.to_thread(self.reader.site_locations) if within.touches(it.site)]

    async def picture(self, caller: Principal, site: str, area: str) -> bytes | None:
        """A plan's picture, WebP; None: there is none that the caller may see."""
        if not _sees(caller, site, area):
            return None
        return await asyncio.to_thread(self.reader.floor_plan_picture, site, area)

    async def place_alerts(self, caller: Principal) -> PlaceCounts:
        """Open alerts that are not hidden, of each of the caller's places."""
        within = caller.within("alerts.see")
        found: dict[tuple[str, str], dict[Severity, int]] = {}
        counts = await asyncio.to_thread(self.counts.get)
        for (site, place, severity, suppressed), count in counts.items():
            if not suppressed and within.holds(site, place):
                found.setdefault((site, place), {})[severity] = count
        return found

    async def upload(self, caller: Principal, site: str, area: str, data: bytes) -> FloorPlan:
        """Add a plan, or give it another picture.

        Raises:
            Forbidden: It is not their site.
            PlanError: There is no such site or area, or the picture cannot be used.
        """
        await self._need(caller, site, area)
        async with self._decoding:
            picture = await asyncio.to_thread(recoded, data)
        plan = FloorPlan(
            site=site, area=area, width_px=picture.width_px, height_px=picture.height_px, digest=picture.digest,
            changed_by=caller.name, changed_ns=self.clock.wall_ns(),
        )  # fmt: skip
        entry = self._entry(caller, "plan.changed", site, area, {"change": "picture", "sha256": picture.digest[:16]})
        await self.queue.write(lambda store: store.put_floor_plan(plan, picture.webp, entry))
        return await self._one(site, area)

    async def place(
        self, caller: Principal, site: str, area: str, *, seen: int, symbols: Sequence[Symbol]
    ) -> FloorPlan | None:
        """Replace a plan's symbols; None: somebody has changed it since the version that the caller has seen.

        Raises:
            Forbidden: It is not their site.
            PlanError: There is no such plan, or a symbol is wrong.
        """
        await self._need(caller, site, area)
        now_ns, plan = self.clock.wall_ns(), await self._one(site, area)
        changed = msgspec.structs.replace(
            plan, version=seen + 1, symbols=checked(symbols), changed_by=caller.name, changed_ns=now_ns
        )
        entry = self._entry(caller, "plan.changed", site, area, {"change": "symbols", "symbols": str(len(symbols))})
        done = await self.queue.write(lambda store: store.place_symbols(changed, entry))
        return await self._one(site, area) if done else None

    async def remove(self, caller: Principal, site: str, area: str) -> bool:
        """Delete a plan; False where there is none.

        Raises:
            Forbidden: It is not their site.
        """
        caller.need("plans.change", site)
        entry = self._entry(caller, "plan.removed", site, area, {})
        return await self.queue.write(lambda store: store.delete_floor_plan(site, area, entry))

    async def locate(self, caller: Principal, location: SiteLocation) -> None:
        """Say where a site is.

        Raises:
            Forbidden: It is not their site.
            PlanError: There is no such site.
        """
        await self._need(caller, location.site, "")
        degrees = f"{location.latitude_udeg / 1e6:.6f}, {location.longitude_udeg / 1e6:.6f}"
        entry = self._entry(caller, "site.located", location.site, "", {"position": degrees})
        await self.queue.write(lambda store: store.put_site_location(location, entry))

    async def forget_location(self, caller: Principal, site: str) -> bool:
        """Forget where a site is; False where that was not known.

        Raises:
            Forbidden: It is not their site.
        """
        caller.need("plans.change", site)
        entry = self._entry(caller, "site.located", site, "", {"position": "-"})
        return await self.queue.write(lambda store: store.delete_site_location(site, entry))

    async def _one(self, site: str, area: str) -> FloorPlan:
        plan = await asyncio.to_thread(self.reader.floor_plan, site, area)
        if plan is None:
            raise PlanError("area: there is no plan of it; upload a picture first")
        return plan

    async def _need(self, caller: Principal, site: str, area: str) -> None:
        caller.need("plans.change", site)
        known = await asyncio.to_thread(self.sites)
        if site not in known:
            raise PlanError("site: there is no such site in the settings, and no box of it")
        if area and area not in known[site]:
            listed = ", ".join(sorted(known[site])[:20]) or "none"
            raise PlanError(f"area: there is no such area at this site; known: {listed}")

    def _entry(self, caller: Principal, what: Action, site: str, area: str, detail: dict[str, str]) -> AuditEntry:
        return AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what=what, site=site, target=area, detail=detail
        )


def _sees(caller: Principal, site: str, area: str) -> bool:
    """Whoever has the whole site sees all its plans; whoever has an area, that one's."""
    within = caller.within("plans.see")
    if within.holds(site):
        return True
    named = any(it.scope == f"{site}/{area}" and it.role in PERMISSIONS["plans.see"] for it in caller.grants)
    return bool(area) and named and not within.nothing


def _within(caller: Principal, plan: FloorPlan) -> FloorPlan:
    scope = caller.within("plans.see")
    seen = [it for it in plan.symbols if it.kind == "box" or scope.holds(plan.site, it.id)]
    return msgspec.structs.replace(plan, symbols=tuple(seen))
