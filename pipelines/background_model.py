"""What a view shows without the things in it, so that a thing that has stopped can be told from one that has gone.

After F. Porikli, Y. Ivanov, T. Haga, "Robust Abandoned Object Detection Using Dual Foregrounds", EURASIP Journal on
Advances in Signal Processing, 2008: a thing that stands differs from the ground behind it, though nothing moves. Here
the ground is learned only where nothing is followed and nothing moves, so a thing never becomes ground while it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from common.clock import SECOND_NS
from pipelines.types import Box, Luma

EVERY_S = 1.0
SHARE = 0.05
"""Weight of a new frame: some 20 seconds."""
GROW = 0.15
"""Things are masked with this margin, share of their size."""
DIFFERS = 10.0
"""Grey levels by which a cell must differ, after the change of light that all cells share is taken out."""
FOREGROUND_SHARE = 0.25
"""Share of a box's cells that must differ for something to stand there."""
KNOWN = 0.5
"""Share of a box's cells whose ground must be known."""


@dataclass
class BackgroundModel:
    """The ground of one camera's view, in cells of the motion grid."""

    _mean: NDArray[np.float32] | None = None
    _known: NDArray[np.bool_] | None = None
    _learned_ns: int | None = None

    def learn(self, grid: Luma, object_boxes: Sequence[Box], time_ns: int) -> None:
        """Learn from one frame; once a second is enough, what comes earlier is skipped.

        Args:
            grid: H x W luma.
            object_boxes: What moves or is followed, fractions of the picture.
            time_ns: Of the frame.
        """
        if self._learned_ns is not None and time_ns - self._learned_ns < EVERY_S * SECOND_NS:
            return
        self._learned_ns = time_ns
        if self._mean is None or self._known is None or self._mean.shape != grid.shape:
            self._mean, self._known = grid.astype(np.float32), np.zeros(grid.shape, np.bool_)
        free = np.ones(grid.shape, np.uint8)
        for box in object_boxes:
            rows, columns = _cells(box, grid.shape, GROW)
            free[rows, columns] = 0
        new = free.astype(bool) & ~self._known
        self._mean[new] = grid[new]
        cv2.accumulateWeighted(grid, self._mean, SHARE, free)
        self._known |= new

    def has_foreground(self, grid: Luma, box: Box) -> bool:
        """Whether something that is not the ground is where a thing was last seen.

        Args:
            grid: H x W luma, of now.
            box: Fractions of the picture.
        """
        if self._mean is None or self._known is None or self._mean.shape != grid.shape:
            return False
        rows, columns = _cells(box, grid.shape, 0.0)
        known = self._known[rows, columns]
        if known.size == 0 or known.mean() < KNOWN:
            return False
        change = grid.astype(np.float32) - self._mean
        shift = float(np.median(change))
        return bool((np.abs(change[rows, columns][known] - shift) > DIFFERS).mean() >= FOREGROUND_SHARE)


def _cells(box: Box, shape: tuple[int, ...], grow: float) -> tuple[slice, slice]:
    """Rows and columns of a box's cells."""
    height, width = shape[:2]
    across, down = grow * (box.x2 - box.x1), grow * (box.y2 - box.y1)
    top, bottom = max(0, int((box.y1 - down) * height)), min(height, int(np.ceil((box.y2 + down) * height)))
    left, right = max(0, int((box.x1 - across) * width)), min(width, int(np.ceil((box.x2 + across) * width)))
    return slice(top, bottom), slice(left, right)
