"""Readers and finders that say what they are told, for the plates' tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.clock import SECOND_NS
from common.secret import Secret
from pipelines.plates.ctc import SYMBOLS
from pipelines.plates.reading import CandidateScores, Reading, Sighting
from pipelines.types import Box, Detections, Picture

Floats = NDArray[np.float32]


class SaidReader:
    """Gives the rates of texts that were put in, in turn; its alphabet has a separator and a stranger."""

    home = False

    def __init__(self, *texts: str, sure: float = 0.96) -> None:
        self.characters = (*SYMBOLS, "·", "猫")
        self._texts, self._sure, self.lines = list(texts), sure, 0

    def rates(self, line: Picture) -> Floats:
        """Two steps a character: the character, then blank."""
        del line
        text = self._texts[min(self.lines, len(self._texts) - 1)]
        self.lines += 1
        return rates_of(text, self.characters, self._sure)


def rates_of(text: str, characters: Sequence[str], sure: float = 0.96) -> Floats:
    """T x (1 + len(characters)), the path that spells `text`."""
    columns = [column for char in text for column in (characters.index(char) + 1, 0)] or [0]
    rates = np.full((len(columns), 1 + len(characters)), (1 - sure) / len(characters), np.float32)
    rates[np.arange(len(columns)), columns] = sure
    return rates


class SaidFinder:
    """Finds the boxes it was given."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes, self.asked = list(boxes), [0]

    def find_at(self, picture: Picture, long_side: int) -> tuple[Detections, Floats]:
        """Its boxes that lie in the picture, with their corners."""
        del picture
        self.asked.append(long_side)
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        return Detections(boxes, np.full(len(boxes), 0.9, np.float32), np.zeros(len(boxes), np.int64)), corners


def reading(text: str, confidence: float = 0.99, other: str = "") -> Reading:
    """A reading of two readers that are this sure; the rest goes to `other`."""
    rest = math.log(max(1e-6, 1 - confidence))
    logs = {text: (math.log(confidence),) * 2} | ({other: (rest, rest)} if other else {})
    return Reading(Secret(text), confidence, CandidateScores(logs))


def at(x: float, text: str = "", confidence: float = 0.99, y: float = 300.0, came: bool = False) -> Sighting:
    """A plate of 100 x 30 pixels."""
    return Sighting(Box(x, y, x + 100, y + 30), 0.9, reading(text, confidence) if text else None, came)


def seconds(count: float) -> int:
    """Nanoseconds."""
    return round(count * SECOND_NS)
