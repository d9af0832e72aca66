"""Accesses that are in the audit log already, so that each is logged once however often a page is loaded."""

from __future__ import annotations

from collections import OrderedDict


class ViewDeduplicator:
    """Pictures that each user has seen since the start; the oldest are dropped first. On the event loop only."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def known(self, user: str, picture: str) -> bool:
        """Whether this access is in the audit log already."""
        return (user, picture) in self._seen

    def add(self, user: str, picture: str) -> None:
        """It is in the audit log now."""
        self._seen[user, picture] = None
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
