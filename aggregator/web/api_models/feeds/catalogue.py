"""The catalogue of cameras, as JSON and as GeoJSON (RFC 7946)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from aggregator.services.video_out.catalogue import CatalogueEntry
from aggregator.web.api_models.base import ResponseModel, example

_CAMERA: dict[str, Any] = {
    "id": "yard", "name": "Yard", "site": "village", "site_name": "Stone Bridge", "box": "gate-1",
    "areas": ["yards"], "latitude": 26.88, "longitude": 120.0,
    "plan": {"area": "yards", "x": 0.25, "y": 0.5, "direction": 90}, "state": "up", "width": 640, "height": 360,
    "live": True, "address": "/api/feed/live/village/gate-1/yard",
}  # fmt: skip
_POINT = {"type": "Point", "coordinates": [120.0, 26.88]}
_FEATURE = {"type": "Feature", "id": "village/gate-1/yard", "geometry": _POINT, "properties": _CAMERA}


class PlanPosition(ResponseModel):
    """Where a camera stands on a plan."""

    model_config = example(_CAMERA["plan"])

    area: str = Field(description="Whose plan it is; empty: the whole site's.")
    x: float = Field(description="From the left edge (0) to the right one (1).")
    y: float = Field(description="From the upper edge (0) to the lower one (1).")
    direction: int | None = Field(description="Where it looks: degrees clockwise from the upper edge of the plan.")


class CatalogueCamera(ResponseModel):
    """A camera."""

    model_config = example(_CAMERA)

    id: str
    name: str
    site: str
    site_name: str
    box: str
    areas: list[str]
    latitude: float | None = Field(description="Of the site, WGS 84 degrees; null: not known.")
    longitude: float | None
    plan: PlanPosition | None = Field(description="Null: it is on no plan.")
    state: str = Field(description="`up`, `lost`, `starting` …; `offline`: its box is not connected.")
    width: int | None = Field(description="Of the live view, pixels; null: not known yet.")
    height: int | None
    live: bool = Field(description="Whether you may open its live view.")
    address: str | None = Field(description="What the addresses of its live view begin with; null: you may not.")

    @classmethod
    def of(cls, it: CatalogueEntry) -> CatalogueCamera:
        """From the service."""
        camera, size = it.camera, it.size_px or (None, None)
        place = None
        if it.plan is not None:
            area, symbol = it.plan
            place = PlanPosition(area=area, x=symbol.x, y=symbol.y, direction=symbol.direction)
        return cls(
            id=camera.id, name=camera.name or camera.id, site=camera.site, site_name=it.site_name, box=camera.box,
            areas=it.areas, plan=place, width=size[0], height=size[1], live=it.live,
            latitude=it.location.latitude_udeg / 1e6 if it.location else None,
            longitude=it.location.longitude_udeg / 1e6 if it.location else None,
            state=camera.state if it.online else "offline",
            address=f"/api/feed/live/{camera.site}/{camera.box}/{camera.id}" if it.live else None,
        )  # fmt: skip


class CatalogueResponse(ResponseModel):
    """The cameras within your places."""

    model_config = example(cameras=[_CAMERA])

    cameras: list[CatalogueCamera]


class PointGeometry(ResponseModel):
    """A point (RFC 7946, section 3.1.2)."""

    model_config = example(_POINT)

    type: Literal["Point"] = "Point"
    coordinates: tuple[float, float] = Field(description="Longitude, latitude.")


class CameraFeature(ResponseModel):
    """A camera as a feature (RFC 7946, section 3.2)."""

    model_config = example(_FEATURE)

    type: Literal["Feature"] = "Feature"
    id: str = Field(description="`site/box/camera`.")
    geometry: PointGeometry | None = Field(description="Null: where the site is, is not known.")
    properties: CatalogueCamera

    @classmethod
    def of(cls, it: CatalogueCamera) -> CameraFeature:
        """From a camera."""
        point = None
        if it.latitude is not None and it.longitude is not None:
            point = PointGeometry(coordinates=(it.longitude, it.latitude))
        return cls(id=f"{it.site}/{it.box}/{it.id}", geometry=point, properties=it)


class CatalogueFeatures(ResponseModel):
    """The cameras as a feature collection (RFC 7946, section 3.3)."""

    model_config = example(type="FeatureCollection", features=[_FEATURE])

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[CameraFeature]
