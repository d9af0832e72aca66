"""How each face model is asked: sizes and least scores for videos, live views and stills.

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
    """How one model is asked. Sizes are long sides in pixels, which the picture is brought to.

    Attributes:
        live_score: Least score in live views.
        still_score: Least score in stills.
        live_small: Sizes that frames of a live view are searched at in turn, when they are small.
        live_large: The same of larger ones.
        still: Sizes that each still is searched at.
        thorough: Videos are searched at both sizes in each look, small ones enlarged as well.
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
"""Model → how it is asked. CenterFace misses small faces at one size, and others when it enlarges the picture: of 222
faces that YuNet saw at 960 pixels in 77 frames, stills at 640 left 37 open, at 960 16, at 960 and 480 6 (YuNet: 81)."""


class FaceTurns(NamedTuple):
    """Detectors that are asked in turn, each with its long side in pixels.

    Attributes:
        small: For small pictures.
        large: For larger ones.
    """

    small: tuple[tuple[Detector, int], ...]
    large: tuple[tuple[Detector, int], ...]

    @staticmethod
    def always(detector: Detector, long_side: int = SMALL_PX) -> FaceTurns:
        """One detector for all."""
        return FaceTurns(((detector, long_side),), ((detector, long_side),))

    def at(self, look: int, long_px: int) -> tuple[Detector, int]:
        """Which is asked about a frame.

        Args:
            look: Number of the look, from 0.
            long_px: The frame's longer side.
        """
        turns = self.small if long_px <= SMALL_PX else self.large
        return turns[look % len(turns)]


class AllSizes:
    """One model at several sizes, as one detector.

    Args:
        detectors: One or more.
    """

    def __init__(self, detectors: list[Detector]) -> None:
        self._detectors = detectors

    def detect(self, picture: Picture) -> Detections:
        """What any of them finds; boxes of two sizes are both kept, since each covers what the other may not.

        Raises:
            ModelError: One could not run.
        """
        found = [detector.detect(picture) for detector in self._detectors]
        boxes, scores = np.concatenate([it.boxes for it in found]), np.concatenate([it.scores for it in found])
        return Detections(boxes, scores, np.zeros(len(boxes), np.int64))


def face_model(store: ModelStore) -> str:
    """Name of the face model that is used: the first choice that is here.

    Raises:
        ModelUnavailable: None is; tells the command that fetches one.
    """
    open_detector(TASK, store)
    return next(it.name for it in store.for_task(TASK) if it.name in WRAPPERS and store.has(it.name))


def still_faces(store: ModelStore, name: str | None = None) -> Detector:
    """What finds faces in stills.

    Args:
        store: Where the models are.
        name: A face model; the first choice that is here unless given.

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


def live_faces(store: ModelStore, name: str | None = None) -> FaceTurns:
    """What finds faces in live views; arguments and errors as of `still_faces`."""
    model = name or face_model(store)
    search = FACE_SEARCH[model]

    @functools.cache
    def sized(size: int) -> Detector:
        return open_model(model, store, Options(long_side=size, threshold=search.live_score))

    return FaceTurns(*(tuple((sized(it), it) for it in sizes) for sizes in (search.live_small, search.live_large)))
