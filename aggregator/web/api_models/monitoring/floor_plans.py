"""Plans, their symbols, and the positions of sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from aggregator.domain.alerts.types import SEVERITIES, Severity
from aggregator.domain.floor_plan import MOST_SYMBOLS, FloorPlan, SiteLocation, Symbol, SymbolKind
from aggregator.web.api_models.base import NameText, RequestModel, ResponseModel, Time, example
from protocol.identifiers import to_rfc3339

MOST_VERSION = 2**40
_SYMBOL = {"kind": "camera", "box": "gate-1", "id": "cam-1", "x": 0.25, "y": 0.5, "direction": 90}
_PLAN = {
    "site": "village", "area": "", "picture": "/api/plans/village/picture?area=&v=9f86d081", "width_px": 1600,
    "height_px": 900, "version": 3, "symbols": [_SYMBOL], "changed_by": "chen",
    "changed": "2026-11-23T08:00:00.000000000Z",
}  # fmt: skip
_LOCATION = {"site": "village", "latitude": 26.882123, "longitude": 120.005}
_COUNTS = {"site": "village", "id": "cam-1", "critical": 0, "high": 1, "medium": 2, "low": 0}
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class SymbolModel(RequestModel):
    """A device on a plan."""

    model_config = example(_SYMBOL)

    kind: SymbolKind
    box: NameText
    id: NameText = Field(description="Of the camera, door or gate; of a box its name again.")
    x: _Share = Field(description="From the left edge (0) to the right one (1).")
    y: _Share = Field(description="From the upper edge (0) to the lower one (1).")
    direction: Annotated[int, Field(ge=0, lt=360)] | None = Field(
        default=None, description="Where a camera looks: degrees clockwise from up."
    )

    def symbol(self) -> Symbol:
        """As the domain has it."""
        return Symbol(kind=self.kind, box=self.box, id=self.id, x=self.x, y=self.y, direction=self.direction)

    @classmethod
    def of(cls, symbol: Symbol) -> SymbolModel:
        """From the domain's."""
        return cls(
            kind=symbol.kind, box=symbol.box, id=symbol.id, x=float(symbol.x), y=float(symbol.y),
            direction=symbol.direction,
        )  # fmt: skip


class SymbolsRequest(RequestModel):
    """All symbols of a plan."""

    model_config = example(version=2, symbols=[_SYMBOL])

    version: int = Field(description="Of the plan that you have seen.", ge=1, lt=MOST_VERSION)
    symbols: list[SymbolModel] = Field(max_length=MOST_SYMBOLS)


class LocationRequest(RequestModel):
    """Where a site is (WGS 84)."""

    model_config = example(latitude=26.882123, longitude=120.005)

    latitude: Annotated[float, Field(ge=-85, le=85, allow_inf_nan=False, description="Degrees, north is positive.")]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees, east is positive.")]

    def of_site(self, site: str) -> SiteLocation:
        """As the domain has it."""
        return SiteLocation(
            site=site, latitude_udeg=round(self.latitude * 1e6), longitude_udeg=round(self.longitude * 1e6)
        )


class PlanResponse(ResponseModel):
    """A plan of a site or of one of its areas."""

    model_config = example(_PLAN)

    site: str
    area: str = Field(description="Empty: the whole site.")
    picture: str = Field(description="Where its picture is; another picture has another address.")
    width_px: int
    height_px: int
    version: int
    symbols: list[SymbolModel] = Field(description="Those of the caller's places.")
    changed_by: str
    changed: Time

    @classmethod
    def of(cls, plan: FloorPlan) -> PlanResponse:
        """From the domain's."""
        return cls(
            site=plan.site, area=plan.area, width_px=plan.width_px, height_px=plan.height_px, version=plan.version,
            picture=f"/api/plans/{plan.site}/picture?area={plan.area}&v={plan.digest[:8]}",
            symbols=[SymbolModel.of(it) for it in plan.symbols], changed_by=plan.changed_by,
            changed=to_rfc3339(plan.changed_ns),
        )  # fmt: skip


class LocationResponse(ResponseModel):
    """Where a site is (WGS 84)."""

    model_config = example(_LOCATION)

    site: str
    latitude: float
    longitude: float

    @classmethod
    def of(cls, location: SiteLocation) -> LocationResponse:
        """From the domain's."""
        return cls(site=location.site, latitude=location.latitude_udeg / 1e6, longitude=location.longitude_udeg / 1e6)


class PlansResponse(ResponseModel):
    """Plans and positions of the caller's sites."""

    model_config = example(plans=[_PLAN], locations=[_LOCATION], tiles="", attribution="")

    plans: list[PlanResponse]
    locations: list[LocationResponse]
    tiles: str = Field(description="The address of map tiles in the settings; empty: none.")
    attribution: str = Field(description="What must be named beside the tiles.")


class RemovedResponse(ResponseModel):
    """Something was removed."""

    model_config = example(removed=True)

    removed: bool


class PlaceCountsResponse(ResponseModel):
    """Open alerts of a place that are not hidden, by severity."""

    model_config = example(_COUNTS)

    site: str
    id: str = Field(description="Of the camera, door, gate or box.")
    critical: int
    high: int
    medium: int
    low: int

    @classmethod
    def of(cls, site: str, place: str, counts: Mapping[Severity, int]) -> PlaceCountsResponse:
        """From the service's."""
        critical, high, medium, low = (counts.get(it, 0) for it in reversed(SEVERITIES))
        return cls(site=site, id=place, critical=critical, high=high, medium=medium, low=low)


class PlaceAlertsResponse(ResponseModel):
    """The caller's places with open alerts."""

    model_config = example(places=[_COUNTS])

    places: list[PlaceCountsResponse]


AreaText = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_.\-]*$")]
"""An area's name; empty for the whole site."""
