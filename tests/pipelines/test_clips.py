"""The whole pipeline on moving pictures: a synthetic street always, and the shared clips where they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from pipeline_kit import LOOK_NS, SIZE, T0, grid_of, pipeline, scenery, watch, with_block

from common.clock import SECOND_NS
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.motion_detector import MotionDetector, to_grid
from pipelines.settings import HealthSettings, LineSettings, ZoneSettings
from pipelines.types import Box, Luma
from protocol.event_types import KIND_OF, LineCrossed

CLIPS = Path(__file__).parents[3] / "shared" / "data"
DOWN = LineSettings("line", ((0.5, 1.0), (0.5, 0.0)))
ZONE = ZoneSettings("zone", ((0.3, 0.1), (0.7, 0.1), (0.7, 0.95), (0.3, 0.95)))


def _way(speed_px: float, looks: int = 40, x: float = -60, y: float = 120, width: int = 44) -> list[Box | None]:
    """A block that comes in from the left; None while nothing of it is in the picture."""
    boxes: list[Box | None] = [None] * 5
    for i in range(looks):
        left = x + speed_px * i
        shown = Box(max(0.0, left), y, min(float(SIZE[0]), left + width), y + 110)
        boxes.append(shown if shown.x2 - shown.x1 >= 8 else None)
    return boxes


@pytest.mark.parametrize("speed_px", [8.0, 18.0, 40.0])
@pytest.mark.parametrize("score", [0.8, 0.3])
def test_whoever_walks_through_crosses_once_and_enters_once(speed_px: float, score: float) -> None:
    found = watch(pipeline(DOWN, ZONE), scenery(), _way(speed_px, looks=int(760 / speed_px)), score)
    kinds = sorted(KIND_OF[type(finding.data)] for finding in found)
    assert kinds == ["line.crossed", "zone.entered"]
    crossing = next(finding for finding in found if isinstance(finding.data, LineCrossed))
    assert crossing.data.direction == "forward"  # type: ignore[union-attr]
    expected = T0 + round((5 + (320 + 60 - 22) / speed_px) * LOOK_NS)
    assert abs(crossing.time_ns - expected) <= 3 * LOOK_NS


def test_what_was_there_from_the_start_and_what_nobody_knows_gives_nothing() -> None:
    parked: list[Box | None] = [Box(300, 120, 344, 230)] * 60
    assert watch(pipeline(DOWN, ZONE), scenery(), parked) == []
    assert watch(pipeline(DOWN, ZONE), scenery(), _way(18.0), score=0.15) == []


def test_nothing_moving_means_no_request() -> None:
    camera, still = pipeline(DOWN, ZONE), scenery()
    assert all(camera.plan_inference(grid_of(still), T0 + i * LOOK_NS) is None for i in range(100))


def test_every_moving_block_is_inside_a_region() -> None:
    gate, still = MotionDetector(), scenery()
    missed = 0
    for i, box in enumerate(_way(12.0)):
        shown = still if box is None else with_block(still, box)
        activity = gate.update(grid_of(shown), T0 + i * LOOK_NS)
        if box is not None and i > 6:
            x, y = (box.x1 + box.x2) / 2 / SIZE[0], (box.y1 + box.y2) / 2 / SIZE[1]
            missed += not any(r.x1 <= x <= r.x2 and r.y1 <= y <= r.y2 for r in activity.regions)
    assert missed == 0


def _clips() -> list[Path]:
    return sorted(path for path in CLIPS.glob("video_*/*") if path.suffix in (".mp4", ".avi"))


def _seconds(path: Path) -> Iterator[Luma]:
    """One picture a second."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate, shown = float(stream.average_rate or 15), -1
        for i, frame in enumerate(container.decode(stream)):
            if int(i / rate) != shown:
                shown = int(i / rate)
                yield np.ascontiguousarray(frame.to_ndarray(format="gray"))


def _synthetic_seconds() -> list[Luma]:
    """A busy street: a large block crosses every few seconds, over a sensor's noise."""
    still, lumas = scenery(), []
    for i in range(40):
        x = (i * 97) % 800 - 120
        luma = cv2.cvtColor(with_block(still, Box(x, 60, x + 200, 300)), cv2.COLOR_BGR2GRAY)
        lumas.append(np.clip(luma + np.random.default_rng(i).normal(0, 2, luma.shape), 0, 255).astype(np.uint8))
    return lumas


def test_ordinary_life_never_looks_like_a_broken_camera() -> None:
    """Every clip in a loop for two minutes, one look a second: no trouble may be told."""
    scenes = {"synthetic": _synthetic_seconds()} | {path.name: list(_seconds(path)) for path in _clips()}
    for name, lumas in scenes.items():
        health = CameraHealth(HealthSettings())
        for i in range(120):
            luma = lumas[i % len(lumas)]
            assert health.update(luma, to_grid(luma), T0 + i * SECOND_NS) is None, f"{name}, second {i}"
