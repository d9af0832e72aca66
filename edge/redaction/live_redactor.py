"""Redacts a live view frame by frame, within a bounded time; a frame without a result is black."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import av
import numpy as np

from edge.media.redaction_statistics import Counts
from edge.redaction.detection_plan import DetectionResult, filter_implausible, search
from edge.redaction.face_search import FaceDetectorRotation
from edge.redaction.mask_renderer import FrameFormat, RedactedFrame, black, known, paint
from edge.redaction.worker_pool import PendingResult, WorkerPool
from pipelines.masks.large_masks import GIANT, SURE_FACE, SURE_PLATE
from pipelines.masks.mask_pixels import head_of
from pipelines.masks.temporal_mask_interpolation import Masks, Spans, joined
from pipelines.types import Box, Detector

DEADLINE_S = 0.25
PLATES_PX = 960
PLATES_EVERY = 4
KEEP_S = 0.6
"""Lifetime of a mask after its last detection: detectors miss a face in some frames."""


class Leaving(NamedTuple):
    """A redacted frame and its time."""

    covered: RedactedFrame
    time_ns: int


class _PendingFrame(NamedTuple):
    """A frame in the delay buffer; `is_searched`: it was searched in time."""

    number: int
    time_ns: int
    frame: av.VideoFrame
    is_searched: bool
    extra_boxes: list[Box]


@dataclass
class LiveRedactor:
    """Redacts one view of one camera. Call `take` for each frame, from one thread.

    Every frame is searched for faces, each fourth for plates. If a search exceeds the deadline, its frame and
    the following ones are black until it is done: the view is delayed by one deadline at most.

    Args:
        faces: Detects faces; one detector, or several in rotation.
        plates: Detects plates; None: faces only.
        random: Generator of the masks' noise.
        rate: Approximate frame rate.
        deadline_s: Time-out of a search.
        lead: Frames of delay: detections in later frames also mask earlier ones. 0 for live views.

    Attributes:
        counts: Statistics.
    """

    faces: Detector | FaceDetectorRotation
    plates: Detector | None
    random: np.random.Generator
    rate: float = 15.0
    deadline_s: float = DEADLINE_S
    lead: int = 0
    counts: Counts = field(default_factory=Counts)
    _overdue: PendingResult[list[DetectionResult]] | None = None
    _canvas: FrameFormat | None = None
    _pending: deque[_PendingFrame] = field(default_factory=deque)

    def __post_init__(self) -> None:
        lifetime_frames = max(2, round(self.rate * KEEP_S))
        self._face_detectors = (
            self.faces if isinstance(self.faces, FaceDetectorRotation) else FaceDetectorRotation.single(self.faces)
        )
        self._workers: WorkerPool[list[DetectionResult]] = WorkerPool(1)
        self._faces = Masks(Spans(self.lead, lifetime_frames, lifetime_frames, 0.8 / self.rate))
        self._plates = Masks(Spans(self.lead, 2 * lifetime_frames, 2 * lifetime_frames, 0.8 / self.rate))

    def take(
        self, frame: av.VideoFrame, time_ns: int, persons: Sequence[Box] = (), plates: Sequence[Box] = ()
    ) -> Leaving | None:
        """Take a frame; returns the redacted frame `lead` before it, always of the same even size.

        Args:
            frame: Not changed.
            time_ns: Returned with the frame.
            persons: Tracked persons, pixels: their heads are masked too.
            plates: Known plates, pixels.
        """
        if self._canvas is None:
            self._canvas = FrameFormat.of(frame)
        number = self.counts.frames
        self.counts.frames += 1
        self.counts.unknown_pixels += not known(frame)
        is_searched = known(frame) and self._search(frame, number)
        self._pending.append(_PendingFrame(number, time_ns, frame, is_searched, [*map(head_of, persons), *plates]))
        return self._render(self._canvas) if len(self._pending) > self.lead else None

    def rest(self) -> Iterator[Leaving]:
        """The frames in the delay buffer, at the end."""
        while self._pending and self._canvas is not None:
            yield self._render(self._canvas)

    def close(self) -> None:
        """Stop its thread."""
        self._workers.close()

    def _render(self, canvas: FrameFormat) -> Leaving:
        pending_frame = self._pending.popleft()
        most_px = GIANT * pending_frame.frame.width * pending_frame.frame.height
        found = [*self._faces.at(pending_frame.number, most_px), *self._plates.at(pending_frame.number, most_px)]
        boxes = joined([*found, *pending_frame.extra_boxes], most_px)
        covered = paint(pending_frame.frame, boxes, canvas, self.random) if pending_frame.is_searched else black(canvas)
        self.counts.covers += len(boxes) if pending_frame.is_searched else 0
        self.counts.black += covered.black
        return Leaving(covered, pending_frame.time_ns)

    def _search(self, frame: av.VideoFrame, number: int) -> bool:
        if self._overdue is not None:
            if not self._overdue.ready:
                return False
            self._overdue = None
        requests = [self._face_detectors.at(number, max(frame.width, frame.height))]
        if self.plates is not None and number % PLATES_EVERY == 0:
            requests.append((self.plates, PLATES_PX))
        result = self._workers.submit(lambda: search(frame, requests))
        self.counts.looks += 1
        try:
            found = result.value(self.deadline_s)
        except TimeoutError:
            self.counts.timed_out += 1
            self._overdue = result
            return False
        except Exception:  # on any error the frame is black
            self.counts.failed_looks += 1
            return False
        self._faces.add(number, *filter_implausible(found[0], frame, SURE_FACE))
        for plates in found[1:]:
            self._plates.add(number, *filter_implausible(plates, frame, SURE_PLATE))
        return True
