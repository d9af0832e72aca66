"""Where in the picture a gate looks, and how large: its region, and the rungs of the finder's ladder in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.plates.plate_pipeline import rungs
from pipelines.settings import Point
from pipelines.types import Box, Picture


class Region:
    """A polygon; empty for the whole picture.

    Args:
        corners: Fractions of the picture.
    """

    def __init__(self, corners: Sequence[Point]) -> None:
        self._corners = np.array(corners, np.float32).reshape(-1, 1, 2)

    def holds(self, box: Box, size: tuple[int, int]) -> bool:
        """Whether the middle of a box lies inside.

        Args:
            box: Pixels.
            size: Width and height of the picture.
        """
        if not len(self._corners):
            return True
        point = (box.x1 + box.x2) / 2 / size[0], (box.y1 + box.y2) / 2 / size[1]
        return cv2.pointPolygonTest(self._corners, point, False) >= 0


@dataclass
class Rungs:
    """Takes turns over the ladder until something is legible, and then stays where that was.

    A camera does not move, and vehicles come the same way: once something was legible, two looks of three are at the
    rung where it was.
    """

    _place: int = 0
    _good: int | None = None
    _fruitless: int = 0
    _asked: int | None = None

    def next(self, picture: Picture, stands: bool) -> int | None:
        """The finder's input size for the next look; None: look for any text instead.

        Args:
            picture: H x W x 3.
            stands: A vehicle stands there; only then the dearest tries are worth it: very near, and any text.
        """
        *ladder, small = rungs(picture, stretch=1.0)
        turns: list[int | None] = [*ladder, *([small, None] if stands else [])]
        if self._place >= len(turns):
            self._place = 0
        good = self._good is not None and self._fruitless % 3 != 2
        self._asked = self._good if good else turns[self._place]
        return self._asked

    def result(self, legible: bool) -> None:
        """Whether the last look could read something."""
        if legible:
            self._good, self._fruitless = self._asked, 0
            return
        if self._good is None or self._fruitless % 3 == 2:
            self._place += 1
        self._fruitless += 1
