"""The activity gate: which parts of a picture moved, from luma at low resolution.

Two frames are compared pixel by pixel at about 160 x 90. A pixel counts as moved when it changed by more than its own
noise, which is learned as a running quantile of its changes (one step up when the change is above the estimate,
one smaller step down when below: Robbins & Monro, "A Stochastic Approximation Method", 1951). That absorbs sensor
noise, rain and leaves. A change of the whole picture's level (a lamp, a cloud) is taken out first.

Permanent motion without an object (a burnt-in clock, a flag) is suppressed by feedback of the detector: a region in
which it found nothing is inspected less and less often, but at least every `SUPPRESSION_MAX_S`; the first object found
there ends the suppression.

Beside it the gate keeps a background, an approximate median (N. McFarlane & C. Schofield, "Segmentation and Tracking
of Piglets in Images", Machine Vision and Applications 8, 1995), and so knows the outline of what moves as *blobs*.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from common.clock import SECOND_NS
from pipelines.types import Box, Luma

GRID_WIDTH = 160
"""Width of the picture that is compared, pixels; the height follows the camera's shape."""
CELL = 4
"""Side of a cell, pixels of the grid."""
NOISE_FLOOR = 9
"""A change of this many grey levels or less is never motion: what H.264 at surveillance rates leaves behind."""
NOISE_GAIN = 2.5
"""A change counts when it exceeds the noise estimate this many times."""
NOISE_QUANTILE = 0.85
NOISE_CAP = 30.0
NOISE_STEP = 0.25
BACKGROUND_STEP = 0.4
"""Grey levels that the background moves in one frame: a thing of average contrast sinks in within half a minute."""
BACKGROUND_UPDATES = 2
"""While nothing moves, the background is brought up to date in every second inspection, by two steps."""
STANDS_OUT = 16
"""A pixel stands out from the background from this many grey levels on."""
BLOB_LEAST = 0.0015
"""Smallest blob, share of the picture."""
BLOB_MOVES = 0.04
"""A blob moves when this share of its pixels changed since the last frame."""
CELL_PIXELS = 3
"""A cell moved when this many of its pixels did."""
SUPPRESSION_MAX_S = 2.0
"""A dull region is still inspected this often."""
SUPPRESSION_STEPS = 8
"""Frames without a detection until a cell is as dull as it gets."""
GLOBAL_CHANGE = 0.6
"""When more of the picture than this moved at once, it was the light."""

_NOISE_UNIT = 80
"""Estimates of noise are whole numbers of this part of a grey level, so that both steps are exact in 16 bits."""
_STEP_UP = np.int16(round(NOISE_STEP * _NOISE_UNIT))
_STEP_DOWN = np.int16(round(NOISE_STEP * (1 - NOISE_QUANTILE) * _NOISE_UNIT))
_LEVEL_UNIT = 5
"""The background is kept in whole numbers of this part of a grey level."""
_MOST = 2**15 - 1
_BITS = np.int16(15)
"""A shift by so many bits leaves -1 of a negative number and 0 of any other."""
_THREE, _FIVE = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)

_Numbers = NDArray[np.int16]


@dataclass(frozen=True)
class Motion:
    """What moved between two frames.

    Attributes:
        regions: Boxes around what moved, in fractions of the picture (x1 y1 x2 y2).
        blobs: Boxes around whole things that stand out from the background and move, in fractions.
        share: Share of the picture's cells that moved, 0 to 1.
        lighting: The whole picture changed at once.
    """

    regions: tuple[Box, ...] = ()
    blobs: tuple[Box, ...] = ()
    share: float = 0.0
    lighting: bool = False


