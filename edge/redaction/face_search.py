"""Parameters of each face model: sizes and minimum scores for videos, live views and stills.

The figures of a new model are measured with `python -m benchmarks redact`, which compares all face models.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.detector_factory import WRAPPERS, open_detector, open_model
from models.files.store import ModelStore
from models.manifest import Task
from models.session import Options
from pipelines.types import Detections, Detector, Picture

TASK: Task = "faces-to-blur"
SMALL_PX = 640
"""Pictures with a longer side up to this are small."""


@dataclass(frozen=True)
class FaceSearch:
    """Parameters of one model. Sizes are long sides in pixels, to which the picture is scaled.

    Attributes:
        live_score: Minimum score in live views.
        still_score: Minimum score in stills.
        live_small: Sizes used in turn for small frames of a live view.
        live_large: Sizes used in turn for larger frames.
        still: Sizes used for each still.
        thorough: Videos are searched at both sizes in each inspection, small ones enlarged as well.
    """

    live_score: float
    still_score: float
    live_small: tuple[int, ...] = (SMALL_PX,)
    live_large: tuple[int, ...] = (SMALL_PX,)
    still: tuple[int, ...] = (SMALL_PX,)
    thorough: bool = False


FACE_SEARCH = {
    "yunet_n": FaceSearch(live_score=0.3, still_score=0.4),
    "centerface": FaceSearch(
        0.2, 0.2, live_small=(640, 480), live_large=(960, 640, 640), still=(960, 480), thorough=True
    ),
}
"""Model → parameters. CenterFace misses small faces at one size, and others when it enlarges the picture: of 222
faces that YuNet saw at 960 pixels in 77 frames, stills at 640 left 37 open, at 960 16, at 960 and 480 6 (YuNet: 81)."""


class FaceDetectorRotation(NamedTuple):
    """Detectors used in rotation, each with its long side in pixels.

    Attributes:
        small: For small pictures.
        large: For larger ones.
    """

    small: tuple[tuple[Detector, int], ...]
    large: tuple[tuple[Detector, int], ...]

    @staticmethod
    def single(detector: Detector, long_side: int = SMALL_PX) -> FaceDetectorRotation:
        """One detector for all."""
        return FaceDetectorRotation(((detector, long_side),), ((detector, long_side),))

    def at(self, inspection: int, long_px: int) -> tuple[Detector, int]:
        """The detector for a frame.

        Args:
            inspection: Number of the frame, from 0.
            long_px: The frame's longer side.
        """
        turns = self.small if long_px <= SMALL_PX else self.large
        return turns[inspection % len(turns)]


class AllSizes:
    """One model at several sizes, as one detector.

    Args:
        detectors: One or more.
    """

    def __init__(self, detectors: list[Detector]) -> None:
        self._detectors = detectors

    def detect(self, picture: Picture) -> Detections:
        """The detections of all sizes; overlapping boxes are both kept, since each may cover more.

        Raises:
            ModelError: One could not run.
        """
        found = [detector.detect(picture) for detector in self._detectors]
        boxes, scores = np.concatenate([it.boxes for it in found]), np.concatenate([it.scores for it in found])
        return Detections(boxes, scores, np.zeros(len(boxes), np.int64))


def face_model(store: ModelStore) -> str:
    """Name of the face model in use: the first available choice.

    Raises:
        ModelUnavailable: None is; tells the command that fetches one.
    """
    open_detector(TASK, store)
    return next(it.name for it in store.for_task(TASK) if it.name in WRAPPERS and store.has(it.name))


def still_faces(store: ModelStore, name: str | None = None) -> Detector:
    """The face detector for stills.

    Args:
        store: Where the models are.
        name: A face model; default: the first available choice.

    Raises:
        ModelUnavailable: It is missing; tells the command that fetches it.
    """
    model = name or face_model(store)
    search = FACE_SEARCH[model]
    sizes = [
        open_model(model, store, Options(long_side=size, threshold=search.still_score, lean=len(search.still) > 1))
        for size in search.still
    ]
    return AllSizes(sizes) if len(sizes) > 1 else sizes[0]


def live_faces(store: ModelStore, name: str | None = None) -> FaceDetectorRotation:
    """The face detectors for live views; arguments and errors as of `still_faces`."""
    model = name or face_model(store)
    search = FACE_SEARCH[model]

    @functools.cache
    def sized(size: int) -> Detector:
        return open_model(model, store, Options(long_side=size, threshold=search.live_score))

    return FaceDetectorRotation(
        *(tuple((sized(it), it) for it in sizes) for sizes in (search.live_small, search.live_large))
    )
