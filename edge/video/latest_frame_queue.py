"""A queue of the newest frame of each camera; older frames are dropped, cameras are served in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class LatestFrameQueue(Generic[Item]):
    """Frames that wait for the detector. Thread-safe; a camera's frames are processed one after another.

    Attributes:
        dropped: Frames that a newer one of the same camera replaced.
    """

    dropped: int = 0
    _slots: dict[str, Item] = field(default_factory=dict)
    _served: dict[str, int] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _next_order: int = 0
    _closed: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, camera: str, item: Item) -> None:
        """Put the newest frame of a camera; a waiting older one is dropped."""
        with self._changed:
            self.dropped += camera in self._slots
            self._slots[camera] = item
            self._changed.notify_all()

    def put_when_free(self, camera: str, item: Item, stopped: Callable[[], bool]) -> None:
        """Put a frame after waiting for the slot: buffered frames must not be dropped."""
        with self._changed:
            while camera in self._slots and not (self._closed or stopped()):
                self._changed.wait(0.5)
            self._slots[camera] = item
            self._changed.notify_all()

    def take(self) -> tuple[str, Item] | None:
        """The frame of the camera that has waited longest; None once closed.

        The camera's next frame is given out only after `done`.
        """
        with self._changed:
            while not (self._slots.keys() - self._busy) and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            camera = min(self._slots.keys() - self._busy, key=lambda name: self._served.get(name, 0))
            self._busy.add(camera)
            self._next_order += 1
            self._served[camera] = self._next_order
            item = self._slots.pop(camera)
            self._changed.notify_all()
            return camera, item

    def done(self, camera: str) -> None:
        """The frame from `take` has been processed."""
        with self._changed:
            self._busy.discard(camera)
            self._changed.notify_all()

    def close(self) -> None:
        """Close the queue and wake all waiting threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
