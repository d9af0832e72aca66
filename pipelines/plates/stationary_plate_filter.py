"""Did what bears a plate just come? A car changes all around its plate; a caption that appears only its own letters.

Frames are kept small for a few seconds. Where a plate is seen for the first time, the ring around it is compared with
frames in which it was not there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from common.clock import SECOND_NS
from pipelines.types import Box, Picture

SMALL_PX = 160
CHANGED = 18
"""Grey levels that a pixel of the ring must have changed by."""
SHARE = 0.4
"""Share of the ring that must have changed."""
KEPT_S = 6.0
MOST = 24

Grey = NDArray[np.uint8]


@dataclass
class StationaryPlateFilter:
    """The scene's recent appearance. Pure; one camera."""

    _background: deque[tuple[int, Grey]] = field(default_factory=lambda: deque(maxlen=MOST))

    def find_new(self, picture: Picture, boxes: list[Box], time_ns: int) -> list[bool]:
        """For each plate whether its surroundings were different a moment ago. Keeps the frame.

        Args:
            picture: H x W x 3 uint8 BGR.
            boxes: Plates, pixels.
            time_ns: Of the picture.
        """
        scale = SMALL_PX / picture.shape[1]
        size = (SMALL_PX, max(1, round(picture.shape[0] * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        while self._background and not 0 <= time_ns - self._background[0][0] < KEPT_S * SECOND_NS:
            self._background.popleft()
        found = [any(_differs(old, grey, _ring(box, scale, grey)) for _, old in self._background) for box in boxes]
        self._background.append((time_ns, grey))
        return found


def _ring(box: Box, scale: float, grey: Grey) -> NDArray[np.bool_]:
    """The pixels around a plate, without the plate: about the width of a bumper."""
    wide, high = (box.x2 - box.x1) * scale, (box.y2 - box.y1) * scale
    x1, y1, x2, y2 = (value * scale for value in box)
    ring = np.zeros(grey.shape, np.bool_)
    ring[max(0, int(y1 - 2 * high - 1)) : int(y2 + 2 * high + 2), max(0, int(x1 - wide)) : int(x2 + wide + 1)] = True
    ring[max(0, int(y1 - 0.5 * high)) : int(y2 + 0.5 * high + 1), max(0, int(x1 - 1)) : int(x2 + 2)] = False
    return ring


def _differs(old: Grey, new: Grey, ring: NDArray[np.bool_]) -> bool:
    if old.shape != new.shape or not ring.any():
        return False
    change = np.abs(old[ring].astype(np.int16) - new[ring].astype(np.int16))
    return float((change > CHANGED).mean()) >= SHARE
