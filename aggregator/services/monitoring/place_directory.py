"""Names, areas and time zones of places, read at most every few seconds for all who ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.store_port.events import FleetReader
from aggregator.services.site_clock import SiteClock
from common.running.fresh_value import FreshValue
from protocol.receipts import DoorStatus


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
        self._fresh = FreshValue(self._read, sites.clock)
        self._known = _Known()

    def refresh(self) -> None:
        """Read what boxes report, if that was not done lately.

        Raises:
            StoreError: It cannot be read.
        """
        self._known = self._fresh.get()

    def _read(self) -> _Known:
        zones = {(it.site, it.box): it.timezone for it in self._reader.boxes()}
        return _Known(zones, names_of(self._reader))

    def zone(self, site: str, box: str) -> str:
        """The IANA name of a place's time zone."""
        return self.sites.zone(site, self._known.zones.get((site, box), "UTC")).key

    def site_zone(self, site: str) -> ZoneInfo:
        """A site's time zone: the first that its boxes report where the settings have none."""
        return self.sites.zone(site, *(zone for key, zone in sorted(self._known.zones.items()) if key[0] == site))

    def name(self, site: str, box: str, place: str) -> str:
        """What people call a camera, door or gate; its id where it has no name."""
        return self._known.names.get((site, box, place)) or place

    def area(self, site: str, place: str) -> str:
        """The area of a place, the first by name where it belongs to several; empty for none."""
        return min(self._areas.get((site, place), ()), default="")

    def places_of(self, site: str | None, area: str) -> frozenset[tuple[str, str]]:
        """(site, place) of an area: of one site, or of all that have an area of that name."""
        return frozenset(key for key, named in self._areas.items() if area in named and site in (None, key[0]))


def names_of(reader: FleetReader) -> dict[tuple[str, str, str], str]:
    """(site, box, id) → what people call a camera or door; empty where it has no name."""
    names = {(it.site, it.box, it.id): it.name for it in reader.cameras()}
    doors = ((it, it.status) for it in reader.places())
    return names | {(it.site, it.box, door.id): door.name for it, door in doors if isinstance(door, DoorStatus)}
