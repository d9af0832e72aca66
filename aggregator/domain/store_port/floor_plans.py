"""Plans of sites and areas, and the positions of sites."""

from __future__ import annotations

from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.floor_plan import FloorPlan, SiteLocation


class FloorPlanReader(Protocol):
    """Reads plans."""

    def floor_plans(self) -> list[FloorPlan]:
        """All plans, by site and area, without their pictures."""

    def floor_plan(self, site: str, area: str) -> FloorPlan | None:
        """One plan without its picture; an empty `area`: of the whole site."""

    def floor_plan_picture(self, site: str, area: str) -> bytes | None:
        """The picture of a plan."""

    def site_locations(self) -> list[SiteLocation]:
        """Where sites are, by site."""


class FloorPlanWriter(Protocol):
    """Writes plans."""

    def put_floor_plan(self, plan: FloorPlan, picture: bytes, entry: AuditEntry) -> None:
        """Add a plan, or give it another picture: its symbols stay, and its version rises."""

    def place_symbols(self, plan: FloorPlan, entry: AuditEntry) -> bool:
        """Replace the symbols; False where `plan.version` is not the next one after the version that is there."""

    def delete_floor_plan(self, site: str, area: str, entry: AuditEntry) -> bool:
        """Delete a plan; False where there is none."""

    def put_site_location(self, location: SiteLocation, entry: AuditEntry) -> None:
        """Say where a site is."""

    def delete_site_location(self, site: str, entry: AuditEntry) -> bool:
        """Forget where a site is; False where that was not known."""
