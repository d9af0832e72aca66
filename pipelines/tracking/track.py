"""One track: position, class and motion of an object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from common.clock import SECOND_NS
from pipelines.tracking.kalman import BoxFilter
from pipelines.types import CLASSES, Box
from protocol.event_types import ObjectClass

_VEHICLE = CLASSES.index("car")
SAME_KIND = np.array([_VEHICLE if name in ("car", "bus", "truck") else i for i, name in enumerate(CLASSES)])
"""Class → what it is compared as: one vehicle is often called a car in one frame and a truck in the next."""
_KINDS: tuple[int, ...] = tuple(map(int, SAME_KIND))
CONFIDENT = 0.45
"""A detection with this score may start a track, and decides its class alone."""
CONFIRM = 2
"""Observations before a track is confirmed."""
CONFIRM_BLOB = 3
DECIDED_SCORE = 0.6
"""Sum of the scores that speak for one kind until a thing without a class has one, where none of them is confident."""
MIN_VOTE_SCORE = 0.25
"""At least one of the scores must have been this high: whispers alone decide nothing, however long they go on."""
MAX_VOTES = 2
"""Of each frame, so many voices for a kind count at most: views of one picture are not independent."""
DECISIVE_SHARE = 0.6
"""Share of all the evidence that the winner must have."""
MOVED_DISTANCE = 0.4
"""A track has moved once it went this far, in units of its box's mean side."""
MOVED_OBSERVATIONS = 2
"""Frames in a row that must agree on that."""
STIRRED = 3
"""Frames in which the gate must have seen it move as a whole, where only one side of its box went far."""
GROWN = 2.0
"""What came in over the picture's border has moved when it shows this many times the area that it first showed …"""
ENTERED_AT_BORDER = 0.1
"""… or when it is this far away from the border, in units of its box's mean side."""
FIT_SHARE = 0.5
"""Weight of the last frame in how a thing's box lies in its blob."""
STILL_S = 3.0
"""A track stands still when its ground point stayed within `STILL` for this long."""
STILL = 0.25
LONGEST_STEP_S = 1.0

Borders = tuple[bool, bool, bool, bool]
NO_BORDERS: Borders = (False, False, False, False)


