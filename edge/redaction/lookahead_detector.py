"""The first of two passes: runs ahead in a thread of its own and tells what is where."""

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
    believable,
    face_sizes,
    plate_size,
    search,
)
from edge.redaction.mask_renderer import known, small_luma
from edge.redaction.video_reader import Opener, VideoFrame, VideoReader
from edge.redaction.worker_pool import Promise, WorkerPool
from pipelines.masks.large_masks import SURE_FACE, SURE_PLATE
from pipelines.masks.temporal_mask_interpolation import changed
from pipelines.types import Detector

WAITING = 3
"""Frames that are being searched, or wait for it: one more than threads, so that none has to wait."""
MOST_REPEATS = 24
"""Looks that are left out in a row while nothing changes."""


class Seen(NamedTuple):
    """What the first pass says of a frame.

    Attributes:
        number: Of the frame.
        pts: Its time stamp, so that both passes mean the same one.
        faces: What was found; None where it was not looked for.
        plates: The same of plates.
        failed: It was to be searched and that did not work.
        timed_out: It failed because it took too long.
        searched: A detector was asked; else an older answer still holds.
    """

    number: int
    pts: int | None
    faces: DetectionResult | None = None
    plates: DetectionResult | None = None
    failed: bool = False
    timed_out: bool = False
    searched: bool = False


class _Asked(NamedTuple):
    shot: tuple[int, int | None]
    answers: list[tuple[DetectorRequest, Promise[list[DetectionResult]], int]]
    searched: bool
    unknown: bool


class LookaheadDetector:
    """The first pass.

    Args:
        opener: Opens the video.
        finders: Search.
        pace: How often.
        timeout_s: How long a search may take.
        threads: Searches at a time.
    """

    def __init__(self, opener: Opener, finders: Detectors, pace: Cadence, timeout_s: float, threads: int) -> None:
        self._opener, self._finders, self._pace, self._timeout_s = opener, finders, pace, timeout_s
        self._crew: WorkerPool[list[DetectionResult]] = WorkerPool(threads)
        self._said: queue.Queue[Seen | PaifangError | None] = queue.Queue(maxsize=2 * pace.ahead + 8)
        self._stop = threading.Event()
        self._pending: deque[_Asked] = deque()
        self._questions: list[DetectorRequest] = []
        self._looks = 0
        self._size = (0, 0)
        self._thread = threading.Thread(target=self._run, name="blur-scout", daemon=True)
        self._thread.start()

    def next(self) -> Seen | None:
        """What is said of the next frame; None at the end.

        Raises:
            RedactionError: The video cannot be read, or the detectors hang.
        """
        said = self._said.get()
        if isinstance(said, PaifangError):
            raise said
        return said

    def close(self) -> None:
        """Stop, wherever it is."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._said.get(timeout=0.05)
            except queue.Empty:
                continue
        self._crew.close()

    def _run(self) -> None:
        try:
            film = self._opener()
            try:
                self._watch(film)
            finally:
                film.close()
            self._say(None)
        except PaifangError as error:
            self._say(error)
        except Exception as error:  # a thread that dies silently would leave the second pass waiting
            self._say(RedactionError(f"the first pass failed: {error}"))

    def _watch(self, film: VideoReader) -> None:
        for item in film.shots():
            if self._stop.is_set():
                return
            if isinstance(item, VideoFrame):
                self._pending.append(self._ask(item))
                while self._pending and (not self._pending[0].answers or self._searching() > WAITING):
                    self._say(self._heard(self._pending.popleft()))
        while self._pending and not self._stop.is_set():
            self._say(self._heard(self._pending.popleft()))

    def _searching(self) -> int:
        return sum(it.searched for it in self._pending)

    def _say(self, said: Seen | PaifangError | None) -> None:
        while not self._stop.is_set():
            try:
                self._said.put(said, timeout=0.1)
                return
            except queue.Full:
                continue

    def _ask(self, shot: VideoFrame) -> _Asked:
        name = (shot.number, shot.frame.pts)
        if shot.number % self._pace.every:
            return _Asked(name, [], searched=False, unknown=False)
        if not known(shot.frame):
            return _Asked(name, [], searched=False, unknown=True)
        if (shot.frame.width, shot.frame.height) != self._size:
            self._size = shot.frame.width, shot.frame.height
            self._questions.clear()  # what was found in pixels of another size says nothing of this one
        luma = small_luma(shot.frame)
        wanted = self._wanted(shot)
        anew = [it for it in wanted if it.luma is None or it.repeats >= MOST_REPEATS or changed(it.luma, luma)]
        if anew:
            pairs = [(it.detector, it.long_side) for it in anew]
            sure = [SURE_PLATE if it.plates else SURE_FACE for it in anew]
            promise = self._crew.ask(lambda frame=shot.frame: _searched(frame, pairs, sure))  # type: ignore[misc]
            for place, it in enumerate(anew):
                it.luma, it.promise, it.place, it.repeats = luma if luma.size else None, promise, place, 0
        for it in wanted:
            it.repeats += it not in anew
        answers = [(it, it.promise, it.place) for it in wanted if it.promise is not None]
        return _Asked(name, answers, searched=bool(anew), unknown=False)

    def _wanted(self, shot: VideoFrame) -> list[DetectorRequest]:
        """The questions of this look: faces at one size in turn, in large pictures at all; now and then plates."""
        long_px = max(shot.frame.width, shot.frame.height)
        if not self._questions:
            sizes = face_sizes(long_px, self._finders.thorough)
            self._questions = [DetectorRequest(self._finders.faces(size), size, plates=False) for size in sizes]
            if self._finders.plates is not None:
                size = plate_size(long_px)
                self._questions.append(DetectorRequest(self._finders.plates(size), size, plates=True))
        faces = [it for it in self._questions if not it.plates]
        plates = [it for it in self._questions if it.plates]
        look, self._looks = self._looks, self._looks + 1
        sized = faces if long_px > LARGE_PX or self._finders.thorough else [faces[look % len(faces)]]
        return [*sized, *(plates if look % self._pace.plates_every == 0 else [])]

    def _heard(self, asked: _Asked) -> Seen:
        faces: DetectionResult | None = None
        plates: DetectionResult | None = None
        if asked.unknown:
            return Seen(*asked.shot, failed=True)
        try:
            for question, promise, place in asked.answers:
                found = promise.value(self._timeout_s)[place]
                if question.plates:
                    plates = found
                else:
                    faces = found if faces is None else faces.with_more(found)
        except Exception as error:  # whatever a detector raises, the frame is black
            for question, promise, _ in asked.answers:
                question.luma = None if question.promise is promise else question.luma  # ask again
            late = isinstance(error, TimeoutError)
            if late:
                self._crew.replace()
                if self._crew.hopeless:
                    raise RedactionError("the detectors hang") from error
            return Seen(*asked.shot, failed=True, timed_out=late, searched=True)
        return Seen(*asked.shot, faces, plates, searched=asked.searched)


def _searched(frame: av.VideoFrame, questions: list[tuple[Detector, int]], sure: list[float]) -> list[DetectionResult]:
    found = search(frame, questions)
    return [believable(it, frame, least) for it, least in zip(found, sure, strict=True)]
