"""Snapshots: the only module that turns a frame into a stored or sent picture.

It never gives a clear one: whatever goes wrong on the way means no picture.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from common.errors import ModelError, RedactionError
from pipelines.masks.large_masks import SURE_FACE, SURE_PLATE, plausible
from pipelines.masks.mask_pixels import cover, head_of, with_margin
from pipelines.types import Box, Detector, Picture
from protocol.envelope import MAX_PICTURE_BYTES

WIDTH_PX = 640
QUALITY = 72
OUTLINE = (40, 160, 255)


@dataclass(frozen=True)
class Subject:
    """The subject of a snapshot.

    Attributes:
        box: Pixels of the frame.
        person: Whether it is a person: the head is masked even without a detected face.
    """

    box: Box
    person: bool


@dataclass
class SnapshotRedactor:
    """Masks faces and plates and encodes the picture, one at a time: CenterFace needs 40 MB for each.

    Args:
        faces: Detects faces.
        plates: Detects plates.
        random: Generator of the masks' noise.
    """

    faces: Detector
    plates: Detector
    random: np.random.Generator
    pictures: int = 0
    failures: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def snapshots(
        self,
        picture: Picture,
        subjects: Sequence[Subject | None],
        persons: Sequence[Box],
        plates: Sequence[Box] = (),
    ) -> list[bytes]:
        """A redacted JPEG of a frame for each subject; faces and plates are detected once.

        Args:
            picture: H x W x 3 uint8 BGR; not changed.
            subjects: What each picture outlines; None for nothing.
            persons: Persons in the frame, pixels; their heads are covered too.
            plates: Plates that are known already, pixels; covered whether or not they are found again.

        Raises:
            RedactionError: Anything went wrong; there is no picture then.
        """
        with self._turn:
            try:
                persons = [*persons, *(subject.box for subject in subjects if subject is not None and subject.person)]
                covered, scale = self._redact(picture, persons, plates)
                jpegs = [_encode(covered, subject, scale) for subject in subjects]
            except (ModelError, cv2.error, ValueError, MemoryError) as error:
                self.failures += 1
                raise RedactionError(f"no picture: {error}") from error
            self.pictures += len(jpegs)
            return jpegs

    def _redact(self, picture: Picture, persons: Sequence[Box], plates: Sequence[Box]) -> tuple[Picture, float]:
        """A masked copy of the frame in the output size, and its scale."""
        scale = min(1.0, WIDTH_PX / picture.shape[1])
        size = (round(picture.shape[1] * scale), max(1, round(picture.shape[0] * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture.copy()
        scaled: Picture = np.asarray(small, np.uint8)
        faces, plates_found = self.faces.detect(scaled), self.plates.detect(scaled)
        found = [
            *faces.boxes[plausible(faces.boxes, faces.scores, size, SURE_FACE)].tolist(),
            *plates_found.boxes[plausible(plates_found.boxes, plates_found.scores, size, SURE_PLATE)].tolist(),
        ]
        boxes = [with_margin(Box(*row), *size) for row in found]
        boxes += [with_margin(_scaled(plate, scale), *size) for plate in plates]
        heads = [head_of(_scaled(person, scale)) for person in persons]
        cover(scaled, [*boxes, *heads], self.random)
        return scaled, scale


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x1 * scale, box.y1 * scale, box.x2 * scale, box.y2 * scale)


def _encode(covered: Picture, subject: Subject | None, scale: float) -> bytes:
    picture = covered
    if subject is not None:
        picture = covered.copy()
        x1, y1, x2, y2 = (round(value) for value in _scaled(subject.box, scale))
        cv2.rectangle(picture, (x1, y1), (x2, y2), OUTLINE, 2)
    for quality in (QUALITY, 50, 30):
        done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and len(jpeg) <= MAX_PICTURE_BYTES:
            return jpeg.tobytes()
    raise ValueError("the picture does not fit")
