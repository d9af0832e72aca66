"""PP-OCRv4's text detector as a finder of plates, where clp_det may not be used. It finds any line of text.

Source: M. Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", arXiv:1911.08947: the map
marks text shrunken, so each region is grown again by area x ratio / perimeter.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.preprocessing import Letterboxer, ModelInput, Preparation, check_picture, detections, in_picture, sizable
from models.session import DEFAULT_OPTIONS, Options, Session, expect
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

PIXEL_THRESHOLD = 0.3
GROW_RATIO = 1.6
LEAST_SIDE_PX = 3
MOST_REGIONS = 100
DEFAULT_LONG_SIDE_PX = 640
DEFAULT_THRESHOLD = 0.5


class PpocrDet:
    """Finds lines of text, plates among them. Calls from several threads are safe.

    Args:
        model: ONNX bytes.
        options: `long_side` (640; smaller pictures are enlarged to it), `threshold` (0.5, of a region's mean),
            `threads`.

    Raises:
        ModelError: The bytes cannot be loaded.
    """

    def __init__(self, model: bytes, options: Options = DEFAULT_OPTIONS) -> None:
        self._session = Session(model, options.threads, lean=options.lean)
        half = 127.5
        self._fitter = Letterboxer(Preparation((half, half, half), 1 / half))
        self.long_side = options.long_side or DEFAULT_LONG_SIDE_PX
        self.threshold = options.threshold or DEFAULT_THRESHOLD

    def detect(self, picture: Picture) -> Detections:
        """Find lines of text.

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        return self.find(picture)[0]

    def find(self, picture: Picture) -> tuple[Detections, Floats]:
        """Find lines of text with their corners.

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Returns:
            The lines, and N x 4 x 2 float32: x and y of top left, top right, bottom right, bottom left, in pixels of
            `picture` (possibly a little outside it).

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        check_picture(picture)
        if not picture.size:
            return Detections.none(), np.empty((0, 4, 2), np.float32)
        return self.find_at(picture, self.long_side)

    def find_at(self, picture: Picture, long_side: int) -> tuple[Detections, Floats]:
        """The same at one size.

        Args:
            picture: H x W x 3 uint8 BGR, not empty.
            long_side: Length in pixels that the longer side is brought to.

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        check_picture(picture)
        fitted = self._fitter.long_side(picture, long_side)
        height, width = fitted.blob.shape[2:]
        (heat,) = self._session.run(fitted.blob)
        corners, scores = _regions(expect("map", heat, 1, 1, height, width)[0, 0], self.threshold)
        return _found(corners, scores, fitted, picture)


def _found(corners: Floats, scores: Floats, fitted: ModelInput, picture: Picture) -> tuple[Detections, Floats]:
    boxes = in_picture(np.hstack([corners.min(axis=1), corners.max(axis=1)]), fitted, picture)
    kept = np.flatnonzero(sizable(boxes))
    ratios = np.array([fitted.ratio_x, fitted.ratio_y], np.float32)
    return detections(boxes[kept], scores[kept]), corners[kept] / ratios


def _regions(heat: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Corners N x 4 x 2 in input pixels and mean heat N of the regions above `threshold`, best first."""
    count, marks, stats, _ = cv2.connectedComponentsWithStats((heat > PIXEL_THRESHOLD).astype(np.uint8))
    labels = np.asarray(marks, np.int32)
    pixels = np.bincount(labels.ravel(), minlength=count)
    means = np.bincount(labels.ravel(), weights=heat.ravel(), minlength=count) / np.maximum(pixels, 1)
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1)
    means[(sides < LEAST_SIDE_PX) | (np.arange(count) == 0)] = 0  # label 0 is what is no text
    best = np.argsort(-means, kind="stable")[:MOST_REGIONS]
    best = best[means[best] > threshold]
    if not len(best):
        return np.empty((0, 4, 2), np.float32), np.empty(0, np.float32)
    # A loop, but over a handful of regions after 50 ms of inference: OpenCV turns rectangles one at a time.
    corners = np.stack([_rectangle(labels, int(label), stats[label, :4].tolist()) for label in best])
    return corners, means[best].astype(np.float32)


def _rectangle(labels: NDArray[np.int32], label: int, place: list[int]) -> Floats:
    """4 x 2: corners of the region's smallest turned rectangle, grown by the unclip distance."""
    x, y, width, height = place
    mask = (labels[y : y + height, x : x + width] == label).astype(np.uint8)
    points = cv2.findNonZero(mask)
    (cx, cy), (w, h), degrees = cv2.minAreaRect(points)
    w, h = w + 1, h + 1  # from pixel centres to their outer edges
    grown = w * h * GROW_RATIO / (2 * (w + h))
    turned = ((cx + x + 0.5, cy + y + 0.5), (w + 2 * grown, h + 2 * grown), degrees)
    return _in_reading_order(np.asarray(cv2.boxPoints(turned), np.float32))


def _in_reading_order(corners: Floats) -> Floats:
    """Top left, top right, bottom right, bottom left: the two leftmost are the left side, each side from the top."""
    across = corners[np.argsort(corners[:, 0], kind="stable")]
    left = across[:2][np.argsort(across[:2, 1], kind="stable")]
    right = across[2:][np.argsort(across[2:, 1], kind="stable")]
    return np.stack([left[0], right[0], right[1], left[1]])
