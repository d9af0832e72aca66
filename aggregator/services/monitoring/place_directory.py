"""Names, areas and time zones of places, read at most every few seconds for all who ask."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.store_port.events import FleetReader
from aggregator.services.site_clock import SiteClock
from common.clock import SECOND_NS
from protocol.receipts import DoorStatus

FRESH_NS = 5 * SECOND_NS


@dataclass(frozen=True)
class _Known:
    zones: Mapping[tuple[str, str], str] = field(default_factory=dict)
    names: Mapping[tuple[str, str, str], str] = field(default_factory=dict)


class PlaceDirectory:
    """May be used from any thread; the store is asked off the event loop only.

    Args:
        reader: Of what boxes report.
        sites: Names and time zones of sites.
        areas: The areas of each place.
    """

    def __init__(self, reader: FleetReader, sites: SiteClock, areas: Areas) -> None:
        self._reader, self.sites, self._areas = reader, sites, areas
        self._lock = threading.Lock()
        self._known, self._read_ns = _Known(), -FRESH_NS

    def refresh(self) -> None:
        """Read what boxes report, if that was not done lately.

        Raises:
            StoreError: It cannot be read.
        """
        now_ns = self.sites.clock.monotonic_ns()
        with self._lock:
            if now_ns - self._read_ns < FRESH_NS:
                return
            self._read_ns = now_ns
        zones = {(it.site, it.box): it.timezone for it in self._reader.boxes()}
        names = {(it.site, it.box, it.id): it.name for it in self._reader.cameras()}
        for it in self._reader.places():
            if isinstance(it.status, DoorStatus):
                names[it.site, it.box, it.status.id] = it.status.name
        self._known = _Known(zones, names)

    def zone(self, site: str, box: str) -> str:
        """The IANA name of a place's time zone."""
        return self.sites.zone(site, self._known.zones.get((site, box), "UTC")).key

    def site_zone(self, site: str) -> ZoneInfo:
        """A site's time zone: that of its first box where the settings have none."""
        boxes = sorted(key for key in self._known.zones if key[0] == site)
        return self.sites.zone(site, self._known.zones[boxes[0]] if boxes else "UTC")

    def name(self, site: str, box: str, place: str) -> str:
        """What people call a camera, door or gate; its id where it has no name."""
        return self._known.names.get((site, box, place)) or place

    def area(self, site: str, place: str) -> str:
        """The area of a place, the first by name where it belongs to several; empty for none."""
        return min(self._areas.get((site, place), ()), default="")

    def places_of(self, site: str | None, area: str) -> frozenset[tuple[str, str]]:
        """(site, place) of an area: of one site, or of all that have an area of that name."""
        return frozenset(key for key, named in self._areas.items() if area in named and site in (None, key[0]))
