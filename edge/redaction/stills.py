"""One redacted picture that somebody asked for, without an event: persons are detected for it too."""

from __future__ import annotations

from edge.redaction.snapshots import SnapshotRedactor
from edge.video.inference import SizedDetector
from pipelines.types import CLASSES, Box, Picture

INPUT_PX = (640, 384)
PERSON = CLASSES.index("person")


def redacted_still(picture: Picture, redactor: SnapshotRedactor, objects: SizedDetector) -> bytes:
    """A redacted JPEG of a picture.

    Args:
        picture: H x W x 3 uint8 BGR; not changed.
        redactor: Masks faces and plates.
        objects: Detects persons, whose heads are masked even without a detected face.

    Raises:
        ModelError: The persons cannot be detected; there is no picture then.
        RedactionError: It cannot be redacted; there is no picture then.
    """
    found = objects.detect_at(picture, INPUT_PX)
    persons = [Box(*box) for box in found.boxes[found.classes == PERSON].tolist()]
    (jpeg,) = redactor.snapshots(picture, [None], persons)
    return jpeg
