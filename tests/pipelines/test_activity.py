"""The activity gate: silent on noise, leaves, rain, a burnt-in clock and lamps, awake for what matters."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pipeline_kit import LOOK_NS, T0, grid_of, scenery

from common.clock import SECOND_NS
from pipelines.motion_detector import Motion, MotionDetector, to_grid
from pipelines.types import Box

Grid = NDArray[np.uint8]
LEARN = 150
"""Looks (half a minute) in which a gate may learn what is usual."""


def _base() -> Grid:
    return grid_of(scenery())


def _add(grid: Grid, change: NDArray[np.float64]) -> Grid:
    return np.clip(grid + change, 0, 255).astype(np.uint8)


def _noise(i: int) -> NDArray[np.float64]:
    return np.random.default_rng(i).normal(0, 3, (88, 160))


def _leaves(i: int) -> NDArray[np.float64]:
    """A patch that flickers at random: after averaging to the grid, sixteen times a sensor's noise."""
    change = np.zeros((88, 160))
    change[5:35, 100:150] = np.random.default_rng(i).normal(0, 12, (30, 50))
    return change


def _rain(i: int) -> NDArray[np.float64]:
    """Some sixty bright streaks, elsewhere in each look."""
    random = np.random.default_rng(i)
    change = np.zeros((88, 160))
    for x, y in zip(random.integers(0, 160, 60), random.integers(0, 82, 60), strict=True):
        change[y : y + 5, x] = 22
    return change


def _clock(i: int) -> NDArray[np.float64]:
    """Digits of a burnt-in clock: a few cells that change every second."""
    change = np.zeros((88, 160))
    change[2:7, 120:150] = np.random.default_rng(i // 5).integers(0, 2, (5, 30)) * 120
    return change


SCENES = {"noise": _noise, "leaves": _leaves, "rain": _rain, "clock": _clock}


def _watch(gate: MotionDetector, grids: list[Grid], first: int = 0) -> list[Motion]:
    """Look; tell the gate that the detector found nothing, as the pipeline does."""
    seen = []
    for i, grid in enumerate(grids, first):
        activity = gate.update(grid, T0 + i * LOOK_NS)
        for region in activity.regions:
            gate.feedback(region, False, T0 + i * LOOK_NS)
        seen.append(activity)
    return seen


@pytest.mark.parametrize("name", SCENES)
def test_after_learning_about_one_look_in_two_seconds_is_wasted(name: str) -> None:
    gate, base = MotionDetector(), _base()
    scene = SCENES[name]
    _watch(gate, [_add(base, scene(i) + _noise(1000 + i) / 2) for i in range(LEARN)])
    later = _watch(gate, [_add(base, scene(i) + _noise(1000 + i) / 2) for i in range(LEARN, LEARN + 150)], LEARN)
    assert sum(bool(activity.regions) for activity in later) <= 17  # of thirty seconds


@pytest.mark.parametrize("name", SCENES)
def test_a_small_square_of_modest_contrast_is_still_found(name: str) -> None:
    gate, base = MotionDetector(), _base()
    scene = SCENES[name]
    _watch(gate, [_add(base, scene(i)) for i in range(LEARN)])
    found = 0
    for i in range(LEARN, LEARN + 20):
        grid = _add(base, scene(i))
        x, y = 10 + 2 * (i - LEARN), 60
        grid[y : y + 8, x : x + 5] = np.clip(grid[y : y + 8, x : x + 5].astype(int) + 35, 0, 255)
        activity = gate.update(grid, T0 + i * LOOK_NS)
        hit = any(r.x1 * 160 <= x + 2.5 <= r.x2 * 160 and r.y1 * 88 <= y + 4 <= r.y2 * 88 for r in activity.regions)
        found += hit
        for region in activity.regions:
            gate.feedback(region, hit, T0 + i * LOOK_NS)
    assert found >= 15  # rain hides a fifth of the looks


@pytest.mark.parametrize("step", [25, -30, 60])
def test_a_lamp_costs_one_look_at_most(step: int) -> None:
    gate, base = MotionDetector(), _base()
    _watch(gate, [_add(base, _noise(i)) for i in range(LEARN)])
    lit = [_add(np.clip(base.astype(int) + step, 0, 255).astype(np.uint8), _noise(i)) for i in range(40)]
    seen = _watch(gate, lit, LEARN)
    assert sum(bool(activity.regions) for activity in seen) <= 1
    assert not any(activity.blobs for activity in seen)


def test_a_lamp_that_lights_half_of_the_picture_is_looked_at_once_and_then_known() -> None:
    gate, base = MotionDetector(), _base()
    _watch(gate, [_add(base, _noise(i)) for i in range(LEARN)])
    half = np.zeros((88, 160))
    half[:, :70] = 50
    seen = _watch(gate, [_add(base, half + _noise(i)) for i in range(40)], LEARN)
    assert sum(bool(activity.regions) for activity in seen) <= 2


def test_what_was_looked_at_in_vain_is_looked_at_again_and_sharp_once_something_was_there() -> None:
    gate, base = MotionDetector(), _base()
    flag = [_add(base, _flag(i)) for i in range(100)]
    seen = _watch(gate, flag)
    times = [i for i, activity in enumerate(seen) if activity.regions]
    assert len(times) <= 45
    assert max(np.diff(times)) * LOOK_NS <= 2.4 * SECOND_NS  # never blind
    gate.feedback(Box(0, 0, 1, 1), True, T0 + 100 * LOOK_NS)
    assert gate.update(_add(base, _flag(101)), T0 + 101 * LOOK_NS).regions


def _flag(i: int) -> NDArray[np.float64]:
    """Moves for ever, in jumps too rare for the noise model."""
    change = np.zeros((88, 160))
    change[40:56, 60 + 6 * (i % 5) : 80 + 6 * (i % 5)] = 80
    return change


def test_blobs_outline_the_whole_thing_and_not_only_its_edges() -> None:
    gate, base = MotionDetector(), _base()
    _watch(gate, [base] * 10)
    for i in range(10, 16):
        grid = base.copy()
        x = 20 + 4 * (i - 10)
        grid[30:60, x : x + 24] = 240
        activity = gate.update(grid, T0 + i * LOOK_NS)
    (blob,) = activity.blobs
    assert [blob.x1 * 160, blob.y1 * 88, blob.x2 * 160, blob.y2 * 88] == pytest.approx([x, 30, x + 24, 60], abs=3)


def test_what_stands_still_is_no_blob() -> None:
    gate, base = MotionDetector(), _base()
    _watch(gate, [base] * 5)
    with_car = base.copy()
    with_car[30:60, 40:80] = 240
    seen = _watch(gate, [with_car] * 10, 5)
    assert seen[0].blobs
    assert not any(activity.blobs or activity.regions for activity in seen[1:])


def test_a_new_shape_starts_again_and_the_first_look_is_silent() -> None:
    gate = MotionDetector()
    assert gate.update(_base(), T0) == Motion()
    assert gate.update(cv2.resize(_base(), (160, 120)), T0 + LOOK_NS) == Motion()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("width", "height", "rows"), [(640, 360, 88), (1920, 1080, 88), (768, 576, 120), (352, 288, 132)]
)
def test_the_grid_keeps_the_shape_in_whole_cells(width: int, height: int, rows: int) -> None:
    assert to_grid(np.zeros((height, width), np.uint8)).shape == (rows, 160)
