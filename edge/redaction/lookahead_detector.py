"""The first of two passes: detects faces and plates ahead of the encoder, in its own thread."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import NamedTuple

import av

from common.errors import PaifangError, RedactionError
from edge.redaction.detection_plan import (
    LARGE_PX,
    Cadence,
    DetectionResult,
    DetectorRequest,
    Detectors,
    face_sizes,
    filter_implausible,
    plate_size,
    search,
)
from edge.redaction.mask_renderer import known, small_luma
from edge.redaction.video_reader import Opener, VideoFrame, VideoReader
from edge.redaction.worker_pool import PendingResult, WorkerPool
from pipelines.masks.large_masks import SURE_FACE, SURE_PLATE
from pipelines.masks.temporal_mask_interpolation import changed
from pipelines.types import Detector

MAX_PENDING = 3
"""Frames in search or waiting: one more than threads, so that no thread is idle."""
MAX_REPEATS = 24
"""Maximum number of inspections in a row that reuse a result while nothing changes."""


class DetectedFrame(NamedTuple):
    """The first pass's result for a frame.

    Attributes:
        number: The frame's number.
        pts: Its time stamp, by which both passes check that they have the same frame.
        faces: Detected faces; None if not searched.
        plates: Detected plates; None if not searched.
        failed: The search failed.
        timed_out: The search timed out.
        searched: A detector ran; else an older result was reused.
    """

    number: int
    pts: int | None
    faces: DetectionResult | None = None
    plates: DetectionResult | None = None
    failed: bool = False
    timed_out: bool = False
    searched: bool = False


class _PendingFrame(NamedTuple):
    video_frame: tuple[int, int | None]
    answers: list[tuple[DetectorRequest, PendingResult[list[DetectionResult]], int]]
    searched: bool
    unknown: bool


class LookaheadDetector:
    """The first pass.

    Args:
        opener: Opens the video.
        detectors: The detectors.
        cadence: How often they run.
        timeout_s: Time-out of a search.
        threads: Parallel searches.
    """

    def __init__(self, opener: Opener, detectors: Detectors, cadence: Cadence, timeout_s: float, threads: int) -> None:
        self._opener, self._detectors, self._cadence, self._timeout_s = opener, detectors, cadence, timeout_s
        self._workers: WorkerPool[list[DetectionResult]] = WorkerPool(threads)
        self._results: queue.Queue[DetectedFrame | PaifangError | None] = queue.Queue(maxsize=2 * cadence.ahead + 8)
        self._stop = threading.Event()
        self._pending: deque[_PendingFrame] = deque()
        self._requests: list[DetectorRequest] = []
        self._inspections = 0
        self._size = (0, 0)
        self._thread = threading.Thread(target=self._run, name="redaction-lookahead", daemon=True)
        self._thread.start()

    def next(self) -> DetectedFrame | None:
        """The result for the next frame; None at the end.

        Raises:
            RedactionError: The video cannot be read, or the detectors hang.
        """
        result = self._results.get()
        if isinstance(result, PaifangError):
            raise result
        return result

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._results.get(timeout=0.05)
            except queue.Empty:
                continue
        self._workers.close()

    def _run(self) -> None:
        try:
            video = self._opener()
            try:
                self._read_frames(video)
            finally:
                video.close()
            self._emit(None)
        except PaifangError as error:
            self._emit(error)
        except Exception as error:  # otherwise the second pass would wait forever
            self._emit(RedactionError(f"the first pass failed: {error}"))

    def _read_frames(self, video: VideoReader) -> None:
        for item in video.shots():
            if self._stop.is_set():
                return
            if isinstance(item, VideoFrame):
                self._pending.append(self._submit(item))
                while self._pending and (not self._pending[0].answers or self._pending_searches() > MAX_PENDING):
                    self._emit(self._collect(self._pending.popleft()))
        while self._pending and not self._stop.is_set():
            self._emit(self._collect(self._pending.popleft()))

    def _pending_searches(self) -> int:
        return sum(it.searched for it in self._pending)

    def _emit(self, result: DetectedFrame | PaifangError | None) -> None:
        while not self._stop.is_set():
            try:
                self._results.put(result, timeout=0.1)
                return
            except queue.Full:
                continue

    def _submit(self, video_frame: VideoFrame) -> _PendingFrame:
        frame_id = (video_frame.number, video_frame.frame.pts)
        if video_frame.number % self._cadence.every:
            return _PendingFrame(frame_id, [], searched=False, unknown=False)
        if not known(video_frame.frame):
            return _PendingFrame(frame_id, [], searched=False, unknown=True)
        if (video_frame.frame.width, video_frame.frame.height) != self._size:
            self._size = video_frame.frame.width, video_frame.frame.height
            self._requests.clear()  # results are in pixels of the former size
        luma = small_luma(video_frame.frame)
        due = self._due_requests(video_frame)
        changed_requests = [it for it in due if it.luma is None or it.repeats >= MAX_REPEATS or changed(it.luma, luma)]
        if changed_requests:
            pairs = [(it.detector, it.long_side) for it in changed_requests]
            min_scores = [SURE_PLATE if it.plates else SURE_FACE for it in changed_requests]
            pending = self._workers.submit(lambda frame=video_frame.frame: _search_plausible(frame, pairs, min_scores))  # type: ignore[misc]
            for index, it in enumerate(changed_requests):
                it.luma, it.pending, it.index, it.repeats = luma if luma.size else None, pending, index, 0
        for it in due:
            it.repeats += it not in changed_requests
        answers = [(it, it.pending, it.index) for it in due if it.pending is not None]
        return _PendingFrame(frame_id, answers, searched=bool(changed_requests), unknown=False)

    def _due_requests(self, video_frame: VideoFrame) -> list[DetectorRequest]:
        """The detectors to run: faces at one size in turn (all sizes in large pictures); sometimes plates."""
        long_px = max(video_frame.frame.width, video_frame.frame.height)
        if not self._requests:
            sizes = face_sizes(long_px, self._detectors.thorough)
            self._requests = [DetectorRequest(self._detectors.faces(size), size, plates=False) for size in sizes]
            if self._detectors.plates is not None:
                size = plate_size(long_px)
                self._requests.append(DetectorRequest(self._detectors.plates(size), size, plates=True))
        faces = [it for it in self._requests if not it.plates]
        plates = [it for it in self._requests if it.plates]
        inspection, self._inspections = self._inspections, self._inspections + 1
        sized = faces if long_px > LARGE_PX or self._detectors.thorough else [faces[inspection % len(faces)]]
        return [*sized, *(plates if inspection % self._cadence.plates_every == 0 else [])]

    def _collect(self, pending_frame: _PendingFrame) -> DetectedFrame:
        faces: DetectionResult | None = None
        plates: DetectionResult | None = None
        if pending_frame.unknown:
            return DetectedFrame(*pending_frame.video_frame, failed=True)
        try:
            for request, pending, index in pending_frame.answers:
                found = pending.value(self._timeout_s)[index]
                if request.plates:
                    plates = found
                else:
                    faces = found if faces is None else faces.with_more(found)
        except Exception as error:  # on any error the frame is black
            for request, pending, _ in pending_frame.answers:
                request.luma = None if request.pending is pending else request.luma  # search again
            late = isinstance(error, TimeoutError)
            if late:
                self._workers.replace()
                if self._workers.is_exhausted:
                    raise RedactionError("the detectors hang") from error
            return DetectedFrame(*pending_frame.video_frame, failed=True, timed_out=late, searched=True)
        return DetectedFrame(*pending_frame.video_frame, faces, plates, searched=pending_frame.searched)


def _search_plausible(
    frame: av.VideoFrame, requests: list[tuple[Detector, int]], min_scores: list[float]
) -> list[DetectionResult]:
    found = search(frame, requests)
    return [filter_implausible(it, frame, minimum) for it, minimum in zip(found, min_scores, strict=True)]
