"""Which looks are on the record already, so that one is recorded once however often a page is loaded."""

from __future__ import annotations

from collections import OrderedDict


class ViewDeduplicator:
    """Which pictures somebody has seen since the start: bounded, oldest forgotten first. On the event loop only."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def known(self, user: str, picture: str) -> bool:
        """Whether this look is on the record already."""
        return (user, picture) in self._seen

    def add(self, user: str, picture: str) -> None:
        """It is on the record now."""
        self._seen[user, picture] = None
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
