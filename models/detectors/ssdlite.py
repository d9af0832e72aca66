"""SSDLite with MobileNetV2: persons and vehicles, where YOLOX cannot be had.

Source: M. Sandler et al., "MobileNetV2", arXiv:1801.04381; box decoding of W. Liu et al., "SSD", arXiv:1512.02325, with
TensorFlow's scale factors 10, 10, 5, 5. The graph is what `models.files.convert_tfjs` makes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.detectors.nms import suppress
from models.detectors.yolox import GROUPS
from models.preprocessing import Letterboxer, ModelInput, Preparation, check_picture, detections, in_picture
from models.session import DEFAULT_OPTIONS, Options, Session, expect
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

SIDE_PX = 300
COCO_COLUMNS = np.array([1, 2, 3, 4, 6, 8])
"""Columns of person, bicycle, car, motorcycle, bus, truck in the 91 columns of the scores (0 is the background)."""
PERSON = 0
"""Its place in `CLASSES`."""
PERSON_CALIBRATION = (0.0, 0.15, 0.3, 0.6, 1.0), (0.0, 0.05, 0.2, 0.5, 1.0)
"""The graph's scores of persons, and the calibrated ones; linear in between. It gives low scores to
empty ground and walls more often than YOLOX-nano: as they are, `accuracy` finds 13 of 14 crossings on `vtest` with 7
false ones, calibrated 14 with 1, and the other clips stay as they are. Scores of vehicles are left alone: with them
calibrated as well, one of five cars of `bgs_video` was not found."""
GROUP_WIDE, GROUP_HOLDS = 1.3, 2
"""A person's box this many times as wide as it is high, with the middles of this many smaller persons in it, is a
group: COCO labels crowds as one box, and the graph learned it (670 x 218 pixels at 0.6 on `vtest`)."""
DEFAULT_THRESHOLD = 0.3
NMS_IOU = 0.5


class SsdLite:
    """Finds persons and vehicles in a picture that is stretched to 300 x 300.

    Args:
        model: ONNX bytes.
        options: `threshold` (0.3), `threads`; `size` has no effect: the anchors are made for 300 x 300.

    Raises:
        ModelError: The bytes cannot be loaded.
    """

    def __init__(self, model: bytes, options: Options = DEFAULT_OPTIONS) -> None:
        self._session = Session(model, options.threads, lean=options.lean)
        half = 127.5
        self._fitter = Letterboxer(Preparation((half, half, half), 1 / half, planes=(2, 1, 0)))
        self.threshold = options.threshold or DEFAULT_THRESHOLD
        (anchors,) = self._session.run(np.zeros((1, 3, SIDE_PX, SIDE_PX), np.float32), ["anchors"])
        corners = expect("anchors", anchors, -1, 4) * SIDE_PX
        self._centres = (corners[:, :2] + corners[:, 2:]) / 2
        self._sizes = corners[:, 2:] - corners[:, :2]

    def detect(self, picture: Picture) -> Detections:
        """Find persons and vehicles.

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Raises:
            ModelError: Not such a picture, or the model could not run on it.
        """
        check_picture(picture)
        if not picture.size:
            return Detections.none()
        fitted = self._fitter.stretch(picture, SIDE_PX, SIDE_PX)
        codes, rates = self._session.run(fitted.blob, ["boxes", "scores"])
        count = len(self._centres)
        return self._found(
            expect("boxes", codes, 1, count, 4)[0], expect("scores", rates, 1, count, 91)[0], fitted, picture
        )

    def _found(self, codes: Floats, rates: Floats, fitted: ModelInput, picture: Picture) -> Detections:
        each = rates[:, COCO_COLUMNS]
        scores = each.max(axis=1)
        likely = np.flatnonzero(scores > self.threshold)
        boxes = in_picture(self._decode(codes[likely], likely), fitted, picture)
        scores, classes = scores[likely], each[likely].argmax(axis=1)
        kept = suppress(boxes, scores, NMS_IOU, GROUPS[classes])
        scores = calibrated(scores[kept], classes[kept])
        sure = scores > self.threshold
        boxes, scores, classes = boxes[kept][sure], scores[sure], classes[kept][sure]
        single = ~groups_of_persons(boxes, classes)
        return detections(boxes[single], scores[single], classes[single])

    def _decode(self, codes: Floats, rows: NDArray[np.int64]) -> Floats:
        """Encodings (y, x, h, w relative to their anchors) → x1 y1 x2 y2 in input pixels."""
        centre = codes[:, :2] / 10 * self._sizes[rows] + self._centres[rows]
        half = np.exp(codes[:, 2:] / 5) * self._sizes[rows] / 2
        low, high = centre - half, centre + half
        return np.hstack([low[:, ::-1], high[:, ::-1]])


def calibrated(scores: Floats, classes: NDArray[np.int64]) -> Floats:
    """The graph's scores on the scale of the product; see `PERSON_CALIBRATION`.

    Args:
        scores: N.
        classes: N, indices into `CLASSES`.
    """
    return np.where(classes == PERSON, np.interp(scores, *PERSON_CALIBRATION), scores).astype(np.float32)


def groups_of_persons(boxes: Floats, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which boxes are groups of persons rather than one; see `GROUP_WIDE`.

    Args:
        boxes: N x 4, x1 y1 x2 y2.
        classes: N, indices into `CLASSES`.
    """
    sides, middles = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    areas, person = sides.prod(axis=1), classes == PERSON
    inside = ((middles[None] > boxes[:, None, :2]) & (middles[None] < boxes[:, None, 2:])).all(axis=2)
    held = (inside & person[None] & (areas[None] < areas[:, None] / 2)).sum(axis=1)
    wide = sides[:, 0] > GROUP_WIDE * sides[:, 1]
    groups: NDArray[np.bool_] = person & wide & (held >= GROUP_HOLDS)
    return groups
