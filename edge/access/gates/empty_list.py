"""A site without a vehicle list: everybody is unlisted."""

from __future__ import annotations

from edge.access.site_lists.matching import Match


class EmptyList:
    """Knows nobody; also the fake of tests."""

    def __init__(self, known: dict[str, Match] | None = None) -> None:
        self._known = known or {}

    def find(self, text: str, wall_ns: int) -> Match | None:
        """What it was made with; nothing for most sites that have no list yet.

        Args:
            text: Normalised.
            wall_ns: Not used: nothing expires here.
        """
        del wall_ns
        return self._known.get(text)
