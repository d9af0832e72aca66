"""CenterFace: faces, in order to blur them, where YuNet cannot be had.

Source: Y. Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv:1911.03599. The
landmarks that it also puts out are not read.

Its scores are calibrated: a small face in a crowd has 0.04 to 0.1, where YuNet gives 0.2 to 0.35. `CALIBRATION` maps
them, so that a limit in the rest of the product means the same for both models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.detectors.nms import suppress
from models.preprocessing import Letterboxer, Preparation, check_picture, detections, in_picture
from models.session import DEFAULT_OPTIONS, Options, expect
from models.strips import Stage, StripSession
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

STRIDE = 4
OUTPUTS = ["537", "538", "539"]
"""Heatmap (1 channel), log of height and width (2), offset in y and x (2); each a quarter of the input's size."""
STAGES = (
    Stage(end={"377": 1}, given=4, reach=2, units=32),
    Stage(end={"387": 2, "394": 1}, given=2, reach=1, units=16),
)
"""A 3 x 3 convolution, one more in each channel and another of every second row: row r needs 4 r - 5 to 4 r + 5. Then
two blocks that widen 24 channels to 144, one of them of every second row: row r needs 2 r - 2 to 2 r + 2; the result of
the first is needed again at the end."""
NO_BLOB = np.empty((1, 3, 0, 0), np.float32)
DEFAULT_LONG_SIDE_PX = 640
DEFAULT_THRESHOLD = 0.3
NMS_IOU = 0.3
CALIBRATION = (0.0, 0.04, 0.1, 0.5, 1.0), (0.0, 0.2, 0.35, 0.5, 1.0)
"""The graph's scores, and the calibrated ones; linear in between. With these, videos left none of 1,185 faces of
`vtest` open that YuNet sees at 960 pixels (YuNet itself 9); with a least score of 0.06, not calibrated, 14 of 1,198."""
DOUBTFUL, LARGEST_DOUBTFUL = 0.35, 0.004
"""Below this calibrated score a face counts only where it is smaller than this share of the picture: larger ones
of that score were parts of vehicles, walls and floors."""


class CenterFace:
    """Finds faces. Calls from several threads are safe.

    Args:
        model: ONNX bytes; their fixed size is set free.
        options: `long_side` (640; smaller pictures are enlarged to it), `threshold` (0.3, calibrated), `threads`.

    Raises:
        ModelError: The bytes cannot be loaded.
    """

    def __init__(self, model: bytes, options: Options = DEFAULT_OPTIONS) -> None:
        self._session = StripSession(model, STAGES, options.threads, options.lean)
        self._fitter = Letterboxer(Preparation(planes=(2, 1, 0)))
        self.long_side = options.long_side or DEFAULT_LONG_SIDE_PX
        self.threshold = options.threshold or DEFAULT_THRESHOLD
        self._least = float(np.interp(self.threshold, *CALIBRATION[::-1]))

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
        begun = self._session.begin(fitted.blob)
        fitted = fitted._replace(blob=NO_BLOB)  # 8 MB at 960 x 736, for most of the time
        outputs = self._session.finish(begun, OUTPUTS)
        heat, log_size, offset = (
            expect(name, output, 1, channels, height, width)[0]
            for name, output, channels in zip(OUTPUTS, outputs, (1, 2, 2), strict=True)
        )
        row, column = np.nonzero(heat[0] > self._least)
        half = np.exp(log_size[:, row, column]) * STRIDE / 2
        centre = (np.stack([row, column]) + offset[:, row, column] + 0.5) * STRIDE
        low, high = (centre - half).T[:, ::-1], (centre + half).T[:, ::-1]
        boxes = in_picture(np.hstack([low, high]), fitted, picture)
        scores = heat[0][row, column]
        kept = suppress(boxes, scores, NMS_IOU)
        boxes, scores = boxes[kept], calibrated(scores[kept])
        likely = believable(boxes, scores, picture.shape[0] * picture.shape[1])
        return detections(boxes[likely], scores[likely])


def calibrated(scores: Floats) -> Floats:
    """The graph's scores on the scale of the product; see `CALIBRATION`."""
    return np.interp(scores, *CALIBRATION).astype(np.float32)


def believable(boxes: Floats, scores: Floats, area_px: int) -> NDArray[np.bool_]:
    """Which boxes count: the doubtful ones only where they are small.

    Args:
        boxes: N x 4, pixels.
        scores: N, calibrated.
        area_px: Of the picture.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    likely: NDArray[np.bool_] = (scores >= DOUBTFUL) | (areas < LARGEST_DOUBTFUL * area_px)
    return likely
