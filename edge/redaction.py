"""Snapshots: the only place that turns a frame into a picture that is kept or sent.

It never gives a clear one: whatever goes wrong on the way means no picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from common.errors import ModelError, RedactionError
from events.envelope import MAX_PICTURE_BYTES
from pipelines.redact import cover, head_of, with_margin
from pipelines.types import Box, Detector, Picture

WIDTH_PX = 640
QUALITY = 72
OUTLINE = (40, 160, 255)


@dataclass(frozen=True)
class Subject:
    """What a snapshot is about.

    Attributes:
        box: Pixels of the frame.
        person: It is a person: the head is covered whether or not a face is found.
    """

    box: Box
    person: bool


@dataclass
class Redactor:
    """Blurs faces and plates and encodes what is left.

    Args:
        faces: Finds faces.
        plates: Finds plates.
        random: Noise of the cover.
    """

    faces: Detector
    plates: Detector
    random: np.random.Generator
    pictures: int = 0
    failures: int = 0

    def snapshot(self, picture: Picture, subject: Subject | None, people: Sequence[Box] = ()) -> bytes:
        """A redacted JPEG of a frame.

        Args:
            picture: H x W x 3 uint8 BGR; not changed.
            subject: Outlined; None for none.
            people: Persons in the frame, pixels; their heads are covered too.

        Raises:
            RedactionError: Anything went wrong; there is no picture then.
        """
        try:
            shown = picture.copy()
            self._cover(shown, subject, people)
            jpeg = _encode(shown, subject)
        except (ModelError, cv2.error, ValueError, MemoryError) as error:
            self.failures += 1
            raise RedactionError(f"no picture: {error}") from error
        self.pictures += 1
        return jpeg

    def _cover(self, shown: Picture, subject: Subject | None, people: Sequence[Box]) -> None:
        height, width = shown.shape[:2]
        found = [*self.faces.detect(shown).boxes.tolist(), *self.plates.detect(shown).boxes.tolist()]
        boxes = [with_margin(Box(*row), width, height) for row in found]
        persons = [*people, *([subject.box] if subject is not None and subject.person else [])]
        cover(shown, [*boxes, *map(head_of, persons)], self.random)


def _encode(picture: Picture, subject: Subject | None) -> bytes:
    if subject is not None:
        x1, y1, x2, y2 = (round(value) for value in subject.box)
        cv2.rectangle(picture, (x1, y1), (x2, y2), OUTLINE, max(1, picture.shape[1] // 320))
    height, width = picture.shape[:2]
    if width > WIDTH_PX:
        size = (WIDTH_PX, round(height * WIDTH_PX / width))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    for quality in (QUALITY, 50, 30):
        done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and len(jpeg) <= MAX_PICTURE_BYTES:
            return jpeg.tobytes()
    raise ValueError("the picture does not fit")
