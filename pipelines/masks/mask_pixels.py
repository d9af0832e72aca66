"""Making a part of a picture unrecoverable.

A light blur can be undone (R. McPherson et al., "Defeating Image Obfuscation with Deep Learning", 2016), so a region
is replaced by at most `CELLS` x `CELLS` flat cells of its mean colours with noise on top: at that size nothing that
tells one face or plate from another is left.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.geometry import grown
from pipelines.types import Box, Luma, Picture

Planes = tuple[Luma, Luma, Luma]
"""Y, U and V of a 4:2:0 picture."""

CELLS = 6
NOISE_LEVELS = 24
"""Half width of the uniform noise on each cell, grey levels."""
COLOUR_NOISE = 3
"""In planes of colour the noise is so many times smaller."""
GROW = 0.25
"""A found face or plate is covered with this margin, share of its size on every side."""
GROW_PX = 2.0
HEAD = 0.28
"""The upper part of a person's box that is covered whether or not a face was found, share of its height."""


def cover(picture: Picture, boxes: Iterable[Box], random: np.random.Generator) -> None:
    """Cover boxes in place.

    Args:
        picture: H x W x 3 uint8 BGR; changed.
        boxes: Pixels; parts outside of the picture are ignored.
        random: Source of the noise.
    """
    height, width = picture.shape[:2]
    for box in boxes:
        x1, y1 = max(0, int(box.x1)), max(0, int(box.y1))
        x2, y2 = min(width, int(np.ceil(box.x2))), min(height, int(np.ceil(box.y2)))
        if x2 > x1 and y2 > y1:
            picture[y1:y2, x1:x2] = _cells(picture[y1:y2, x1:x2], random)


def cover_planes(planes: Planes, boxes: Iterable[Box], random: np.random.Generator) -> None:
    """Cover boxes in place in a picture whose colour planes have half its width and height (4:2:0).

    Args:
        planes: Y (H x W), U and V (half of it, rounded up), uint8; changed.
        boxes: Pixels of the Y plane; parts outside of the picture are ignored.
        random: Source of the noise.
    """
    height, width = planes[0].shape
    wanted = list(boxes)
    noise = random.integers(-NOISE_LEVELS, NOISE_LEVELS + 1, (len(wanted), CELLS, CELLS), np.int16)
    for box, levels in zip(wanted, noise, strict=True):
        x1, y1 = max(0, int(box.x1)) // 2 * 2, max(0, int(box.y1)) // 2 * 2
        x2, y2 = min(width, int(np.ceil(box.x2 / 2)) * 2), min(height, int(np.ceil(box.y2 / 2)) * 2)
        if x2 <= x1 or y2 <= y1:
            continue
        _flatten(planes[0][y1:y2, x1:x2], levels)
        for plane in planes[1:]:
            _flatten(plane[y1 // 2 : -(-y2 // 2), x1 // 2 : -(-x2 // 2)], levels // COLOUR_NOISE)


def head_of(person: Box) -> Box:
    """Where the head of somebody who stands in `person` is, generously."""
    height, width = person.y2 - person.y1, person.x2 - person.x1
    return Box(person.x1 - 0.05 * width, person.y1 - 0.05 * height, person.x2 + 0.05 * width, person.y1 + HEAD * height)


def with_margin(box: Box, width: int, height: int) -> Box:
    """A found face or plate with its margin, cut to the picture."""
    return grown(box, GROW, GROW_PX, width, height)


def _flatten(area: Luma, noise: NDArray[np.int16]) -> None:
    height, width = area.shape
    columns, rows = min(CELLS, width), min(CELLS, height)
    means = cv2.resize(area, (columns, rows), interpolation=cv2.INTER_AREA)
    cells = cv2.add(means, noise[:rows, :columns], dtype=cv2.CV_8U)  # saturates
    cv2.resize(cells, (width, height), dst=area, interpolation=cv2.INTER_NEAREST)


def _cells(area: Picture, random: np.random.Generator) -> Picture:
    height, width = area.shape[:2]
    size = (min(CELLS, width), min(CELLS, height))
    means = cv2.resize(area, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], 3)
    noisy = means.astype(np.int16) + random.integers(-NOISE_LEVELS, NOISE_LEVELS + 1, means.shape, np.int16)
    cells = np.clip(noisy, 0, 255).astype(np.uint8)
    covered: Picture = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
    return covered
