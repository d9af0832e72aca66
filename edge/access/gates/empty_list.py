"""The list of a site that has no vehicle list: every plate is unlisted."""

from __future__ import annotations

from edge.access.site_lists.matching import Match


class EmptyList:
    """A list without entries; tests use it with given entries."""

    def __init__(self, known: dict[str, Match] | None = None) -> None:
        self._known = known or {}

    def find(self, text: str, wall_ns: int) -> Match | None:
        """The entry for a text among the given entries; None without one.

        Args:
            text: Normalised.
            wall_ns: Not used: nothing expires here.
        """
        del wall_ns
        return self._known.get(text)
