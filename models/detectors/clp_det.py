"""clp_det: Chinese number plates, with their four corners. Finds plates; reads nothing.

Source: J. Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", arXiv:1905.00641 (priors,
variances 0.1 and 0.2), trained on plates with four corners in the place of five landmarks.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.detectors.nms import suppress
from models.preprocessing import Letterboxer, ModelInput, Preparation, check_picture, detections, in_picture, sizable
from models.session import DEFAULT_OPTIONS, Options, Session, expect
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

PRIORS_PX = {8: (24, 48), 16: (96, 192), 32: (384, 768)}
"""Stride → sides of the square priors at each cell."""
VARIANCES = (0.1, 0.2)
READING_ORDER = [2, 3, 0, 1]
"""The model puts bottom right first, then bottom left, top left, top right (measured on CCPD pictures)."""
MEAN_BGR = (104.0, 117.0, 123.0)
DEFAULT_LONG_SIDE_PX = 960
LEAST_LONG_SIDE_PX = 160
DEFAULT_THRESHOLD = 0.5
NMS_IOU = 0.3


class ClpDet:
    """Finds plates. Calls from several threads are safe.

    Args:
        model: ONNX bytes.
        options: `long_side` (960; smaller pictures are enlarged to it), `threshold` (0.5), `threads`.

    Raises:
        ModelError: The bytes cannot be loaded.
    """

    def __init__(self, model: bytes, options: Options = DEFAULT_OPTIONS) -> None:
        self._session = Session(model, options.threads, lean=options.lean)
        self._fitter = Letterboxer(Preparation(mean=MEAN_BGR))
        self.long_side = options.long_side or DEFAULT_LONG_SIDE_PX
        self.threshold = options.threshold or DEFAULT_THRESHOLD

    def detect(self, picture: Picture) -> Detections:
        """Find plates; boxes that hold the corners too.

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        return self.find(picture)[0]

    def find(self, picture: Picture) -> tuple[Detections, Floats]:
        """Find plates with their corners.

        Where nothing is found it searches again at half the size: a plate that fills the picture is larger than the
        priors like (of 130 CCPD pictures 120 at 960, 128 with the second search).

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Returns:
            The plates, and N x 4 x 2 float32: x and y of top left, top right, bottom right, bottom left as the plate is
            read, in pixels of `picture` (possibly a little outside it).

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        check_picture(picture)
        if not picture.size:
            return Detections.none(), np.empty((0, 4, 2), np.float32)
        found, corners = self.find_at(picture, self.long_side)
        if len(found) or self.long_side < 2 * LEAST_LONG_SIDE_PX:
            return found, corners
        return self.find_at(picture, self.long_side // 2)

    def find_at(self, picture: Picture, long_side: int) -> tuple[Detections, Floats]:
        """The same at one size, without a second search.

        Args:
            picture: H x W x 3 uint8 BGR, not empty.
            long_side: Length in pixels that the longer side is brought to.

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        check_picture(picture)
        fitted = self._fitter.long_side(picture, long_side)
        height, width = fitted.blob.shape[2:]
        loc, conf, marks = self._session.run(fitted.blob, ["loc", "conf", "landms"])
        priors = _priors(width, height)
        count = len(priors)
        rates = expect("conf", conf, 1, count, 2)[0, :, 1]
        likely = np.flatnonzero(rates > self.threshold)
        codes = expect("loc", loc, 1, count, 4)[0][likely]
        corner_codes = expect("landms", marks, 1, count, 8)[0][likely]
        boxes, corners = _decode(codes, corner_codes, priors[likely])
        return _found(boxes, corners, rates[likely], fitted, picture)


def _found(
    boxes: Floats, corners: Floats, scores: Floats, fitted: ModelInput, picture: Picture
) -> tuple[Detections, Floats]:
    inside = in_picture(boxes, fitted, picture)
    kept = suppress(inside, scores, NMS_IOU)
    kept = kept[sizable(inside[kept])]
    ratios = np.array([fitted.ratio_x, fitted.ratio_y], np.float32)
    return detections(inside[kept], scores[kept]), corners[kept] / ratios


def _decode(codes: Floats, corner_codes: Floats, priors: Floats) -> tuple[Floats, Floats]:
    """Boxes N x 4 and corners N x 4 x 2 in input pixels."""
    places, sides = priors[:, :2], priors[:, 2:]
    centre = places + codes[:, :2] * VARIANCES[0] * sides
    half = sides * np.exp(codes[:, 2:] * VARIANCES[1]) / 2
    corners = places[:, None] + corner_codes.reshape(-1, 4, 2) * VARIANCES[0] * sides[:, None]
    return np.hstack([centre - half, centre + half]), corners[:, READING_ORDER]


@lru_cache(maxsize=8)
def _priors(width: int, height: int) -> Floats:
    """N x 4: centre x, y, width, height in input pixels, in the order of the output rows."""
    parts = []
    for stride, sides in PRIORS_PX.items():
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride
        rows = np.repeat(centres, len(sides), axis=0)
        lengths = np.tile(np.array(sides, np.float64), len(centres))
        parts.append(np.column_stack([rows, lengths, lengths]))
    return np.concatenate(parts).astype(np.float32)
