"""Tells open pages of changes, with what their users may see now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aggregator.domain.accounts.authorization import Principal
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from common import logging_setup
from common.errors import StoreError

_log = logging_setup.get("dashboard")


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
        changes: The change feed.
    """

    def __init__(self, changes: ChangeFeed) -> None:
        self._pages: list[_Page] = []
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

    def _on_change(self, update: ChangeSet) -> None:
        for page in list(self._pages):
            page.add(update)
