"""A live view, frame by frame: covered with what is known by then, within a bounded time, or black."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import av
import numpy as np

from edge.blur.counts import Counts
from edge.blur.crew import Crew, Promise
from edge.blur.look import Found, search
from edge.blur.paint import Canvas, Covered, black, known, paint
from pipelines.masking import Masks, Spans, joined
from pipelines.redact import head_of
from pipelines.types import Box, Detector

DEADLINE_S = 0.25
LONG_SIDE_PX, PLATES_PX = 640, 960
PLATES_EVERY = 4
KEEP_S = 0.6
"""How long a box stays after it was found last: detectors miss a face for some frames."""


@dataclass
class LiveRedactor:
    """One view of one camera. Call `cover` for each frame, from one thread.

    Every frame is searched for faces, each fourth for plates. A search that takes longer than the deadline makes its
    frame black, and those after it, until it is done: the view is late by one deadline at most.

    Args:
        faces: Finds faces.
        plates: Finds plates; None: faces only.
        random: Noise of the covers.
        rate: Frames a second, about.
        deadline_s: How long a search may take.

    Attributes:
        counts: What happened so far.
    """

    faces: Detector
    plates: Detector | None
    random: np.random.Generator
    rate: float = 15.0
    deadline_s: float = DEADLINE_S
    counts: Counts = field(default_factory=Counts)
    _late: Promise[list[Found]] | None = None
    _canvas: Canvas | None = None

    def __post_init__(self) -> None:
        keep = max(2, round(self.rate * KEEP_S))
        self._crew: Crew[list[Found]] = Crew(1)
        self._faces = Masks(Spans(0, keep, keep, 0.8 / self.rate))
        self._plates = Masks(Spans(0, 2 * keep, 2 * keep, 0.8 / self.rate))

    def cover(self, frame: av.VideoFrame, people: Sequence[Box] = (), plates: Sequence[Box] = ()) -> Covered:
        """The frame as it may be shown; the same size each time, made even.

        Args:
            frame: Not changed.
            people: Persons that the box knows of, pixels: their heads are covered too.
            plates: Plates that it knows of, pixels.
        """
        if self._canvas is None:
            self._canvas = Canvas.of(frame)
        number = self.counts.frames
        self.counts.frames += 1
        covered = self._covered(frame, number, [*map(head_of, people), *plates], self._canvas)
        self.counts.black += covered.black
        return covered

    def close(self) -> None:
        """End its thread."""
        self._crew.close()

    def _covered(self, frame: av.VideoFrame, number: int, more: list[Box], canvas: Canvas) -> Covered:
        if not known(frame):
            self.counts.unknown_pixels += 1
            return black(canvas)
        if not self._searched(frame, number):
            return black(canvas)
        boxes = joined([*self._faces.at(number), *self._plates.at(number), *more])
        self.counts.covers += len(boxes)
        return paint(frame, boxes, canvas, self.random)

    def _searched(self, frame: av.VideoFrame, number: int) -> bool:
        if self._late is not None:
            if not self._late.ready:
                return False
            self._late = None
        wanted = [(self.faces, LONG_SIDE_PX)]
        if self.plates is not None and number % PLATES_EVERY == 0:
            wanted.append((self.plates, PLATES_PX))
        promise = self._crew.ask(lambda: search(frame, wanted))
        self.counts.looks += 1
        try:
            found = promise.value(self.deadline_s)
        except TimeoutError:
            self.counts.timed_out += 1
            self._late = promise
            return False
        except Exception:  # whatever a detector raises, the frame is black
            self.counts.failed_looks += 1
            return False
        self._faces.add(number, *found[0])
        for plates in found[1:]:
            self._plates.add(number, *plates)
        return True
