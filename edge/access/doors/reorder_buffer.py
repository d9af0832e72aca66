"""Reorders messages by their controller's own time, within a window."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class ReorderBuffer(Generic[Item]):
    """Holds each message until no older one is expected.

    A message that is older than the window is released at once; its time shows that it is late. A time in the future
    counts as now.

    Args:
        window_ns: How long to wait for something older.
    """

    window_ns: int
    _heap: list[tuple[int, int, Item]] = field(default_factory=list)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def push(self, at_ns: int, item: Item) -> None:
        """Add a message with its monotonic time."""
        heapq.heappush(self._heap, (at_ns, next(self._number), item))

    def due_ns(self) -> int | None:
        """When the next message is released; None if there is none."""
        return self._heap[0][0] + self.window_ns if self._heap else None

    def ready(self, now_ns: int) -> list[Item]:
        """The messages to release now, oldest first; equal times in order of arrival."""
        found = []
        while self._heap and self._heap[0][0] + self.window_ns <= now_ns:
            found.append(heapq.heappop(self._heap)[2])
        return found
