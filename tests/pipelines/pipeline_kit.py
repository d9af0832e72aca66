"""What several tests of the pipeline use: looks, synthetic pictures, a detector that knows the truth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from common.clock import SECOND_NS
from pipelines.camera import CameraPipeline, build_rules
from pipelines.findings import Finding
from pipelines.motion_detector import to_grid
from pipelines.settings import LineSettings, ZoneSettings
from pipelines.tracking.tracker import FrameObservation
from pipelines.types import CLASSES, Box, Detections, Picture

SIZE = (640, 360)
T0 = 1_700_000_000 * SECOND_NS
LOOK_NS = SECOND_NS // 5


def detections(*facts: tuple[Box, float, str]) -> Detections:
    """Detections from (box, score, class name)."""
    if not facts:
        return Detections.none()
    return Detections(
        np.array([fact[0] for fact in facts], np.float32),
        np.array([fact[1] for fact in facts], np.float32),
        np.array([CLASSES.index(fact[2]) for fact in facts], np.int64),
    )


def look(i: int, found: Detections, blobs: Sequence[Box] = (), moved: Sequence[Box] = ()) -> FrameObservation:
    """The i-th look at five a second; the detector looked everywhere."""
    return FrameObservation(found, (Box(0, 0, *SIZE),), T0 + i * LOOK_NS, blobs, moved or blobs)


def moved_by(box: Box, dx: float, dy: float = 0.0) -> Box:
    """The box, shifted."""
    return Box(box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy)


def scenery(seed: int = 3, size: tuple[int, int] = SIZE) -> Picture:
    """A still picture with structure at every scale."""
    random = np.random.default_rng(seed)
    width, height = size
    coarse = cv2.resize(random.integers(50, 200, (9, 16, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(
        random.integers(0, 60, (height // 6, width // 6, 3), np.uint8), size, interpolation=cv2.INTER_NEAREST
    )
    picture: Picture = np.clip(coarse.astype(np.int16) + fine - 30, 0, 255).astype(np.uint8)
    return picture


def grid_of(picture: Picture) -> NDArray[np.uint8]:
    """The gate's grid of a BGR picture."""
    return to_grid(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))  # type: ignore[arg-type]


def with_block(picture: Picture, box: Box, level: int = 235) -> Picture:
    """A copy with a plain block in it."""
    shown = picture.copy()
    shown[max(0, int(box.y1)) : int(box.y2), max(0, int(box.x1)) : int(box.x2)] = level
    return shown


def pipeline(*rules: ZoneSettings | LineSettings) -> CameraPipeline:
    """A camera's pipeline with rules that never sleep."""
    zones = [rule for rule in rules if isinstance(rule, ZoneSettings)]
    lines = [rule for rule in rules if isinstance(rule, LineSettings)]
    return CameraPipeline(SIZE, build_rules(zones, lines, SIZE, lambda _name: lambda _time_ns: True))


def watch(
    camera: CameraPipeline, background: Picture, boxes: Sequence[Box | None], score: float = 0.8
) -> list[Finding]:
    """Let a block walk over a background, one box a look; a detector that knows the truth calls it a person."""
    found: list[Finding] = []
    for i, box in enumerate(boxes):
        picture = background if box is None else with_block(background, box)
        request = camera.plan_inference(grid_of(picture), T0 + i * LOOK_NS)
        if request is None:
            found += camera.idle(T0 + i * LOOK_NS)
        else:
            found += camera.update(request, detections() if box is None else detections((box, score, "person")))
    return found
