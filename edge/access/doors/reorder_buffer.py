"""Puts messages that carry their controller's own time back into order, within a window."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class ReorderBuffer(Generic[Item]):
    """Keeps what came until nothing older is expected any more.

    What is older than the window when it comes goes on at once: it is late, and whoever takes it must be told so by
    its time. What comes from the future counts as from now.

    Args:
        window_ns: How long to wait for something older.
    """

    window_ns: int
    _heap: list[tuple[int, int, Item]] = field(default_factory=list)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def push(self, at_ns: int, item: Item) -> None:
        """Take a message that happened at a monotonic time."""
        heapq.heappush(self._heap, (at_ns, next(self._number), item))

    def due_ns(self) -> int | None:
        """When the next one goes on; None: there is none."""
        return self._heap[0][0] + self.window_ns if self._heap else None

    def ready(self, now_ns: int) -> list[Item]:
        """What goes on now, oldest first; of one time in the order of arrival."""
        found = []
        while self._heap and self._heap[0][0] + self.window_ns <= now_ns:
            found.append(heapq.heappop(self._heap)[2])
        return found
