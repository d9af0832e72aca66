"""When the detectors run, how often, and at which sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import av
import numpy as np

from edge.redaction.mask_renderer import small_picture
from edge.redaction.worker_pool import PendingResult
from pipelines.masks.large_masks import plausible
from pipelines.masks.temporal_mask_interpolation import Boxes, Scores, Spans
from pipelines.types import Detector, Luma

Sized = Callable[[int], Detector]
"""Long side in pixels → a detector for pictures of that size; the same one each time."""


class DetectionResult(NamedTuple):
    """A detector's result: N x 4 boxes in pixels of the frame, and their N scores."""

    boxes: Boxes
    scores: Scores

    def with_more(self, other: DetectionResult) -> DetectionResult:
        """The detections of both results."""
        return DetectionResult(np.concatenate([self.boxes, other.boxes]), np.concatenate([self.scores, other.scores]))


class Detectors(NamedTuple):
    """The detectors of a redactor.

    Attributes:
        faces: Finds faces.
        plates: Finds plates; None: faces only.
        thorough: Search faces at both sizes in each inspection, small pictures enlarged as well.
    """

    faces: Sized
    plates: Sized | None
    thorough: bool = False


class Cadence(NamedTuple):
    """How often a video is inspected, and for how many frames a detection is valid.

    Attributes:
        every: Frames between inspections.
        plates_every: Inspections between searches for plates.
        faces: Validity of face detections.
        plates: Validity of plate detections.
    """

    every: int
    plates_every: int
    faces: Spans
    plates: Spans

    @property
    def ahead(self) -> int:
        """Number of following frames that must be inspected before a frame can be masked."""
        return max(self.faces.ahead, self.plates.ahead) + self.every


INSPECTIONS_PER_S = 6
PLATES_EVERY = 3
FACE_REACH_S, FACE_GAP_S = 0.7, 1.2
PLATE_REACH_S, PLATE_GAP_S = 0.8, 1.6
DRIFT_PER_S = 0.8
"""Assumed drift of a face or plate in a second, on every side, as a share of its size."""


def cadence_of(rate: float) -> Cadence:
    """The cadence for a frame rate."""
    every = max(1, round(rate / INSPECTIONS_PER_S))
    return Cadence(
        every,
        PLATES_EVERY,
        _spans(rate, FACE_REACH_S, FACE_GAP_S, 3 * every),
        _spans(rate, PLATE_REACH_S, PLATE_GAP_S, 3 * every * PLATES_EVERY),
    )


def _spans(rate: float, reach_s: float, gap_s: float, minimum: int) -> Spans:
    reach, gap = max(round(rate * reach_s), minimum // 2), max(round(rate * gap_s), minimum)
    return Spans(reach, reach, gap, DRIFT_PER_S / rate)


TINY_PX = 480
"""Pictures with a longer side up to this are searched enlarged to 640 pixels and at 480 in turn."""
LARGE_PX = 1024
"""Pictures with a longer side than this are searched at all sizes in each inspection, smaller ones in turn."""


def face_sizes(long_px: int, thorough: bool = False) -> tuple[int, ...]:
    """Long sides at which faces are searched: small faces need large pictures, large faces small ones."""
    if long_px <= 640 and not thorough:
        return (640, 480) if long_px <= TINY_PX else (640,)
    return (960, 640) if long_px <= LARGE_PX else (1280, 640)


def plate_size(long_px: int) -> int:
    """Long side at which plates are searched."""
    return 640 if long_px <= 640 else 960 if long_px <= LARGE_PX else 1280


@dataclass
class DetectorRequest:
    """A detector at one size, and its last result.

    Attributes:
        detector: The detector.
        long_side: Pixels.
        plates: Whether it detects plates, not faces.
        luma: The frame's luma at the last search.
        pending: The pending result of the last search; `index` is the position in it.
        index: Position in the result.
        repeats: How often the result was reused for unchanged frames.
    """

    detector: Detector
    long_side: int
    plates: bool
    luma: Luma | None = None
    pending: PendingResult[list[DetectionResult]] | None = None
    index: int = 0
    repeats: int = 0


def filter_implausible(result: DetectionResult, frame: av.VideoFrame, min_score: float) -> DetectionResult:
    """Remove large detections with low scores; see `pipelines.masks.large_masks`."""
    is_kept = plausible(result.boxes, result.scores, (frame.width, frame.height), min_score)
    return DetectionResult(result.boxes[is_kept], result.scores[is_kept])


def search(frame: av.VideoFrame, requests: Sequence[tuple[Detector, int]]) -> list[DetectionResult]:
    """Run detectors on a frame.

    Args:
        frame: Any size.
        requests: Detectors, each with its long side.

    Returns:
        The result of each.

    Raises:
        ModelError: One could not run.
        ValueError: The frame's pixels cannot be converted.
    """
    return [_run_detector(frame, detector, long_side) for detector, long_side in requests]


def _run_detector(frame: av.VideoFrame, detector: Detector, long_side: int) -> DetectionResult:
    picture = small_picture(frame, long_side)
    result = detector.detect(picture)
    ratio_x, ratio_y = frame.width / picture.shape[1], frame.height / picture.shape[0]
    scaled: Boxes = result.boxes * np.array([ratio_x, ratio_y] * 2, np.float32)
    if not np.isfinite(scaled).all():
        raise ValueError("a detector returned boxes that are not finite")
    return DetectionResult(scaled, result.scores)
