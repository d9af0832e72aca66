"""What all open pages show, read once per change and not once per page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.alerts import Alert
from aggregator.broadcast import Update
from aggregator.services import Services
from aggregator.stores.records import Box, Camera
from common import logs
from common.errors import StoreError

_log = logs.get("dashboard")


@dataclass
class Panels:
    """Boxes, cameras and the quarantine, as last read."""

    boxes: list[Box] = field(default_factory=list)
    cameras: list[Camera] = field(default_factory=list)
    quarantined: int = 0

    def timezone(self, site: str, box: str) -> str:
        """The zone that a box says it is in."""
        return next((it.timezone for it in self.boxes if (it.site, it.box) == (site, box)), "UTC")

    def camera_name(self, alert: Alert) -> str:
        """How people call the camera (or door) of an alert."""
        key = (alert.site, alert.box, alert.place)
        named = (it.name for it in self.cameras if (it.site, it.box, it.id) == key and it.name)
        return next(named, alert.place)


Follower = Callable[[Update], None]


class Live:
    """Follows the broadcast for all pages; lives on the event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.panels = Panels()
        self._followers: list[Follower] = []
        self._stale = True
        self._reading: asyncio.Task[None] | None = None
        services.broadcast.subscribe(self._told)

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Have `follower` called after each change; the function that comes back ends it."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower) if follower in self._followers else None

    async def refresh(self) -> None:
        """Read the panels again if something has changed since."""
        reader = self._services.reader
        while self._stale:
            self._stale = False
            try:
                self.panels = await asyncio.to_thread(
                    lambda: Panels(reader.boxes(), reader.cameras(), reader.quarantine_count())
                )
            except StoreError as error:
                _log.warning("panels could not be read", problem=str(error))

    def _told(self, update: Update) -> None:
        if not (update.boxes or update.quarantine):
            self._tell(update)
            return
        self._stale = True
        self._tell(
            Update(alerts=update.alerts, passages=update.passages, clips=update.clips)
        )  # cards do not wait for the panels
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_and_tell())

    async def _read_and_tell(self) -> None:
        await self.refresh()
        self._tell(Update(boxes=True, quarantine=True))

    def _tell(self, update: Update) -> None:
        for follower in list(self._followers):
            follower(update)
