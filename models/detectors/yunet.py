"""YuNet-n: faces, in order to blur them.

Source: W. Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20, 2023. The
landmarks that it also puts out are not read.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.detectors.nms import suppress
from models.preprocessing import Letterboxer, Preparation, check_picture, detections, in_picture
from models.session import DEFAULT_OPTIONS, Options, Session, expect
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

STRIDES = (8, 16, 32)
DEFAULT_LONG_SIDE_PX = 640
DEFAULT_THRESHOLD = 0.4
"""Leans to blurring too much rather than too little."""
NMS_IOU = 0.45


class YuNet:
    """Finds faces. Calls from several threads are safe.

    Args:
        model: ONNX bytes.
        options: `long_side` (640; smaller pictures are enlarged to it), `threshold` (0.4), `threads`.

    Raises:
        ModelError: The bytes cannot be loaded.
    """

    def __init__(self, model: bytes, options: Options = DEFAULT_OPTIONS) -> None:
        self._session = Session(model, options.threads, lean=options.lean)
        self._fitter = Letterboxer(Preparation())
        self.long_side = options.long_side or DEFAULT_LONG_SIDE_PX
        self.threshold = options.threshold or DEFAULT_THRESHOLD

    def detect(self, picture: Picture) -> Detections:
        """Find faces.

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        check_picture(picture)
        if not picture.size:
            return Detections.none()
        fitted = self._fitter.long_side(picture, self.long_side)
        height, width = fitted.blob.shape[2:]
        rows = self._rows(fitted.blob)
        grid = _grid(width, height)
        scores = np.sqrt(np.clip(rows[0], 0, 1) * np.clip(rows[1], 0, 1))[:, 0]
        likely = np.flatnonzero(scores > self.threshold)
        place, codes = grid[likely], rows[2][likely]
        centre = (codes[:, :2] + place[:, :2]) * place[:, 2:]
        half = np.exp(codes[:, 2:]) * place[:, 2:] / 2
        boxes = in_picture(np.hstack([centre - half, centre + half]), fitted, picture)
        scores = scores[likely]
        kept = suppress(boxes, scores, NMS_IOU)
        return detections(boxes[kept], scores[kept])

    def _rows(self, blob: Floats) -> list[Floats]:
        """Of cls N x 1, obj N x 1 and bbox N x 4: the rows of all strides, one after another."""
        height, width = blob.shape[2:]
        kinds = (("cls", 1), ("obj", 1), ("bbox", 4))
        names = [f"{kind}_{stride}" for kind, _ in kinds for stride in STRIDES]
        outputs = dict(zip(names, self._session.run(blob, names), strict=True))
        result = []
        for kind, columns in kinds:
            parts = []
            for stride in STRIDES:
                count = (height // stride) * (width // stride)
                name = f"{kind}_{stride}"
                parts.append(expect(name, outputs[name], 1, count, columns)[0])
            result.append(np.concatenate(parts))
        return result


@lru_cache(maxsize=32)
def _grid(width: int, height: int) -> Floats:
    """N x 3: column, row and stride of each output row."""
    parts = []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride]
        parts.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)
