"""Names and local times of sites, as the settings have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aggregator.domain.read_models import Box
from aggregator.domain.store_port.events import FleetReader
from aggregator.settings.aggregator import Site
from common.clock import Clock, local_time


@dataclass(frozen=True)
class SiteClock:
    """The sites of the settings.

    Args:
        sites: Site's id → its name and time zone.
        clock: The present.
    """

    sites: Mapping[str, Site]
    clock: Clock

    def name(self, site: str) -> str:
        """A site's name for people: the configured one, else its id."""
        configured = self.sites.get(site)
        return configured.name if configured and configured.name else site

    def zone(self, site: str, *of_boxes: str | None) -> ZoneInfo:
        """A site's time zone: the configured one, else the first that its boxes report, else UTC."""
        configured = self.sites.get(site)
        return zone_of(configured.timezone if configured else None, *of_boxes)

    def zone_of_boxes(self, site: str, boxes: Iterable[Box]) -> ZoneInfo:
        """As `zone`, with the time zones of the site's boxes."""
        return self.zone(site, *(box.timezone for box in boxes if box.site == site))

    def local(self, site: str, time_ns: int, box_timezone: str | None = "UTC") -> datetime:
        """A UTC time in nanoseconds as the local time of a site, in whole seconds."""
        return local_time(time_ns, self.zone(site, box_timezone))

    def now(self, site: str, box_timezone: str | None = "UTC") -> datetime:
        """The present at a site."""
        return self.local(site, self.clock.wall_ns(), box_timezone)


class SiteZones:
    """Time zones of sites for the thread that writes: the configured one, else the one that a box reports.

    Args:
        sites: Site's id → its time zone.
        reader: Of what boxes report; asked again only where a zone is not known yet.
    """

    def __init__(self, sites: Mapping[str, Site], reader: FleetReader) -> None:
        self._sites, self._reader = sites, reader
        self._zones: dict[tuple[str, str], str] = {}

    def of_box(self, site: str, box: str) -> ZoneInfo:
        """The zone at a box."""
        configured = self._sites.get(site)
        if configured is None or not configured.timezone:
            if (site, box) not in self._zones:
                self._zones.update({(it.site, it.box): it.timezone for it in self._reader.boxes()})
            return zone_of(self._zones.get((site, box)))
        return zone_of(configured.timezone)

    def of_site(self, site: str) -> ZoneInfo:
        """The zone of a site: that of its first box where none is configured."""
        configured = self._sites.get(site)
        if configured is not None and configured.timezone:
            return zone_of(configured.timezone)
        if not any(key[0] == site for key in self._zones):
            self._zones.update({(it.site, it.box): it.timezone for it in self._reader.boxes()})
        return zone_of(*(zone for key, zone in sorted(self._zones.items()) if key[0] == site))


def zone_of(*names: str | None) -> ZoneInfo:
    """The first of the names that is a time zone, as settings and boxes give them; UTC where none is.

    >>> zone_of(None, "../../etc/passwd", "Asia/Shanghai").key
    'Asia/Shanghai'
    """
    for name in names:
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")
