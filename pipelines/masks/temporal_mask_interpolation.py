"""From detections that are sparse in time to what is covered in every frame.

A detector misses a face now and then, and is not asked about every frame. So detections that follow each other closely
are linked, and the frames between them are covered along the way; the frames before a first detection and after a last
one are covered for a while, with boxes that grow the further away the nearest detection is. A link says that two boxes
are near each other, nothing about whose they are; it lives as long as the call that needs it, and nothing counts them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.geometry import iou_matrix
from pipelines.masks.mask_pixels import GROW, GROW_PX
from pipelines.types import Box, Luma

Boxes = NDArray[np.float32]
"""N x 4, x1 y1 x2 y2 in pixels."""

Scores = NDArray[np.float32]
"""N, in [0, 1]."""

NEAR_GROW, NEAR_IOU = 0.8, 0.1
"""Boxes are linked where they overlap once each side was pushed out by this share of their size."""
SURE_IOU = 0.3
"""From this plain overlap on a link is sure; below it both ends are also covered as if there were none."""
STRONG = 0.35
"""Scores below this are doubtful."""
SAME, MOST_WASTE = 0.6, 1.25
"""A box joins a larger one when this share of it lies inside, and the larger one grows by no more than this factor."""
MOST_DRIFT = 0.8
"""Boxes grow by at most this share of their size on every side, away from detections."""
CHANGED_LEVELS = 8
"""Grey levels, averaged over 3 x 3 small pixels, from which on a place is taken to have changed."""


class Spans(NamedTuple):
    """How far a detection reaches, in frames.

    Attributes:
        before: Frames covered before a detection that follows none.
        after: Frames covered after one that none follows.
        gap: Detections further apart than this are not linked.
        drift: Share of its size by which a box grows on every side for each frame away from a detection.
    """

    before: int
    after: int
    gap: int
    drift: float

    @property
    def ahead(self) -> int:
        """How many frames beyond one must be known before that one can be covered."""
        return max(self.before, self.gap)


class _Stretch(NamedTuple):
    """A box on its way: at `start` in frame `first`, at `end` in frame `last`; detected at one end or at both."""

    first: int
    last: int
    start: Box
    end: Box
    seen_first: bool
    seen_last: bool


class _Tail(NamedTuple):
    """The newest detection of a row of linked ones; whether any was strong; how it moves, pixels a frame."""

    frame: int
    box: Box
    is_strong: bool
    velocity: tuple[float, float] | None


class Masks:
    """What to cover, frame by frame. Bounded memory: whatever lies behind the frame asked for is forgotten.

    Export: add the detections of every frame up to `spans.ahead` frames beyond a frame, then ask for the frame. Live:
    add a frame's detections, if there are any, then ask for that frame.

    Args:
        spans: How far detections reach.
    """

    def __init__(self, spans: Spans) -> None:
        self.spans = spans
        self._stretches: list[_Stretch] = []
        self._tails: list[_Tail] = []

    def add(self, frame: int, boxes: Boxes, scores: Scores | None = None) -> None:
        """Detections of a frame; frame numbers rise from call to call.

        Args:
            frame: Its number.
            boxes: What was found in it, N x 4; N may be 0.
            scores: N, in [0, 1]; below `STRONG` a box is covered and linked, but reaches no further by itself.
        """
        found = [Box(*row) for row in boxes.tolist()]
        is_strong = [True] * len(found) if scores is None else (scores >= STRONG).tolist()
        for tail in self._tails:
            if frame - tail.frame > self.spans.gap:
                self._end_stretch(tail)
        self._tails = [tail for tail in self._tails if frame - tail.frame <= self.spans.gap]
        pairs = _pairs(self._tails, found, frame, boxes)
        remaining = [tail for place, tail in enumerate(self._tails) if place not in pairs.values()]
        for place, box in enumerate(found):
            before = self._tails[pairs[place]] if place in pairs else None
            remaining.append(self._next(before, frame, box, is_strong[place]))
        self._tails = remaining

    def at(self, frame: int, most_px: float = math.inf) -> list[Box]:
        """What to cover in a frame; frames rise from call to call.

        Args:
            frame: Its number.
            most_px: Area beyond which no box grows or is joined with another one. A detection that is larger keeps its
                size and margin.

        Returns:
            Boxes with their margins, possibly beyond the picture's borders; near ones joined.
        """
        self._stretches = [it for it in self._stretches if it.last >= frame]
        boxes = [self._interpolate(it, frame, most_px) for it in self._stretches if it.first <= frame]
        for tail in self._tails:
            reach = self.spans.after if tail.is_strong else 0
            if tail.frame <= frame <= tail.frame + reach:
                away = frame - tail.frame
                boxes += [self._margin(box, away, most_px) for box in _trajectories(tail, away)]
        return joined(boxes, most_px)

    def _next(self, tail: _Tail | None, frame: int, box: Box, is_strong: bool) -> _Tail:
        """A detection that follows another one, or none."""
        if tail is None:
            if is_strong:
                self._start_stretch(frame, box, box)
            return _Tail(frame, box, is_strong, None)
        steps = frame - tail.frame
        velocity = (_middle(box, 0) - _middle(tail.box, 0)) / steps, (_middle(box, 1) - _middle(tail.box, 1)) / steps
        self._stretches.append(_Stretch(tail.frame, frame, tail.box, box, True, True))
        if is_strong and (tail.velocity is None or not tail.is_strong):  # its way is known now: also where it came from
            self._start_stretch(tail.frame, _moved(tail.box, velocity, -self.spans.before), tail.box)
            self._start_stretch(tail.frame, tail.box, tail.box)
        if _overlap(tail.box, box) < SURE_IOU:
            self._end_stretch(tail)
            if is_strong:
                self._start_stretch(frame, box, box)
        return _Tail(frame, box, is_strong or tail.is_strong, velocity)

    def _start_stretch(self, frame: int, start: Box, box: Box) -> None:
        """The frames before a detection."""
        if self.spans.before:
            self._stretches.append(_Stretch(frame - self.spans.before, frame, start, box, False, True))

    def _end_stretch(self, tail: _Tail) -> None:
        """The frames after a detection that none follows."""
        after = self.spans.after if tail.is_strong else 0
        for end in _trajectories(tail, after):
            self._stretches.append(_Stretch(tail.frame, tail.frame + after, tail.box, end, True, False))

    def _interpolate(self, it: _Stretch, frame: int, most_px: float) -> Box:
        share = (frame - it.first) / max(1, it.last - it.first)
        box = Box(*(a + (b - a) * share for a, b in zip(it.start, it.end, strict=True)))
        away = min(frame - it.first if it.seen_first else 1 << 30, it.last - frame if it.seen_last else 1 << 30)
        return self._margin(box, away, most_px)

    def _margin(self, box: Box, away: int, most_px: float) -> Box:
        bound = (math.sqrt(most_px / max(1.0, box.area)) - 1) / 2  # with this share on every side it has `most_px`
        share = max(GROW, min(GROW + min(MOST_DRIFT, self.spans.drift * away), bound))
        dx, dy = max(GROW_PX, (box.x2 - box.x1) * share), max(GROW_PX, (box.y2 - box.y1) * share)
        return Box(box.x1 - dx, box.y1 - dy, box.x2 + dx, box.y2 + dy)


def joined(boxes: Sequence[Box], most_px: float = math.inf) -> list[Box]:
    """Fewer boxes that cover at least the same: what overlaps almost wholly becomes one box around both.

    Args:
        boxes: Pixels.
        most_px: No box becomes larger than this by being joined.
    """
    remaining: list[tuple[float, float, float, float, float]] = []  # and its area
    for x1, y1, x2, y2 in sorted(boxes, key=lambda it: (it[0] - it[2]) * (it[3] - it[1])):
        area = (x2 - x1) * (y2 - y1)
        for place, (a1, b1, a2, b2, whole) in enumerate(remaining):
            if x1 >= a2 or x2 <= a1 or y1 >= b2 or y2 <= b1:
                continue
            shared = (min(x2, a2) - max(x1, a1)) * (min(y2, b2) - max(y1, b1))
            around = min(x1, a1), min(y1, b1), max(x2, a2), max(y2, b2)
            size = (around[2] - around[0]) * (around[3] - around[1])
            if shared >= SAME * area and size <= max(whole, min(whole * MOST_WASTE, most_px)):
                remaining[place] = (*around, size)
                break
        else:
            remaining.append((x1, y1, x2, y2, area))
    return [Box(*it[:4]) for it in remaining]


def changed(before: Luma, now: Luma) -> bool:
    """Whether anything in a view is different.

    Args:
        before: H x W uint8, small: a quarter of the camera's size or less.
        now: The same view later.
    """
    if before.shape != now.shape:
        return True
    difference = cv2.blur(cv2.absdiff(before, now), (3, 3))
    return bool(difference.max(initial=0) > CHANGED_LEVELS)


def _pairs(tails: Sequence[_Tail], found: Sequence[Box], frame: int, boxes: Boxes) -> dict[int, int]:
    """Place of a box → place of the tail that it goes on; the nearest first."""
    if not tails or not found:
        return {}
    guesses = [_moved(tail.box, tail.velocity or (0.0, 0.0), frame - tail.frame) for tail in tails]
    here = np.array([tail.box for tail in tails], np.float32)
    nearest = np.maximum(
        iou_matrix(np.array(guesses, np.float32), boxes, NEAR_GROW), iou_matrix(here, boxes, NEAR_GROW)
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for place in np.argsort(-nearest, axis=None, kind="stable"):
        tail, box = divmod(int(place), len(found))
        if nearest[tail, box] < NEAR_IOU:
            break
        if tail not in taken and box not in pairs:
            pairs[box] = tail
            taken.add(tail)
    return pairs


def _trajectories(tail: _Tail, frames: int) -> list[Box]:
    """Where it may be some frames later: still there, or moved on."""
    still = [tail.box]
    return still if tail.velocity is None or not frames else [*still, _moved(tail.box, tail.velocity, frames)]


def _moved(box: Box, velocity: tuple[float, float], frames: float) -> Box:
    dx, dy = velocity[0] * frames, velocity[1] * frames
    return Box(box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy)


def _middle(box: Box, axis: int) -> float:
    return (box[axis] + box[axis + 2]) / 2


def _overlap(a: Box, b: Box) -> float:
    return float(iou_matrix(np.array([a], np.float32), np.array([b], np.float32))[0, 0])
