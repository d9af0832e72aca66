"""The region of the picture in which a gate reads plates, and the detector's input size for each inspection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.plates.plate_pipeline import pyramid_levels
from pipelines.settings import Point
from pipelines.types import Box, Picture


class Region:
    """A polygon; empty for the whole picture.

    Args:
        corners: Fractions of the picture.
    """

    def __init__(self, corners: Sequence[Point]) -> None:
        self._corners = np.array(corners, np.float32).reshape(-1, 1, 2)

    def contains(self, box: Box, size: tuple[int, int]) -> bool:
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
class ScaleSelector:
    """Tries the input sizes in turn until a plate is legible, then prefers the size that worked.

    A camera is fixed and vehicles take the same path: once a plate was legible, two of three inspections use the
    size that worked.
    """

    _index: int = 0
    _best: int | None = None
    _failures_in_row: int = 0
    _last_choice: int | None = None

    def next(self, picture: Picture, vehicle_is_still: bool) -> int | None:
        """The detector's input size for the next inspection; None: search for any text instead.

        Args:
            picture: H x W x 3.
            vehicle_is_still: A vehicle is stationary; only then the most expensive searches are used (large, any text).
        """
        *ladder, small = pyramid_levels(picture, stretch=1.0)
        choices: list[int | None] = [*ladder, *([small, None] if vehicle_is_still else [])]
        if self._index >= len(choices):
            self._index = 0
        use_best = self._best is not None and self._failures_in_row % 3 != 2
        self._last_choice = self._best if use_best else choices[self._index]
        return self._last_choice

    def result(self, legible: bool) -> None:
        """Report whether the last inspection found a legible plate."""
        if legible:
            self._best, self._failures_in_row = self._last_choice, 0
            return
        if self._best is None or self._failures_in_row % 3 == 2:
            self._index += 1
        self._failures_in_row += 1
