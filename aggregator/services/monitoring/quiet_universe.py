"""What there is at each site, as boxes report it and as the settings have it: matchers are held against it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.alerts.rules import RULES
from aggregator.domain.quiet.matching import Universe
from aggregator.domain.store_port.events import FleetReader
from common.clock import SECOND_NS, Clock
from protocol.event_types import ObjectClass
from protocol.receipts import DoorStatus

FRESH_NS = 5 * SECOND_NS
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
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: Universe = field(default_factory=lambda: Universe({}))
    _read_ns: int | None = None

    def now(self) -> Universe:
        """What there is.

        Raises:
            StoreError: It cannot be read.
        """
        with self._lock:
            now_ns = self.clock.monotonic_ns()
            if self._read_ns is None or now_ns - self._read_ns >= FRESH_NS:
                self._known = self._read()
                self._read_ns = now_ns
            return self._known

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