@dataclass(eq=False)
class Track:
    """One thing as the camera follows it.

    Attributes:
        id: Number within this tracker.
        filter: Where it is and where it goes.
        start_box: Where it was first seen, pixels.
        seen_ns: When it was last seen, by the detector or the gate.
        borders: Which borders of the picture (left, top, right, bottom) cut it when it was first seen.
        votes: Evidence per class.
        confidence: Of the last detection.
        observations: How often it was seen.
        class_votes: How often something spoke for its class.
        in_motion: How often the gate saw it move as a whole.
        decided: Its class is known.
        from_blob: The gate saw it before the detector knew it.
        moved: It has been seen to move since it appeared.
        still_since_ns: Since when it stands still; None while it moves.
        missed_ns: Since when a stationary one is not found.
        updated: It was seen in the last frame.
    """

    id: int
    filter: BoxFilter
    start_box: Box
    seen_ns: int
    rested: tuple[float, float]
    rested_ns: int
    borders: Borders = NO_BORDERS
    votes: list[float] = field(default_factory=lambda: [0.0] * len(CLASSES), init=False)
    confidence: float = field(default=0.0, init=False)
    observations: int = field(default=1, init=False)
    class_votes: int = field(default=0, init=False)
    in_motion: int = field(default=0, init=False)
    decided: bool = field(default=False, init=False)
    from_blob: bool = field(default=False, init=False)
    moved: bool = field(default=False, init=False)
    still_since_ns: int | None = field(default=None, init=False)
    missed_ns: int | None = field(default=None, init=False)
    updated: bool = field(default=True, init=False)
    _object: ObjectClass = CLASSES[0]
    _far_observations: int = 0
    _highest_scores: float = 0.0
    _fit: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    _exact: Box | None = None

    @staticmethod
    def of_object(number: int, box: Box, seen: tuple[float, int], time_ns: int, borders: Borders = NO_BORDERS) -> Track:
        """A track that a confident detection, of some score and class, starts."""
        score, kind = seen
        track = _new(number, box, time_ns, borders)
        track.votes[kind] = track.confidence = score
        track.class_votes, track.decided = 1, True
        track._name()
        return track

    @staticmethod
    def of_blob(number: int, box: Box, time_ns: int, borders: Borders = NO_BORDERS) -> Track:
        """A track that the gate starts: it has no class yet."""
        track = _new(number, box, time_ns, borders)
        track.from_blob, track.in_motion = True, 1
        return track

    @property
    def start_point(self) -> tuple[float, float]:
        """Ground point where it was first seen, pixels."""
        return self.start_box.ground

    @property
    def object(self) -> ObjectClass:
        """The class that most of the evidence speaks for, first among kinds, then within the kind."""
        return self._object

    @property
    def kind(self) -> int:
        """What the track is compared as; -1 while it has no class."""
        return _KINDS[CLASSES.index(self._object)] if self.decided else -1

    @property
    def box(self) -> Box:
        """The smoothed box, pixels."""
        return self.filter.box

    @property
    def confirmed(self) -> bool:
        """Seen often enough to count."""
        return self.observations >= (CONFIRM_BLOB if self.from_blob else CONFIRM)

    def predict(self, seconds: float) -> None:
        """Let time pass."""
        if self.still_since_ns is not None:
            self.filter.rest()
            seconds = min(seconds, LONGEST_STEP_S)
        elif not self.updated:
            self.filter.fade(seconds)
        self.updated, self._exact = False, None
        self.filter.predict(seconds)

    def mark_stopped(self, time_ns: int) -> None:
        """Nothing moves where it is, and it has not gone: it stops, and stands still from when it was last seen."""
        if not self.updated:
            self.filter.rest()
        if self.still_since_ns is None and time_ns - self.seen_ns >= STILL_S * SECOND_NS:
            self.still_since_ns = self.seen_ns

    def add_detection(self, box: Box, score: float, kind: int, time_ns: int) -> None:
        """The detector found it."""
        self.confidence, self._exact = score, box
        if self.decided:
            self.votes[kind] += score
            self._name()
        self._move(box, time_ns)

    def follow_blob(self, box: Box, time_ns: int) -> None:
        """The gate saw it move, the detector said nothing."""
        width, height = box.x2 - box.x1, box.y2 - box.y1
        left, top, right, bottom = self._fit
        fitted = Box(box.x1 + left * width, box.y1 + top * height, box.x2 + right * width, box.y2 + bottom * height)
        self._move(fitted, time_ns)

    def mark_moving(self, blob: Box, whole: bool) -> None:
        """The gate saw it move as a whole; a blob has a shadow and a wake, and this learns how the box lies in it.

        Args:
            blob: Pixels.
            whole: The picture's border does not cut the blob.
        """
        self.in_motion += 1
        if self._exact is None or not whole:
            return
        width, height = max(blob.x2 - blob.x1, 1.0), max(blob.y2 - blob.y1, 1.0)
        sizes = (width, height, width, height)
        now = [(a - b) / size for a, b, size in zip(self._exact, blob, sizes, strict=True)]
        left, top, right, bottom = (old + FIT_SHARE * (new - old) for old, new in zip(self._fit, now, strict=True))
        self._fit = (left, top, right, bottom)

    def coast(self, time_ns: int) -> None:
        """It is part of something larger that moves: it goes on as it went."""
        self.seen_ns, self.missed_ns, self.updated = time_ns, None, True

    def add_class_votes(self, class_votes: Iterable[tuple[int, float]]) -> None:
        """Detections (class, score) that agree with where it is speak for its class."""
        by_class: dict[int, list[float]] = {}
        for kind, score in class_votes:
            by_class.setdefault(kind, []).append(score)
        if not by_class:
            return
        for kind, scores in by_class.items():
            scores.sort(reverse=True)
            self.votes[kind] += sum(scores[:MAX_VOTES])
            self.class_votes += min(len(scores), MAX_VOTES)
        highest_scores = max(scores[0] for scores in by_class.values())
        self.confidence = max(self.confidence, highest_scores)
        self._name()
        self._highest_scores = max(self._highest_scores, highest_scores)
        totals = self._totals()
        most = max(totals)
        enough = self.class_votes >= 2 and most >= DECIDED_SCORE and self._highest_scores >= MIN_VOTE_SCORE
        self.decided = most >= DECISIVE_SHARE * sum(totals) and (highest_scores >= CONFIDENT or enough)

    def _totals(self) -> list[float]:
        totals = [0.0] * len(CLASSES)
        for kind, votes in zip(_KINDS, self.votes, strict=True):
            totals[kind] += votes
        return totals

    def _name(self) -> None:
        totals = self._totals()
        kind = totals.index(max(totals))
        best = max((votes, -i) for i, votes in enumerate(self.votes) if _KINDS[i] == kind)
        self._object = CLASSES[-best[1]]

    def _move(self, box: Box, time_ns: int) -> None:
        self.filter.correct(box)
        self.observations += 1
        self.seen_ns, self.missed_ns, self.updated = time_ns, None, True
        now = self.box
        ground, size = now.ground, max(1.0, now.area**0.5)
        self._far_observations = self._far_observations + 1 if self._is_far(now, size) else 0
        self.moved = self.moved or self._far_observations >= MOVED_OBSERVATIONS
        if _distance(ground, self.rested) > STILL * size:
            self.rested, self.rested_ns, self.still_since_ns = ground, time_ns, None
        elif time_ns - self.rested_ns >= STILL_S * SECOND_NS and self.still_since_ns is None:
            self.still_since_ns = self.rested_ns

    def _is_far(self, now: Box, size: float) -> bool:
        """Whether it is elsewhere than where it was first seen.

        A parked car that somebody walks past seems to shrink: one side of its box moves, the other does not. So both
        sides must have moved the same way, or the gate must have seen the whole thing move.
        What comes in over the border and stops there need not go far.
        """
        was, far = self.start_box, MOVED_DISTANCE * size
        across = _common(now.x1 - was.x1, now.x2 - was.x2)
        if max(across, _common(now.y1 - was.y1, now.y2 - was.y2)) > far:
            return True
        if self.in_motion >= STIRRED and _distance(now.ground, self.start_point) > far:
            return True
        if not any(self.borders) or self.in_motion < STIRRED:
            return False
        return now.area > GROWN * was.area or self._left_borders(now, size)

    def _left_borders(self, now: Box, size: float) -> bool:
        """Whether it has left the borders that cut it at first."""
        was = self.start_box
        way = (now.x1 - was.x1, now.y1 - was.y1, was.x2 - now.x2, was.y2 - now.y2)
        return all(far > ENTERED_AT_BORDER * size for far, cut in zip(way, self.borders, strict=True) if cut)


def _common(a: float, b: float) -> float:
    """How far two sides of a box moved together, pixels."""
    return min(abs(a), abs(b)) if a * b > 0 else 0.0


def _new(number: int, box: Box, time_ns: int, borders: Borders) -> Track:
    return Track(number, BoxFilter(box), box, time_ns, box.ground, time_ns, borders)


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)
