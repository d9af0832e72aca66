"""The values that travel through the pipeline, and the protocols of the models that plug into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.event_types import ObjectClass

Picture = NDArray[np.uint8]
"""H x W x 3, uint8, BGR."""

Luma = NDArray[np.uint8]
"""H x W, uint8, the Y plane."""

CLASSES: tuple[ObjectClass, ...] = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
"""Object classes in the order of `Detections.classes`."""


class Box(NamedTuple):
    """A rectangle x1 y1 x2 y2 in pixels; x2 and y2 are exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)

    @property
    def height(self) -> float:
        """Pixels."""
        return self.y2 - self.y1

    @property
    def ground(self) -> tuple[float, float]:
        """The middle of the lower edge: where the object stands."""
        return (self.x1 + self.x2) / 2, self.y2


@dataclass(frozen=True)
class Detections:
    """What a detector found in one picture.

    Attributes:
        boxes: N x 4 float32, x1 y1 x2 y2 in pixels of the picture that was passed in.
        scores: N float32 in [0, 1].
        classes: N int64, index into `CLASSES` (all 0 for tasks with one class: faces, plates).
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.classes.shape != (n,):
            raise ValueError(
                f"boxes must be ({n}, 4) and classes ({n},), got {self.boxes.shape} and {self.classes.shape}"
            )

    def __len__(self) -> int:
        return len(self.scores)

    @staticmethod
    def none() -> Detections:
        """No detections."""
        return Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))

    def where(self, mask: NDArray[np.bool_] | NDArray[np.int64]) -> Detections:
        """The detections that `mask` (booleans or indices) picks."""
        return Detections(self.boxes[mask], self.scores[mask], self.classes[mask])

    def shifted(self, dx: float, dy: float) -> Detections:
        """The same boxes moved by (dx, dy) pixels: from a crop back to its picture."""
        return Detections(self.boxes + np.array([dx, dy, dx, dy], np.float32), self.scores, self.classes)

    @staticmethod
    def joined(parts: list[Detections]) -> Detections:
        """All detections of `parts`, one after another."""
        if not parts:
            return Detections.none()
        return Detections(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.classes for part in parts]),
        )


class Detector(Protocol):
    """Finds things of one task in a picture. Wrappers live in `models/`; tests have a fake beside them."""

    def detect(self, picture: Picture) -> Detections:
        """Find things.

        Args:
            picture: H x W x 3 uint8 BGR, any size.

        Returns:
            Boxes in pixels of `picture`.

        Raises:
            ModelError: The model could not run on this picture.
        """


class CornerFinder(Protocol):
    """Finds things of one task with their four corners."""

    def find_at(self, picture: Picture, long_side: int) -> tuple[Detections, NDArray[np.float32]]:
        """Find things at one size.

        Args:
            picture: H x W x 3 uint8 BGR, any size.
            long_side: Length in pixels that the picture's longer side is brought to.

        Returns:
            The things, and N x 4 x 2 float32: x and y of top left, top right, bottom right, bottom left, pixels.

        Raises:
            ModelError: The model could not run on this picture.
        """


class LineReader(Protocol):
    """Reads one line of text. Wrappers live in `models/`; only gates load them.

    Attributes:
        characters: What the columns stand for, from column 1 on; column 0 is CTC's blank.
        home: Knows mainland plates only; its opinion on others is worth nothing.
    """

    characters: tuple[str, ...]
    home: bool

    def rates(self, line: Picture) -> NDArray[np.float32]:
        """How likely each character is at each step from left to right.

        Args:
            line: H x W x 3 uint8 BGR, cut to the line.

        Returns:
            T x (1 + len(characters)) float32, rows sum to 1.

        Raises:
            ModelError: The model could not run on this picture.
        """
