"""What is covered is gone: nothing finer than 6 x 6 cells is left, and noise on top of that."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.masks.mask_pixels import CELLS, cover, cover_planes, head_of, with_margin
from pipelines.types import Box, Picture

SIDE = 96


def _face(seed: int) -> Picture:
    """A face-like picture whose 6 x 6 means are all alike: only detail tells two of them apart."""
    random = np.random.default_rng(seed)
    detail = random.integers(-90, 90, (SIDE, SIDE, 3)).astype(np.float64)
    cell = SIDE // CELLS
    blocks = detail.reshape(CELLS, cell, CELLS, cell, 3)
    flat = (blocks - blocks.mean(axis=(1, 3), keepdims=True)).reshape(SIDE, SIDE, 3)
    face: Picture = np.clip(flat + 128, 0, 255).astype(np.uint8)
    return face


def _covered(picture: Picture, box: Box, seed: int = 0) -> Picture:
    shown = picture.copy()
    cover(shown, [box], np.random.default_rng(seed))
    return shown


def test_two_faces_become_indistinguishable() -> None:
    whole = Box(0, 0, SIDE, SIDE)
    one, two = _face(1), _face(2)
    assert np.abs(one.astype(int) - two).mean() > 30
    difference = np.abs(_covered(one, whole).astype(int) - _covered(two, whole)).max()
    assert difference <= 1  # rounding of the means: the same noise, the same cells


def test_the_noise_differs_each_time_and_hides_the_means() -> None:
    whole = Box(0, 0, SIDE, SIDE)
    first, second = _covered(_face(1), whole, seed=1), _covered(_face(1), whole, seed=2)
    assert np.abs(first.astype(int) - second).mean() > 5


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**16))
def test_never_more_than_six_by_six_values_are_left(x: int, y: int, width: int, height: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 255, (80, 100, 3), np.uint8)
    shown = _covered(picture, Box(x, y, x + width, y + height))
    area = shown[y : min(80, y + height), x : min(100, x + width)]
    rows = 1 + np.count_nonzero(np.any(np.diff(area.astype(int), axis=0), axis=(1, 2)))
    columns = 1 + np.count_nonzero(np.any(np.diff(area.astype(int), axis=1), axis=(0, 2)))
    assert rows <= CELLS
    assert columns <= CELLS


def test_the_rest_of_the_picture_is_left_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)
    shown = _covered(picture, Box(20, 10, 60, 50))
    shown[10:50, 20:60] = picture[10:50, 20:60]
    assert np.array_equal(shown, picture)


@pytest.mark.parametrize(
    "box", [Box(-20, -20, -1, -1), Box(100, 0, 130, 40), Box(10, 10, 10, 40), Box(-5, -5, 300, 300)]
)
def test_boxes_beside_empty_or_larger_than_the_picture_are_taken(box: Box) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)
    shown = _covered(picture, box)
    covers = box.x1 < 0 < box.x2
    assert np.array_equal(shown, picture) != covers


def test_sharpening_does_not_bring_a_face_back() -> None:
    """A correlation with the original that an attacker could use is gone."""
    face = cv2.GaussianBlur(_face(5), (0, 0), 1.0)
    shown = _covered(face, Box(0, 0, SIDE, SIDE))  # type: ignore[arg-type]
    high = cv2.Laplacian(face, cv2.CV_64F).ravel()
    guess = cv2.Laplacian(shown, cv2.CV_64F).ravel()
    assert abs(np.corrcoef(high, guess)[0, 1]) < 0.1


def test_a_head_and_a_margin_are_generous() -> None:
    head = head_of(Box(100, 100, 140, 220))
    assert head.x1 < 100 and head.x2 > 140 and head.y1 < 100 and 130 < head.y2 < 140  # noqa: PT018
    assert with_margin(Box(10, 10, 30, 30), 100, 80) == Box(5, 5, 35, 35)
    assert with_margin(Box(0, 0, 30, 30), 32, 80) == Box(0, 0, 32, 37.5)


@given(st.integers(-9, 60), st.integers(-9, 60), st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**16))
def test_planes_keep_six_by_six_values_inside_and_everything_outside(
    x: int, y: int, width: int, height: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    clear = tuple(random.integers(0, 255, size, np.uint8) for size in ((81, 101), (41, 51), (41, 51)))
    shown = tuple(plane.copy() for plane in clear)
    cover_planes(shown, [Box(x, y, x + width, y + height)], random)  # type: ignore[arg-type]
    for plane, before, step in zip(shown, clear, (1, 2, 2), strict=True):
        top, left = max(0, y) // step, max(0, x) // step
        bottom, right = max(0, -(-(y + height) // step)), max(0, -(-(x + width) // step))
        outside = np.ones(plane.shape, np.bool_)
        outside[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = False  # chroma's grid: one pixel of slack
        assert np.array_equal(plane[outside], before[outside])
        area = plane[top:bottom, left:right]
        if area.size:
            assert len({row.tobytes() for row in area}) <= CELLS
            assert len({column.tobytes() for column in area.T}) <= CELLS
