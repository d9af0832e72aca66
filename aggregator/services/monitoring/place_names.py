"""Names of cameras, as their boxes last reported; read at most twice a minute."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from aggregator.domain.store_port.events import FleetReader
from common.clock import SECOND_NS, Clock

KEPT_S = 30.0


@dataclass
class PlaceNames:
    """See the module.

    Args:
        reader: What boxes reported.
        clock: Monotonic time.
    """

    reader: FleetReader
    clock: Clock
    _names: dict[tuple[str, str, str], str] = field(default_factory=dict, init=False)
    _read_ns: int | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self, site: str, box: str, place: str) -> str:
        """A place's name; its id, or the box's, where it has none."""
        with self._lock:
            now_ns = self.clock.monotonic_ns()
            if self._read_ns is None or now_ns - self._read_ns >= KEPT_S * SECOND_NS:
                self._names = {(it.site, it.box, it.id): it.name for it in self.reader.cameras()}
                self._read_ns = now_ns
            return self._names.get((site, box, place)) or place or box