def to_grid(luma: Luma) -> Luma:
    """A camera's Y plane (H x W uint8) at the gate's resolution.

    Averaged by halves as far as that goes: OpenCV has vector code for a factor of two only, six times as fast.
    """
    height, width = luma.shape
    rows = max(CELL, round(GRID_WIDTH * height / width / CELL) * CELL)
    block = max(1, min(width // GRID_WIDTH, height // rows))
    small = (width // block, height // block)
    cropped = luma[: small[1] * block, : small[0] * block]
    while block % 2 == 0:
        block //= 2
        halved = cv2.resize(cropped, (small[0] * block, small[1] * block), interpolation=cv2.INTER_AREA)
        cropped = np.asarray(halved, np.uint8)
    means = cv2.resize(cropped, small, interpolation=cv2.INTER_AREA) if block > 1 else cropped
    if small[0] == GRID_WIDTH and rows <= small[1] < rows + CELL:
        return np.asarray(means[np.arange(rows) * small[1] // rows], np.uint8)  # a few rows are left out
    return np.asarray(cv2.resize(means, (GRID_WIDTH, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


class MotionDetector:
    """Learns one camera's noise and says which regions moved. Not thread-safe: one camera, one thread.

    All arithmetic is done in 16 bits and in arrays that are made once: it runs five times a second for each
    camera, and most of its time went into new arrays of floating-point numbers.
    """

    def __init__(self) -> None:
        self._last: Luma | None = None
        self._updates_since_learning = 0
        empty: _Numbers = np.empty((0, 0), np.int16)
        self._noise, self._background = empty, empty
        self._change, self._limit, self._scratch = empty, empty, empty
        self._moved: NDArray[np.bool_] = np.empty((0, 0), np.bool_)
        self._suppression: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._due_ns: NDArray[np.int64] = np.empty((0, 0), np.int64)

    def update(self, grid: Luma, time_ns: int) -> Motion:
        """Compare with the last frame.

        Args:
            grid: The result of `to_grid`; a new shape starts the learning again. It is kept and must not change.
            time_ns: Any clock that does not step back, nanoseconds.

        Returns:
            What moved and is due for inspection; nothing on the first frame.
        """
        if self._last is None or self._last.shape != grid.shape:
            self._start(grid)
            return Motion()
        self._compare(grid, self._last)
        self._last = grid
        self._learn()
        self._updates_since_learning += 1
        cells = self._cells(self._moved)
        share = float(np.count_nonzero(cells)) / cells.size
        if share > GLOBAL_CHANGE:
            np.multiply(grid, _LEVEL_UNIT, out=self._background, dtype=np.int16)
            return Motion((Box(0, 0, 1, 1),), (), share, lighting=True)
        due = cells & (time_ns >= self._due_ns) if share else cells
        if not share or not due.any():
            if self._updates_since_learning >= BACKGROUND_UPDATES:
                self._learn_background(self._difference(grid))
            return Motion(share=share)
        return Motion(self._regions(cells, due), _blobs(self._foreground(grid), self._moved), share)

    def feedback(self, region: Box, found: bool, time_ns: int) -> None:
        """Report whether the detector found an object in a region (fractions): ends or increases its suppression."""
        if not self._suppression.size:
            return
        rows, columns = self._suppression.shape
        top, bottom = int(region.y1 * rows), max(int(np.ceil(region.y2 * rows)), 1)
        left, right = int(region.x1 * columns), max(int(np.ceil(region.x2 * columns)), 1)
        area = (slice(top, bottom), slice(left, right))
        if found:
            self._suppression[area] = 0
            self._due_ns[area] = 0
            return
        self._suppression[area] = np.minimum(self._suppression[area] + 1, SUPPRESSION_STEPS)
        wait_s = SUPPRESSION_MAX_S * np.maximum(0.0, (self._suppression[area] - 2) / (SUPPRESSION_STEPS - 2))
        self._due_ns[area] = time_ns + (wait_s * SECOND_NS).astype(np.int64)

    def _start(self, grid: Luma) -> None:
        rows, columns = grid.shape
        self._last = grid
        self._noise = np.full(grid.shape, 2 * _NOISE_UNIT, np.int16)
        self._background = np.asarray(np.multiply(grid, _LEVEL_UNIT, dtype=np.int16))
        self._change, self._limit, self._scratch = (np.empty(grid.shape, np.int16) for _ in range(3))
        self._moved = np.empty(grid.shape, np.bool_)
        self._suppression = np.zeros((rows // CELL, columns // CELL), np.float32)
        self._due_ns = np.zeros_like(self._suppression, np.int64)

    def _compare(self, grid: Luma, last: Luma) -> None:
        """Which pixels moved, after subtraction of the picture's common change of level."""
        change, limit = self._change, self._limit
        np.subtract(grid, last, out=change, dtype=np.int16)
        level = _middle(change)
        if level:
            change -= level
        np.abs(change, out=change)
        if level:
            np.clip(change, 0, 255, out=change)
        change *= _NOISE_UNIT
        np.multiply(self._noise, round(2 * NOISE_GAIN), out=limit)
        limit >>= 1
        np.clip(limit, NOISE_FLOOR * _NOISE_UNIT, _MOST, out=limit)
        np.greater(change, limit, out=self._moved)

    def _learn(self) -> None:
        """Move the noise estimate one step: up where the change is above it, a smaller step down elsewhere."""
        step, noise = self._scratch, self._noise
        np.subtract(noise, self._change, out=step)
        step >>= _BITS
        step *= -(_STEP_UP + _STEP_DOWN)
        step -= _STEP_DOWN
        noise += step
        np.clip(noise, 0, round(NOISE_CAP * _NOISE_UNIT), out=noise)

    def _difference(self, grid: Luma) -> _Numbers:
        """Picture less background, in its unit, after the common change of level is taken out."""
        difference = self._scratch
        np.multiply(grid, _LEVEL_UNIT, out=difference, dtype=np.int16)
        difference -= self._background
        difference -= _middle(difference)
        return difference

    def _foreground(self, grid: Luma) -> Luma:
        """Pixels that stand out from the background (1), which then takes its steps towards the picture."""
        difference, limit = self._difference(grid), self._limit
        limit //= _NOISE_UNIT // _LEVEL_UNIT  # whole numbers are above it as they are above the exact one
        np.clip(limit, STANDS_OUT * _LEVEL_UNIT, _MOST, out=limit)
        mask: Luma = (np.abs(difference) > limit).view(np.uint8)
        self._learn_background(difference)
        return mask

    def _learn_background(self, difference: _Numbers) -> None:
        """One step towards the picture for each frame since the last."""
        step = round(BACKGROUND_STEP * _LEVEL_UNIT * self._updates_since_learning)
        self._updates_since_learning = 0
        np.clip(difference, -step, step, out=difference)
        self._background += difference

    @staticmethod
    def _cells(moved: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Cells in which enough pixels moved. The four pixels of a row are added as the bytes of one number."""
        rows, columns = moved.shape[0] // CELL, moved.shape[1] // CELL
        cropped = np.ascontiguousarray(moved[: rows * CELL, : columns * CELL])
        sums = np.add.reduce(cropped.view(np.uint32).reshape(rows, CELL, columns), axis=1, dtype=np.uint32)
        is_active: NDArray[np.bool_] = (sums * np.uint32(0x01010101)) >> np.uint32(24) >= CELL_PIXELS
        return is_active

    @staticmethod
    def _regions(cells: NDArray[np.bool_], due: NDArray[np.bool_]) -> tuple[Box, ...]:
        """Boxes around groups of moved cells that have at least one cell due, in fractions."""
        joined = cv2.dilate(cells.view(np.uint8), _THREE)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        rows, columns = cells.shape
        is_due_label = np.zeros(count, bool)
        is_due_label[np.unique(labels[due])] = True
        found = []
        for x, y, width, height, _area in stats[1:][is_due_label[1:]].tolist():
            found.append(Box(x / columns, y / rows, (x + width) / columns, (y + height) / rows))
        return tuple(found)


def _blobs(foreground: Luma, moved: NDArray[np.bool_]) -> tuple[Box, ...]:
    """Boxes around connected foreground of which a part moved, in fractions."""
    closed = cv2.morphologyEx(foreground, cv2.MORPH_CLOSE, _FIVE)
    closed = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _THREE)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    moving = np.bincount(labels[moved], minlength=count).tolist()
    rows, columns = foreground.shape
    least = BLOB_LEAST * foreground.size
    found = []
    for (x, y, width, height, area), moved_pixels in zip(stats[1:].tolist(), moving[1:], strict=True):
        if area >= least and moved_pixels >= BLOB_MOVES * area:
            found.append(Box(x / columns, y / rows, (x + width) / columns, (y + height) / rows))
    return tuple(found)


def _middle(values: _Numbers) -> np.int16:
    """Approximate median: of every fourth value in one direction, every eighth in the other."""
    sample = values[::4, ::8].ravel()
    middle: np.int16 = np.partition(sample, len(sample) // 2)[len(sample) // 2]
    return middle
