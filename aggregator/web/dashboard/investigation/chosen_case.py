"""The case that a user has chosen, and what of it: kept for a session, so that every page begins with it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Chosen:
    """What was chosen; empty where nothing was.

    Attributes:
        case: The case's id.
        camera: `site/box/camera` as the page of footage names it.
        from_ns: Begin of a marked range, UTC nanoseconds; 0 where none is marked.
        to_ns: Its end.
    """

    case: str = ""
    camera: str = ""
    from_ns: int = 0
    to_ns: int = 0


class ChosenCases:
    """By session, in memory, bounded: after a restart a user chooses once more. On the event loop only."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._kept: OrderedDict[str, Chosen] = OrderedDict()

    def of(self, session: str) -> Chosen:
        """What a session has chosen."""
        return self._kept.get(session, Chosen())

    def change(self, session: str, **values: str | int) -> Chosen:
        """Keep a choice; another case forgets the range of the one before."""
        before = self.of(session)
        if "case" in values and values["case"] != before.case:
            before = Chosen(camera=before.camera)
        chosen = replace(before, **values)  # type: ignore[arg-type]
        self._kept.pop(session, None)
        self._kept[session] = chosen
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return chosen
