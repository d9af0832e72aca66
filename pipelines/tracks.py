"""One track: where a thing is, what it is, whether it moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from common.clock import SECOND_NS
from events.kinds import ObjectClass
from pipelines.kalman import BoxFilter
from pipelines.types import CLASSES, Box

_VEHICLE = CLASSES.index("car")
SAME_KIND = np.array([_VEHICLE if name in ("car", "bus", "truck") else i for i, name in enumerate(CLASSES)])
"""Class → what it is compared as: one vehicle is often called a car in one look and a truck in the next."""
_KINDS: tuple[int, ...] = tuple(map(int, SAME_KIND))
CONFIDENT = 0.45
"""A detection this sure may start a track, and says alone what a thing is."""
CONFIRM = 2
"""Looks that must have seen an object before it counts."""
CONFIRM_BLOB = 3
DECIDED = 0.6
"""Sum of the scores that speak for one kind until a thing without a class has one, where none of them is confident."""
VOICES = 2
"""Of each look, so many voices for a kind count at most: views of one picture are not independent."""
CLEARLY = 0.6
"""Share of all the evidence that the winner must have."""
MOVED = 0.4
"""A track has moved once its ground point went this far, in units of its box's mean side."""
GROWN = 2.0
"""So has one that came in over the picture's border: it showed this many times the area that it first showed."""
STILL_S = 3.0
"""A track stands still when its ground point stayed within `STILL` for this long."""
STILL = 0.25
LONGEST_STEP_S = 1.0


@dataclass(eq=False)
class Track:
    """One thing as the camera follows it.

    Attributes:
        id: Number within this tracker.
        filter: Where it is and where it goes.
        born_box: Where it was first seen, pixels.
        seen_ns: When it was last seen, by the detector or the gate.
        at_border: It was cut by the picture's border when it was first seen.
        votes: Evidence per class.
        confidence: Of the last detection.
        looks: How often it was seen.
        voices: How often something spoke for its class.
        carried: How often the gate saw it move.
        decided: Its class is known.
        from_blob: The gate saw it before the detector knew it.
        moved: It has been seen to move since it appeared.
        still_since_ns: Since when it stands still; None while it moves.
        missed_ns: Since when a still one is looked for in vain.
        updated: It was seen in the last look.
    """

    id: int
    filter: BoxFilter
    born_box: Box
    seen_ns: int
    rested: tuple[float, float]
    rested_ns: int
    at_border: bool = False
    votes: list[float] = field(default_factory=lambda: [0.0] * len(CLASSES))
    confidence: float = 0.0
    looks: int = 1
    voices: int = 0
    carried: int = 0
    decided: bool = False
    from_blob: bool = False
    moved: bool = False
    still_since_ns: int | None = None
    missed_ns: int | None = None
    updated: bool = True
    _object: ObjectClass = CLASSES[0]

    @staticmethod
    def of_object(number: int, box: Box, score: float, kind: int, time_ns: int, at_border: bool = False) -> Track:
        """A track that a confident detection starts."""
        track = _new(number, box, time_ns, at_border)
        track.votes[kind] = track.confidence = score
        track.voices, track.decided = 1, True
        track._name()
        return track

    @staticmethod
    def of_blob(number: int, box: Box, time_ns: int, at_border: bool = False) -> Track:
        """A track that the gate starts: it has no class yet."""
        track = _new(number, box, time_ns, at_border)
        track.from_blob, track.carried = True, 1
        return track

    @property
    def born(self) -> tuple[float, float]:
        """Ground point where it was first seen, pixels."""
        return self.born_box.ground

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
        return self.looks >= (CONFIRM_BLOB if self.from_blob else CONFIRM)

    def predict(self, seconds: float) -> None:
        """Let time pass."""
        if self.still_since_ns is not None:
            self.filter.rest()
            seconds = min(seconds, LONGEST_STEP_S)
        elif not self.updated:
            self.filter.fade(seconds)
        self.updated = False
        self.filter.predict(seconds)

    def see(self, box: Box, score: float, kind: int, time_ns: int) -> None:
        """The detector found it."""
        self.confidence = score
        if self.decided:
            self.votes[kind] += score
            self._name()
        self._move(box, time_ns)

    def carry(self, box: Box, time_ns: int) -> None:
        """The gate saw it move, the detector said nothing."""
        self.carried += 1
        self._move(box, time_ns)

    def coast(self, time_ns: int) -> None:
        """It is part of something larger that moves: it goes on as it went."""
        self.seen_ns, self.missed_ns, self.updated = time_ns, None, True

    def hear(self, voices: Iterable[tuple[int, float]]) -> None:
        """Detections (class, score) that agree with where it is speak for its class."""
        by_class: dict[int, list[float]] = {}
        for kind, score in voices:
            by_class.setdefault(kind, []).append(score)
        if not by_class:
            return
        for kind, scores in by_class.items():
            scores.sort(reverse=True)
            self.votes[kind] += sum(scores[:VOICES])
            self.voices += min(len(scores), VOICES)
        loudest = max(scores[0] for scores in by_class.values())
        self.confidence = max(self.confidence, loudest)
        self._name()
        totals = self._totals()
        most = max(totals)
        self.decided = most >= CLEARLY * sum(totals) and (loudest >= CONFIDENT or (self.voices >= 2 and most >= DECIDED))

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
        self.looks += 1
        self.seen_ns, self.missed_ns, self.updated = time_ns, None, True
        now = self.box
        ground, size = now.ground, max(1.0, now.area**0.5)
        self.moved = self.moved or _distance(ground, self.born) > MOVED * size or self._came_in(now)
        if _distance(ground, self.rested) > STILL * size:
            self.rested, self.rested_ns, self.still_since_ns = ground, time_ns, None
        elif time_ns - self.rested_ns >= STILL_S * SECOND_NS and self.still_since_ns is None:
            self.still_since_ns = self.rested_ns

    def _came_in(self, now: Box) -> bool:
        """Whether it came in over the picture's border, and the gate saw that too."""
        return self.at_border and self.carried >= 2 and now.area > GROWN * self.born_box.area


def _new(number: int, box: Box, time_ns: int, at_border: bool) -> Track:
    return Track(number, BoxFilter(box), box, time_ns, box.ground, time_ns, at_border)


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)
