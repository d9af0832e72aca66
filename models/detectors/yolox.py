"""YOLOX-nano: persons and vehicles.

Source: Z. Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430 (anchor-free head, strides 8, 16, 32).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.detectors.nms import suppress
from models.files.graph_optimizer import slim
from models.preprocessing import Letterboxer, Preparation, check_picture, detections, in_picture
from models.session import DEFAULT_OPTIONS, Options, Session, expect
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

STRIDES = (8, 16, 32)
COCO_CLASSES = (0, 1, 2, 3, 5, 7)
"""Person, bicycle, car, motorcycle, bus, truck among COCO's classes, in the order of `CLASSES`."""
ROW = 5 + len(COCO_CLASSES)
"""An output row: x, y, width, height, objectness, one score a class."""
GROUPS = np.array([0, 1, 2, 3, 2, 2], np.int64)
"""Class → suppression group: one vehicle often comes as car, bus and truck at once, so those three compete."""
DEFAULT_SIZE = (416, 416)
DEFAULT_THRESHOLD = 0.3
NMS_IOU = 0.5


class YoloxNano:
    """Finds persons and vehicles. One session serves every input size; calls from several threads are safe.

    Args:
        model: ONNX bytes.
        options: `size` (width, height; 416 x 416), `threshold` (0.3), `threads`.

    Raises:
        ModelError: The bytes cannot be loaded.
    """

    def __init__(self, model: bytes, options: Options = DEFAULT_OPTIONS) -> None:
        self._session = Session(slim(model, COCO_CLASSES), options.threads, free_size=True, lean=options.lean)
        self._fitter = Letterboxer(Preparation(pad=114.0))
        self.size = options.size or DEFAULT_SIZE
        self.threshold = options.threshold or DEFAULT_THRESHOLD

    def detect(self, picture: Picture) -> Detections:
        """Find persons and vehicles at the configured input size.

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        return self.detect_at(picture, self.size)

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:
        """The same at another input size: a wide crop needs no square input.

        Args:
            picture: H x W x 3 uint8 BGR, any size.
            size: Width and height of the input, multiples of 32.

        Raises:
            ModelError: Not such a picture or size, or the model could not run on it.
        """
        check_picture(picture)
        if size[0] <= 0 or size[1] <= 0 or size[0] % 32 or size[1] % 32:
            raise ModelError(f"size must be two positive multiples of 32, got {size}")
        if not picture.size:
            return Detections.none()
        fitted = self._fitter.letterbox(picture, *size)
        (rows,) = self._session.run(fitted.blob)
        grid = _grid(*size)
        boxes, scores, classes = _decode(expect("output", rows, 1, len(grid), ROW)[0], grid, self.threshold)
        boxes = in_picture(boxes, fitted, picture)
        kept = suppress(boxes, scores, NMS_IOU, GROUPS[classes])
        return detections(boxes[kept], scores[kept], classes[kept])


def _decode(rows: Floats, grid: Floats, threshold: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Boxes in input pixels, scores and classes of the rows above the threshold; the others are never decoded."""
    likely = np.flatnonzero(rows[:, 4] > threshold)  # the score is at most the objectness
    found = rows[likely]
    each = found[:, 5:]
    classes = each.argmax(axis=1)
    scores = each.max(axis=1) * found[:, 4]
    good = scores > threshold
    found, place = found[good], grid[likely[good]]
    centre = (found[:, :2] + place[:, :2]) * place[:, 2:]
    with np.errstate(over="ignore"):
        half = np.exp(found[:, 2:4]) * place[:, 2:] / 2
    return np.hstack([centre - half, centre + half]), scores[good], classes[good]


@lru_cache(maxsize=32)
def _grid(width: int, height: int) -> Floats:
    """N x 3: column, row and stride of each output row."""
    parts = []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride]
        parts.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)
