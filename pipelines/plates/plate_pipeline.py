"""Reads the plates of a whole picture: detect, rectify, read, and repeat with more effort where that failed.

Reading costs most, so it is done last and seldom. What is small or has a low score is inspected again close
by: that confirms it and gives better corners for a sixth of a reading's time. A large plate is read from the corners
that it has. Where a doubt is left the other corners are read too; and where the plate is too square for one line, two.
The finder's input size is a ladder: a plate that fills the picture is found at the small end, a far one at the large.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipelines.plates.ensemble_reader import EnsembleReader, better
from pipelines.plates.reading import Reading, Sighting
from pipelines.plates.rectification import (
    LOWER_LINE_MOST,
    SPLITS,
    TWO_LINES_BELOW,
    TWO_LINES_LIKELY,
    TWO_LINES_MOST,
    Tint,
    evened,
    lines_joined,
    part,
    proportion,
    raised,
    straightened,
    surroundings,
    tint,
    usable,
    whole,
)
from pipelines.types import Box, CornerFinder, Picture

Floats = NDArray[np.float32]

PYRAMID_PX = (480, 960, 1440)
"""Long sides at which the whole picture is searched, in this order; none larger than the picture needs."""
SMALL_PX = 256
"""The last try: a plate that fills the picture is larger than the finder's priors like."""
SECOND_PX = 320
"""Long side of a plate's surroundings at the second inspection."""
FOUND = 0.3
"""A finder's score from which on something is read. Low: the grammar throws out what is no plate."""
HINT = 0.1
"""A finder's score from which on a second inspection is worth its time."""
SMALL_IN_PX = 110
"""A plate narrower than this in the finder's input has better corners at the second inspection: 160 there."""
SURE = 0.98
"""A reading at least this confident is not tried again."""
LEGIBLE = 0.5
"""Below this the ladder goes on."""
NEAR = 1.5
"""How far around a plate the next inspection follows it, share of its width."""
MOST_PLATES = 6
"""Of one picture."""
TEXT_PX = 736
"""Long side for the finder of any text, the last resort."""


class Effort(IntEnum):
    """What a doubtful plate is worth; in a video the next frame is worth more.

    QUICK: one reading from one pair of corners. THOROUGH: from its other corners too. PATIENT: as two lines too, where
    that is not likely.
    """

    QUICK = 0
    THOROUGH = 1
    PATIENT = 2


@dataclass(frozen=True)
class _Candidate:
    """What the finder thinks is a plate: its box, and the picture with the corners in that picture's pixels."""

    box: Box
    score: float
    straight: tuple[Picture, Floats]


