"""A live view, frame by frame: covered with what is known by then, within a bounded time, or black."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import av
import numpy as np

from edge.media.redaction_statistics import Counts
from edge.redaction.detection_plan import DetectionResult, believable, search
from edge.redaction.face_search import FaceTurns
from edge.redaction.mask_renderer import FrameFormat, RedactedFrame, black, known, paint
from edge.redaction.worker_pool import Promise, WorkerPool
from pipelines.masks.large_masks import GIANT, SURE_FACE, SURE_PLATE
from pipelines.masks.mask_pixels import head_of
from pipelines.masks.temporal_mask_interpolation import Masks, Spans, joined
from pipelines.types import Box, Detector

DEADLINE_S = 0.25
PLATES_PX = 960
PLATES_EVERY = 4
KEEP_S = 0.6
"""How long a box stays after it was found last: detectors miss a face for some frames."""


class Leaving(NamedTuple):
    """A frame that may be shown, and the time that was given with it."""

    covered: RedactedFrame
    time_ns: int


class _Held(NamedTuple):
    """A frame that has not left; `seen`: it was searched in time."""

    number: int
    time_ns: int
    frame: av.VideoFrame
    seen: bool
    more: list[Box]


@dataclass
class LiveRedactor:
    """One view of one camera. Call `take` for each frame, from one thread.

    Every frame is searched for faces, each fourth for plates. A search that takes longer than the deadline makes its
    frame black, and those after it, until it is done: the view is late by one deadline at most.

    Args:
        faces: Finds faces; one detector, or several that are asked in turn.
        plates: Finds plates; None: faces only.
        random: Noise of the covers.
        rate: Frames a second, about.
        deadline_s: How long a search may take.
        lead: Frames that are known before one leaves: what is found in them reaches back to it. 0 for what is live.

    Attributes:
        counts: What happened so far.
    """

    faces: Detector | FaceTurns
    plates: Detector | None
    random: np.random.Generator
    rate: float = 15.0
    deadline_s: float = DEADLINE_S
    lead: int = 0
    counts: Counts = field(default_factory=Counts)
    _late: Promise[list[DetectionResult]] | None = None
    _canvas: FrameFormat | None = None
    _held: deque[_Held] = field(default_factory=deque)

    def __post_init__(self) -> None:
        keep = max(2, round(self.rate * KEEP_S))
        self._turns = self.faces if isinstance(self.faces, FaceTurns) else FaceTurns.always(self.faces)
        self._crew: WorkerPool[list[DetectionResult]] = WorkerPool(1)
        self._faces = Masks(Spans(self.lead, keep, keep, 0.8 / self.rate))
        self._plates = Masks(Spans(self.lead, 2 * keep, 2 * keep, 0.8 / self.rate))

    def take(
        self, frame: av.VideoFrame, time_ns: int, people: Sequence[Box] = (), plates: Sequence[Box] = ()
    ) -> Leaving | None:
        """Take a frame; what leaves is the one `lead` before it, as it may be shown: the same size each time, even.

        Args:
            frame: Not changed.
            time_ns: Leaves with the frame.
            people: Persons that the box knows of, pixels: their heads are covered too.
            plates: Plates that it knows of, pixels.
        """
        if self._canvas is None:
            self._canvas = FrameFormat.of(frame)
        number = self.counts.frames
        self.counts.frames += 1
        self.counts.unknown_pixels += not known(frame)
        seen = known(frame) and self._searched(frame, number)
        self._held.append(_Held(number, time_ns, frame, seen, [*map(head_of, people), *plates]))
        return self._leave(self._canvas) if len(self._held) > self.lead else None

    def rest(self) -> Iterator[Leaving]:
        """What has not left, when there will be no more."""
        while self._held and self._canvas is not None:
            yield self._leave(self._canvas)

    def close(self) -> None:
        """End its thread."""
        self._crew.close()

    def _leave(self, canvas: FrameFormat) -> Leaving:
        held = self._held.popleft()
        most_px = GIANT * held.frame.width * held.frame.height
        found = [*self._faces.at(held.number, most_px), *self._plates.at(held.number, most_px)]
        boxes = joined([*found, *held.more], most_px)
        covered = paint(held.frame, boxes, canvas, self.random) if held.seen else black(canvas)
        self.counts.covers += len(boxes) if held.seen else 0
        self.counts.black += covered.black
        return Leaving(covered, held.time_ns)

    def _searched(self, frame: av.VideoFrame, number: int) -> bool:
        if self._late is not None:
            if not self._late.ready:
                return False
            self._late = None
        wanted = [self._turns.at(number, max(frame.width, frame.height))]
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
        self._faces.add(number, *believable(found[0], frame, SURE_FACE))
        for plates in found[1:]:
            self._plates.add(number, *believable(plates, frame, SURE_PLATE))
        return True
