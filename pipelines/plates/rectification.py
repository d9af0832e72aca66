"""Cutting a plate out of a picture so that it lies straight, in one line or in two."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.types import Box, Picture

Tint = Literal["blue", "green", ""]

Floats = NDArray[np.float32]

LINE_PX = (240, 80)
"""Width and height of a straightened one-line plate: 440 x 140 mm and 480 x 140 mm, and what the readers took best of
192, 240 and 288 (581 of 589 plates)."""
BLOCK_PX = (200, 110)
"""Of a two-line plate, 440 x 220 mm."""
MARGIN = 0.02
"""Left around the plate, share of the cut."""
SPLITS = (0.40, 0.47)
"""Where the upper line ends: GA 36-2018 rear plates, and plates with lines of equal height."""
OVERLAP = 0.03
TWO_LINES_BELOW, TWO_LINES_LIKELY, TWO_LINES_MOST = 2.75, 3.0, 3.4
"""Width over height under which a plate may well have two lines, is likely to where one was no plate, and, seen from
above, may have them at all; one line has 3.1 to 3.4, foreshortened down to about 2."""
LOWER_LINE_MOST = 4.8
"""As wide as that may be what is only the lower line of two."""
REACH = 0.5
"""How far around a plate a second inspection reaches, share of its width."""
TINTED = 0.45
"""Share of a plate's inside that must have a colour for the plate to have it; characters and frame take the rest."""
HUES: dict[Tint, tuple[int, int]] = {"green": (35, 90), "blue": (95, 130)}
"""In OpenCV's half degrees."""
LEAST_SATURATION, LEAST_VALUE = 45, 40

EVENED_CLIP, EVENED_TILES = 2.0, (8, 2)
"""Limit of the contrast (OpenCV's usual), and tiles along and across a line: about a character a tile."""


def straightened(picture: Picture, corners: Floats, size: tuple[int, int] = LINE_PX, margin: float = MARGIN) -> Picture:
    """The plate, as seen from the front.

    Args:
        picture: H x W x 3 uint8 BGR.
        corners: 4 x 2, x and y of top left, top right, bottom right, bottom left; may lie a little outside.
        size: Width and height of the result, pixels.
        margin: Left around the plate, share of the result.
    """
    width, height = size
    left, top, right, bottom = margin * width, margin * height, (1 - margin) * width, (1 - margin) * height
    target = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.ascontiguousarray(corners, np.float32), target)
    cut = cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def whole(picture: Picture) -> Floats:
    """The corners of a picture that is nothing but a plate, 4 x 2."""
    height, width = picture.shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def usable(corners: Floats) -> bool:
    """Whether the corners go round a plate as they should: convex, clockwise, not collapsed."""
    if not np.isfinite(corners).all():
        return False
    edges = np.roll(corners, -1, axis=0) - corners
    after = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    return bool((turns > 1.0).all())


def proportion(corners: Floats) -> float:
    """Width over height, from the means of opposite sides."""
    top, right, bottom, left = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return float((top + bottom) / max(1.0, left + right))


def raised(corners: Floats) -> Floats:
    """The corners of a plate of two lines whose lower line was taken for the whole: as high as such a plate is."""
    top_left, top_right, bottom_right, bottom_left = corners
    share = proportion(corners) * BLOCK_PX[1] / BLOCK_PX[0]
    left, right = bottom_left + share * (top_left - bottom_left), bottom_right + share * (top_right - bottom_right)
    return np.array([left, right, bottom_right, bottom_left], np.float32)


def lines_joined(picture: Picture, corners: Floats, split: float) -> Picture:
    """A two-line plate as one line: its upper line, then its lower one, at one height.

    Args:
        picture: H x W x 3 uint8 BGR.
        corners: 4 x 2, as for `straightened`.
        split: Where the upper line ends, share of the height.
    """
    block = straightened(picture, corners, BLOCK_PX)
    height, width = block.shape[:2]
    upper = block[: round((split + OVERLAP) * height), round(0.12 * width) : round(0.88 * width)]
    lower = block[round((split - OVERLAP) * height) :]
    tall = LINE_PX[1]
    parts = [cv2.resize(part, (round(scale * width), tall)) for part, scale in ((upper, 0.5), (lower, 1.0))]
    return np.asarray(np.hstack(parts), np.uint8)


def surroundings(box: Box, picture: Picture, share: float = REACH) -> Box:
    """The area of another inspection of a plate: the plate with `share` of its width around it, cut to the picture."""
    height, width = picture.shape[:2]
    reach = share * max(box.x2 - box.x1, box.y2 - box.y1)
    low = max(0, int(box.x1 - reach)), max(0, int(box.y1 - reach))
    return Box(*low, min(width, int(box.x2 + reach) + 1), min(height, int(box.y2 + reach) + 1))


def part(picture: Picture, box: Box) -> Picture:
    """The pixels of a box whose sides are whole numbers inside the picture."""
    return picture[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]


def tint(cut: Picture) -> Tint:
    """The colour of a straightened plate's ground; empty where it is another one or light and lens took it away.

    Args:
        cut: H x W x 3 uint8 BGR, the plate from edge to edge.
    """
    height, width = cut.shape[:2]
    inner = cut[height // 2 : height - height // 8, width // 12 : width - width // 12]
    hue, saturation, value = cv2.split(cv2.cvtColor(inner, cv2.COLOR_BGR2HSV))
    coloured = (np.asarray(saturation) >= LEAST_SATURATION) & (np.asarray(value) >= LEAST_VALUE)
    for name, (low, high) in HUES.items():
        if float((coloured & (np.asarray(hue) >= low) & (np.asarray(hue) <= high)).mean()) >= TINTED:
            return name
    return ""


def evened(line: Picture) -> Picture:
    """The same with its local contrast evened out: shade over a part of a plate hides its characters.

    Source: K. Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994.
    """
    lab = cv2.cvtColor(line, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(EVENED_CLIP, EVENED_TILES).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)