@dataclass
class PlatePipeline:
    """Finds and reads plates in one picture. Thread-safe where its models are.

    Args:
        finder: Finds plates with their corners; should tell of everything from `HINT` on.
        opinions: Reads lines.
        fallback: Finds any text; None to do without.
    """

    finder: CornerFinder
    opinions: EnsembleReader
    fallback: CornerFinder | None = None

    def read_at(self, picture: Picture, long_side: int, effort: Effort = Effort.PATIENT) -> list[Sighting]:
        """One rung: plates found at one size, read, surest first.

        Args:
            picture: H x W x 3 uint8 BGR.
            long_side: Of the finder's input, pixels.
            effort: For doubtful plates.

        Raises:
            ModelError: A model could not run.
        """
        return self._read_all(picture, self._found(self.finder, picture, long_side), long_side, effort)

    def read_near(self, picture: Picture, box: Box, effort: Effort = Effort.PATIENT) -> list[Sighting]:
        """Plates around where one was a moment ago: a small part of the picture, so several times cheaper.

        Args:
            picture: H x W x 3 uint8 BGR.
            box: Where it was, pixels.
            effort: As for `read_at`.

        Raises:
            ModelError: A model could not run.
        """
        where = surroundings(box, picture, NEAR)
        cut = part(picture, where)
        if not cut.size:
            return []
        found = self._read_all(cut, self._found(self.finder, cut, SECOND_PX), SECOND_PX, effort)
        return [replace(each, box=_moved(each.box, where)) for each in found]

    def read_all_scales(self, picture: Picture) -> list[Sighting]:
        """All rungs until something legible is found; for single pictures and for when time does not matter.

        Args:
            picture: H x W x 3 uint8 BGR.

        Raises:
            ModelError: A model could not run.
        """
        best: list[Sighting] = []
        for long_side in pyramid_levels(picture):
            detected = self.read_at(picture, long_side)
            best = max(best, detected, key=_merit)
            if _merit(best) >= LEGIBLE:
                return best
        return max(best, self.read_any_text(picture), key=_merit)

    def read_any_text(self, picture: Picture, effort: Effort = Effort.PATIENT) -> list[Sighting]:
        """Every line of text that reads as a plate: where the finder of plates knows no more.

        Args:
            picture: H x W x 3 uint8 BGR.
            effort: As for `read_at`.

        Raises:
            ModelError: A model could not run.
        """
        if self.fallback is None:
            return []
        detected = self._read_all(picture, self._found(self.fallback, picture, TEXT_PX), TEXT_PX, effort)
        return [sighting for sighting in detected if sighting.reading is not None]

    def crop(self, picture: Picture) -> Reading | None:
        """A picture that is nothing but a plate, cut roughly: it is not detected, only rectified.

        Args:
            picture: H x W x 3 uint8 BGR.

        Raises:
            ModelError: A model could not run.
        """
        height, width = picture.shape[:2]
        edge = max(8, width // 4)
        wide = np.pad(picture, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
        inside = Box(edge, edge, edge + width, edge + height)
        closer = self._closer(wide, inside)
        straight = None if closer is None else self._lines(*closer.straight, None)
        return straight or self._lines(picture, whole(picture), None)

    def _found(self, finder: CornerFinder, picture: Picture, long_side: int) -> list[_Candidate]:
        found, corners = finder.find_at(picture, long_side)
        kept = [i for i in np.argsort(-found.scores, kind="stable")[:MOST_PLATES] if usable(corners[i])]
        boxes = [Box(*map(float, found.boxes[i])) for i in kept]
        scores = [float(found.scores[i]) for i in kept]
        return [
            _Candidate(box, score, (picture, four))
            for box, score, four in zip(boxes, scores, corners[kept], strict=True)
        ]

    def _read_all(
        self, picture: Picture, candidates: Sequence[_Candidate], long_side: int, effort: Effort
    ) -> list[Sighting]:
        scale = long_side / max(picture.shape[:2])
        sightings = []
        for each in candidates:
            small = (each.box.x2 - each.box.x1) * scale < SMALL_IN_PX
            sighting = self._read(picture, each, small or each.score < FOUND, effort)
            sightings += [] if sighting is None else [sighting]
        return sorted(sightings, key=lambda sighting: -_confidence(sighting.reading))

    def _read(self, picture: Picture, coarse: _Candidate, closer_first: bool, effort: Effort) -> Sighting | None:
        """Read a candidate from both pairs of corners until it is sure; None where it is none."""
        reading: Reading | None = None
        attempted = False
        score = coarse.score if coarse.score >= FOUND else 0.0
        for close in (True, False) if closer_first else (False, True):
            if _sure(reading) or (attempted and effort is Effort.QUICK):
                break
            found = self._closer(picture, coarse.box) if close else coarse
            if found is not None and found.score >= FOUND:
                attempted, score = True, max(score, found.score)
                reading = self._lines(*found.straight, reading, effort)
        return Sighting(coarse.box, score, reading) if score else None

    def _closer(self, picture: Picture, box: Box) -> _Candidate | None:
        """The finder again, close by, for better corners; None where it finds nothing there."""
        where = surroundings(box, picture)
        near = part(picture, where)
        found = self._found(self.finder, near, SECOND_PX) if near.size else []
        found = [each for each in found if each.score >= FOUND]
        middle = np.array([(box.x1 + box.x2) / 2 - where.x1, (box.y1 + box.y2) / 2 - where.y1])
        return min(found, key=lambda each: float(np.linalg.norm(each.straight[1].mean(axis=0) - middle)), default=None)

    def _lines(
        self, picture: Picture, corners: Floats, known: Reading | None, effort: Effort = Effort.PATIENT
    ) -> Reading | None:
        """One line, or two where the plate may have them and one line did not make a plate."""
        cut = straightened(picture, corners)
        ground = tint(cut)
        best = better(known, self.opinions.read(cut, ground))
        if _confidence(best) < LEGIBLE:
            best = better(best, self.opinions.read(evened(cut), ground))
        for block, split in itertools.product(_blocks(corners, ground, best, effort), SPLITS):
            if _sure(best):
                break
            best = better(best, self.opinions.read(lines_joined(picture, block, split)))
        return best


def _blocks(corners: Floats, ground: Tint, best: Reading | None, effort: Effort) -> list[Floats]:
    """The corners between which a plate may have two lines, after one gave `best`; on blue and green there is one."""
    share = proportion(corners)
    if share <= TWO_LINES_BELOW:
        return [corners]
    if ground or _confidence(best) >= LEGIBLE or share > LOWER_LINE_MOST:
        return []
    if effort is not Effort.PATIENT:
        return [corners] if share <= TWO_LINES_LIKELY else []
    return [corners, raised(corners)] if share <= TWO_LINES_MOST else [raised(corners)]


def pyramid_levels(picture: Picture, stretch: float = 1.5) -> list[int]:
    """The ladder for a picture, and the small rung at the end.

    Args:
        picture: H x W x 3.
        stretch: No rung is larger than so many times the picture, but for the first.
    """
    most = max(picture.shape[:2])
    return [*PYRAMID_PX[:1], *(level for level in PYRAMID_PX[1:] if level < stretch * most), SMALL_PX]


def _moved(box: Box, where: Box) -> Box:
    """A box of a part, in pixels of the whole."""
    return Box(box.x1 + where.x1, box.y1 + where.y1, box.x2 + where.x1, box.y2 + where.y1)


def _confidence(reading: Reading | None) -> float:
    return 0.0 if reading is None else reading.confidence


def _sure(reading: Reading | None) -> bool:
    return _confidence(reading) >= SURE


def _merit(detected: Sequence[Sighting]) -> float:
    return max((_confidence(sighting.reading) for sighting in detected), default=0.0)
