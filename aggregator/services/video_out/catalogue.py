"""The catalogue: the cameras that lie within a consumer's places, with what is known of their positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.floor_plan import FloorPlan, SiteLocation, Symbol
from aggregator.domain.read_models import Camera
from aggregator.domain.store_port.events import FleetReader
from aggregator.domain.store_port.floor_plans import FloorPlanReader
from aggregator.services.site_clock import SiteClock

WIDTH_PX = 640
"""A live view is at most so wide; the box scales it (`edge.jobs.live.live_encoder`)."""


class CatalogueReader(FleetReader, FloorPlanReader, Protocol):
    """Reads cameras and where they are."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A camera as a consumer is told of it.

    Attributes:
        areas: Of its site, that it lies in.
        location: Of its site; None: not known.
        plan: The area whose plan it stands on, empty for the whole site's, and its symbol there.
        online: Whether its box is connected.
        size_px: Width and height of its live view; None: not known yet.
        live: Whether the consumer may open its live view.
    """

    camera: Camera
    site_name: str
    areas: list[str]
    location: SiteLocation | None
    plan: tuple[str, Symbol] | None
    online: bool
    size_px: tuple[int, int] | None
    live: bool


@dataclass(frozen=True)
class CatalogueService:
    """Blocks; may be used from any thread.

    Args:
        reader: Cameras, plans and positions.
        sites: Names of sites.
        areas: The areas of each place.
    """

    reader: CatalogueReader
    sites: SiteClock
    areas: Areas

    def entries(self, consumer: Consumer) -> list[CatalogueEntry]:
        """The cameras within a consumer's places, by site, box and id.

        Raises:
            StoreError: They cannot be read.
        """
        within, reader = consumer.selection.within(self.areas), self.reader
        online = {(it.site, it.box) for it in reader.boxes() if it.online}
        places = {it.site: it for it in reader.site_locations()}
        symbols = _symbols(reader.floor_plans())
        found = sorted((it for it in reader.cameras() if within.holds(it.site, it.id)), key=camera_key)
        return [
            CatalogueEntry(
                camera=it,
                site_name=self.sites.name(it.site),
                areas=sorted(self.areas.get((it.site, it.id), ())),
                location=places.get(it.site),
                plan=symbols.get(camera_key(it)),
                online=(it.site, it.box) in online,
                size_px=view_size(it.width, it.height),
                live="live" in consumer.selection.media,
            )
            for it in found
        ]


def camera_key(it: Camera) -> tuple[str, str, str]:
    """Site, box and id of a camera."""
    return it.site, it.box, it.id


def view_size(width_px: int, height_px: int) -> tuple[int, int] | None:
    """Width and height of the live view of a camera.

    >>> view_size(1920, 1080), view_size(352, 288), view_size(0, 0)
    ((640, 360), (352, 288), None)
    """
    if not width_px or not height_px:
        return None
    if width_px <= WIDTH_PX:
        return width_px, height_px
    return WIDTH_PX, max(2, round(height_px * WIDTH_PX / width_px / 2) * 2)


def _symbols(plans: Iterable[FloorPlan]) -> dict[tuple[str, str, str], tuple[str, Symbol]]:
    """Camera → its symbol; the plan of an area, which shows more, goes before that of the whole site."""
    ordered = sorted(plans, key=lambda plan: bool(plan.area))
    return {
        (plan.site, it.box, it.id): (plan.area, it) for plan in ordered for it in plan.symbols if it.kind == "camera"
    }
