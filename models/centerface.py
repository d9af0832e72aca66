"""CenterFace: faces, in order to blur them, where YuNet cannot be had.

Source: Y. Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv:1911.03599. The
landmarks that it also puts out are not read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.nms import suppress
from models.picture import Fitter, Preparation, check_picture, detections, in_picture
from models.session import DEFAULT_OPTIONS, Options, Session, expect
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

STRIDE = 4
OUTPUTS = ["537", "538", "539"]
"""Heatmap (1 channel), log of height and width (2), offset in y and x (2); each a quarter of the input's size."""
DEFAULT_LONG_SIDE_PX = 640
DEFAULT_THRESHOLD = 0.3
NMS_IOU = 0.3


class CenterFace:
    """Finds faces. Calls from several threads are safe.

    Args:
        model: ONNX bytes; their fixed size is set free.
        options: `long_side` (640; smaller pictures are enlarged to it), `threshold` (0.3), `threads`.

    Raises:
        ModelError: The bytes cannot be loaded.
    """

    def __init__(self, model: bytes, options: Options = DEFAULT_OPTIONS) -> None:
        self._session = Session(model, options.threads, free_size=True, lean=options.lean)
        self._fitter = Fitter(Preparation(planes=(2, 1, 0)))
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
        height, width = fitted.blob.shape[2] // STRIDE, fitted.blob.shape[3] // STRIDE
        heat, log_size, offset = (
            expect(name, output, 1, channels, height, width)[0]
            for name, output, channels in zip(OUTPUTS, self._session.run(fitted.blob, OUTPUTS), (1, 2, 2), strict=True)
        )
        row, column = np.nonzero(heat[0] > self.threshold)
        half = np.exp(log_size[:, row, column]) * STRIDE / 2
        centre = (np.stack([row, column]) + offset[:, row, column] + 0.5) * STRIDE
        low, high = (centre - half).T[:, ::-1], (centre + half).T[:, ::-1]
        boxes = in_picture(np.hstack([low, high]), fitted, picture)
        scores = heat[0][row, column]
        kept = suppress(boxes, scores, NMS_IOU)
        return detections(boxes[kept], scores[kept])
