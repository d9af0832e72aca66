"""What all open pages show, read once per change and not once per page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aggregator.domain.alerts.types import Alert
from aggregator.domain.authorization import Principal
from aggregator.domain.read_models import Box, Camera
from aggregator.domain.store_port import Reader
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from common import logging_setup
from common.errors import StoreError

_log = logging_setup.get("dashboard")


@dataclass
class StatusPanels:
    """Boxes, cameras and the quarantine, as last read."""

    boxes: list[Box] = field(default_factory=list)
    cameras: list[Camera] = field(default_factory=list)
    quarantined: int = 0

    def timezone(self, site: str, box: str) -> str:
        """The time zone in a box's status."""
        return next((it.timezone for it in self.boxes if (it.site, it.box) == (site, box)), "UTC")

    def camera_name(self, alert: Alert) -> str:
        """How people call the camera (or door) of an alert."""
        key = (alert.site, alert.box, alert.place)
        named = (it.name for it in self.cameras if (it.site, it.box, it.id) == key and it.name)
        return next(named, alert.place)


Who = Callable[[], Awaitable[Principal | None]]
Follower = Callable[[ChangeSet, Principal], None]


class _Page:
    """One open page: changes that it has not shown yet, and its user.

    Who that is and what they may see is asked anew before each push, off the event loop; what comes meanwhile is
    pushed together. Where the store does not answer, nothing is pushed, and it is tried again with the next change.
    """

    def __init__(self, who: Who, follower: Follower) -> None:
        self._who, self._follower = who, follower
        self._waiting: ChangeSet | None = None
        self._pushing: asyncio.Task[None] | None = None

    def add(self, update: ChangeSet) -> None:
        self._waiting = update if self._waiting is None else self._waiting.joined(update)
        if self._pushing is None or self._pushing.done():
            self._pushing = asyncio.create_task(self._push())

    def end(self) -> None:
        self._waiting = None
        if self._pushing is not None:
            self._pushing.cancel()

    async def _push(self) -> None:
        while self._waiting is not None:
            try:
                caller = await self._who()
            except StoreError as error:
                _log.warning("page not updated", problem=str(error))
                return
            update, self._waiting = self._waiting, None
            if caller is None or update is None:
                return
            try:
                self._follower(update, caller)
            except Exception:  # one page must not end the updates of others
                _log.exception("page not updated")


class PageUpdates:
    """Follows the change feed for all pages; lives on the event loop.

    Args:
        reader: Of the store.
        changes: The change feed.
    """

    def __init__(self, reader: Reader, changes: ChangeFeed) -> None:
        self._reader = reader
        self.panels = StatusPanels()
        self._pages: list[_Page] = []
        self._stale = True
        self._reading: asyncio.Task[None] | None = None
        changes.subscribe(self._on_change)

    def follow(self, who: Who, follower: Follower) -> Callable[[], None]:
        """Have `follower` called after each change, with who may see it; the function that comes back ends it.

        Args:
            who: The page's user as of now; None if the session has ended.
            follower: Shows what has changed.
        """
        page = _Page(who, follower)
        self._pages.append(page)

        def end() -> None:
            page.end()
            if page in self._pages:
                self._pages.remove(page)

        return end

    async def refresh(self) -> None:
        """Read the panels again if something has changed since."""
        reader = self._reader
        while self._stale:
            self._stale = False
            try:
                self.panels = await asyncio.to_thread(
                    lambda: StatusPanels(reader.boxes(), reader.cameras(), reader.quarantine_count())
                )
            except StoreError as error:
                _log.warning("panels could not be read", problem=str(error))

    def _on_change(self, update: ChangeSet) -> None:
        if not (update.boxes or update.quarantine):
            self._add(update)
            return
        self._stale = True
        self._add(
            ChangeSet(alerts=update.alerts, passages=update.passages, clips=update.clips)
        )  # cards do not wait for the panels
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_and_add())

    async def _read_and_add(self) -> None:
        await self.refresh()
        self._add(ChangeSet(boxes=True, quarantine=True))

    def _add(self, update: ChangeSet) -> None:
        for page in list(self._pages):
            page.add(update)
