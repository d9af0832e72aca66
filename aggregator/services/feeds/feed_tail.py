"""Wakes readers that wait at the end of the feed: one query in a while for all of them, and none while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from common.errors import StoreError

POLL_S = 0.2


@dataclass
class FeedTail:
    """Lives on the event loop. The feed grows in another process too, so that the store is asked.

    Args:
        newest: Reads the newest position; blocks.
    """

    newest: Callable[[], int]
    _known: int = field(default=0, init=False)
    _waiting: int = field(default=0, init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _poller: asyncio.Task[None] | None = field(default=None, init=False)

    async def wait(self, position: int, timeout_s: float) -> None:
        """Until there is something after a position, or something about consumers has changed; at most for a time."""
        if self._known > position:
            return
        self._known = position
        news = self._news
        self._waiting += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        try:
            async with asyncio.timeout(timeout_s):
                await news.wait()
        except TimeoutError:
            return
        finally:
            self._waiting -= 1

    def wake(self) -> None:
        """Let all who wait look again."""
        self._news.set()
        self._news = asyncio.Event()

    async def _poll(self) -> None:
        while self._waiting:
            try:
                newest = await asyncio.to_thread(self.newest)
            except StoreError:
                newest = self._known  # who waits reads by itself in the end, and gets the error
            if newest > self._known:
                self._known = newest
                self.wake()
            await asyncio.sleep(POLL_S)
