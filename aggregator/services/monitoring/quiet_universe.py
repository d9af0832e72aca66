"""What there is at each site, as boxes report it and as the settings have it: matchers are held against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.alerts.rules import RULES
from aggregator.domain.quiet.matching import Universe
from aggregator.domain.store_port.events import FleetReader
from common.clock import Clock
from common.running.fresh_value import FreshValue
from protocol.event_types import ObjectClass
from protocol.receipts import DoorStatus

KINDS = frozenset(RULES) | {"door.granted"}
"""Kinds that open alerts; a grant does where the card is revoked."""
OBJECTS = frozenset(get_args(ObjectClass))


@dataclass
class QuietUniverse:
    """Reads the store at most every few seconds, off the event loop.

    Args:
        reader: Of what boxes report.
        areas: The areas of each place, from the settings.
        sites: Sites of the settings.
        clock: Monotonic.
    """

    reader: FleetReader
    areas: Areas
    sites: Iterable[str]
    clock: Clock
    _known: FreshValue[Universe] = field(init=False)

    def __post_init__(self) -> None:
        self._known = FreshValue(self._read, self.clock)

    def now(self) -> Universe:
        """What there is.

        Raises:
            StoreError: It cannot be read.
        """
        return self._known.get()

    def _read(self) -> Universe:
        devices: dict[str, set[str]] = {site: set() for site in self.sites}
        for box in self.reader.boxes():
            devices.setdefault(box.site, set())
        for camera in self.reader.cameras():
            devices.setdefault(camera.site, set()).add(camera.id)
        for place in self.reader.places():
            name = place.status.id if isinstance(place.status, DoorStatus) else place.status.camera
            devices.setdefault(place.site, set()).add(name)
        for site, name in self.areas:
            devices.setdefault(site, set()).add(name)
        return Universe({site: frozenset(its) for site, its in devices.items()}, self.areas, KINDS, OBJECTS)
