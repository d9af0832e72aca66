"""What is asked of the detectors, how often, and at which sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import av
import numpy as np

from edge.redaction.mask_renderer import small_picture
from edge.redaction.worker_pool import Promise
from pipelines.masks.large_masks import plausible
from pipelines.masks.temporal_mask_interpolation import Boxes, Scores, Spans
from pipelines.types import Detector, Luma

Sized = Callable[[int], Detector]
"""Long side in pixels → a detector for pictures of that size; the same one each time."""


class DetectionResult(NamedTuple):
    """An answer: N x 4 boxes in pixels of the frame, and their N scores."""

    boxes: Boxes
    scores: Scores

    def with_more(self, other: DetectionResult) -> DetectionResult:
        """Both."""
        return DetectionResult(np.concatenate([self.boxes, other.boxes]), np.concatenate([self.scores, other.scores]))


class Detectors(NamedTuple):
    """What searches.

    Attributes:
        faces: Finds faces.
        plates: Finds plates; None: faces only.
        thorough: Faces are searched at both sizes in each look, small pictures enlarged as well.
    """

    faces: Sized
    plates: Sized | None
    thorough: bool = False


class Cadence(NamedTuple):
    """How often a video is searched, and how far what is found reaches.

    Attributes:
        every: A look each so many frames.
        plates_every: Plates in each so many looks.
        faces: Reach of faces.
        plates: Reach of plates.
    """

    every: int
    plates_every: int
    faces: Spans
    plates: Spans

    @property
    def ahead(self) -> int:
        """Frames beyond one that must be known before it can be covered."""
        return max(self.faces.ahead, self.plates.ahead) + self.every


LOOKS_PER_S = 6
PLATES_EVERY = 3
FACE_REACH_S, FACE_GAP_S = 0.7, 1.2
PLATE_REACH_S, PLATE_GAP_S = 0.8, 1.6
DRIFT_PER_S = 0.8
"""Share of its size that a face or plate is taken to stray in a second, on every side."""


def pace_of(rate: float) -> Cadence:
    """The pace for so many frames a second."""
    every = max(1, round(rate / LOOKS_PER_S))
    return Cadence(
        every,
        PLATES_EVERY,
        _spans(rate, FACE_REACH_S, FACE_GAP_S, 3 * every),
        _spans(rate, PLATE_REACH_S, PLATE_GAP_S, 3 * every * PLATES_EVERY),
    )


def _spans(rate: float, reach_s: float, gap_s: float, least: int) -> Spans:
    reach, gap = max(round(rate * reach_s), least // 2), max(round(rate * gap_s), least)
    return Spans(reach, reach, gap, DRIFT_PER_S / rate)


TINY_PX = 480
"""Pictures with a longer side up to this are searched enlarged to 640 pixels and at 480 in turn."""
LARGE_PX = 1024
"""Pictures with a longer side than this are searched at all sizes in each look, smaller ones in turn."""


def face_sizes(long_px: int, thorough: bool = False) -> tuple[int, ...]:
    """Long sides that faces are searched at: small ones show in large pictures, large ones in small pictures."""
    if long_px <= 640 and not thorough:
        return (640, 480) if long_px <= TINY_PX else (640,)
    return (960, 640) if long_px <= LARGE_PX else (1280, 640)


def plate_size(long_px: int) -> int:
    """Long side that plates are searched at."""
    return 640 if long_px <= 640 else 960 if long_px <= LARGE_PX else 1280


@dataclass
class DetectorRequest:
    """A detector at one size, and what it answered last.

    Attributes:
        detector: Who is asked.
        long_side: Pixels.
        plates: About plates, not faces.
        luma: What the view looked like when it was asked.
        promise: Its last answer; `place` is where in it.
        place: Index.
        repeats: How often that answer was taken again since nothing had changed.
    """

    detector: Detector
    long_side: int
    plates: bool
    luma: Luma | None = None
    promise: Promise[list[DetectionResult]] | None = None
    place: int = 0
    repeats: int = 0


def believable(found: DetectionResult, frame: av.VideoFrame, sure: float) -> DetectionResult:
    """Without large detections that little speaks for; see `pipelines.masks.large_masks`."""
    kept = plausible(found.boxes, found.scores, (frame.width, frame.height), sure)
    return DetectionResult(found.boxes[kept], found.scores[kept])


def search(frame: av.VideoFrame, questions: Sequence[tuple[Detector, int]]) -> list[DetectionResult]:
    """Ask detectors about a frame.

    Args:
        frame: Any size.
        questions: Detectors, each with the long side that it wants.

    Returns:
        The answer to each.

    Raises:
        ModelError: One could not run.
        ValueError: The frame's pixels cannot be converted.
    """
    return [_ask(frame, detector, long_side) for detector, long_side in questions]


def _ask(frame: av.VideoFrame, detector: Detector, long_side: int) -> DetectionResult:
    picture = small_picture(frame, long_side)
    found = detector.detect(picture)
    ratio_x, ratio_y = frame.width / picture.shape[1], frame.height / picture.shape[0]
    scaled: Boxes = found.boxes * np.array([ratio_x, ratio_y] * 2, np.float32)
    if not np.isfinite(scaled).all():
        raise ValueError("a detector answered with boxes that are no numbers")
    return DetectionResult(scaled, found.scores)
