"""Points, polygons, segments and boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.types import Box

Boxes = NDArray[np.float32]
Corners = Sequence[tuple[float, float]]


def iou_matrix(a: Boxes, b: Boxes, grow: float = 0.0) -> NDArray[np.float32]:
    """Intersection over union of every box in `a` with every box in `b`.

    Args:
        a: N x 4, x1 y1 x2 y2.
        b: M x 4.
        grow: Each side is first pushed out by this share of the box's size. Buffered IoU lets fast objects match
            between frames that are far apart: F. Yang et al., "Hard to Track Objects with Irregular Motions and
            Similar Appearances? Make It Easier by Buffering the Matching Space", WACV 2023.

    Returns:
        N x M float32 in [0, 1].
    """
    a, b = _grown(a, grow), _grown(b, grow)
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    area_a = np.prod(np.clip(a[:, 2:] - a[:, :2], 0, None), axis=1)
    area_b = np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1)
    union = area_a[:, None] + area_b[None, :] - overlap
    share: NDArray[np.float32] = (overlap / np.maximum(union, 1e-9)).astype(np.float32)
    return share


def _grown(boxes: Boxes, share: float) -> Boxes:
    if not share:
        return boxes
    size = (boxes[:, 2:] - boxes[:, :2]) * share
    return np.concatenate([boxes[:, :2] - size, boxes[:, 2:] + size], axis=1)


def signed_distance(polygon: Corners, x: float, y: float) -> float:
    """Distance of a point to a polygon's border: positive inside, negative outside.

    The inside test is the even-odd rule (J. D. Foley et al., "Computer Graphics: Principles and Practice").

    >>> square = [(0, 0), (4, 0), (4, 4), (0, 4)]
    >>> signed_distance(square, 2, 1), signed_distance(square, -3, 2)
    (1.0, -3.0)
    """
    inside, nearest = False, float("inf")
    x1, y1 = polygon[-1]
    for x2, y2 in polygon:
        dx, dy = x2 - x1, y2 - y1
        share = ((x - x1) * dx + (y - y1) * dy) / max(dx * dx + dy * dy, 1e-12)
        share = min(1.0, max(0.0, share))
        nearest = min(nearest, (x1 + share * dx - x) ** 2 + (y1 + share * dy - y) ** 2)
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * dx / dy:
            inside = not inside
        x1, y1 = x2, y2
    distance: float = nearest**0.5
    return distance if inside else -distance


def distance_within(polygon: Corners, point: tuple[float, float], size: tuple[int, int]) -> float:
    """As `signed_distance`, in a picture whose edge is no border of the polygon.

    Args:
        polygon: Corners in pixels; sides along the picture's edge do not count.
        point: Pixels; taken to lie in the picture.
        size: Width and height of the picture.

    >>> lower_half = [(0, 50), (100, 50), (100, 100), (0, 100)]
    >>> distance_within(lower_half, (40, 104), (100, 100)), distance_within(lower_half, (1, 40), (100, 100))
    (50.0, -10.0)
    """
    width, height = size
    x, y = min(max(point[0], 0.0), float(width)), min(max(point[1], 0.0), float(height))
    inside = signed_distance(polygon, min(max(x, 0.01), width - 0.01), min(max(y, 0.01), height - 0.01)) > 0
    nearest = float("inf")
    x1, y1 = polygon[-1]
    for x2, y2 in polygon:
        along_edge = (x1 == x2 and x1 in (0, width)) or (y1 == y2 and y1 in (0, height))
        if not along_edge:
            nearest = min(nearest, _to_side((x1, y1), (x2, y2), (x, y)))
        x1, y1 = x2, y2
    return nearest if inside else -nearest


def _to_side(start: tuple[float, float], end: tuple[float, float], point: tuple[float, float]) -> float:
    """Distance of a point to a side of a polygon."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    share = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / max(dx * dx + dy * dy, 1e-12)
    share = min(1.0, max(0.0, share))
    return float(((start[0] + share * dx - point[0]) ** 2 + (start[1] + share * dy - point[1]) ** 2) ** 0.5)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes.

    >>> iou(Box(0, 0, 2, 2), Box(0, 0, 2, 1))
    0.5
    """
    both = shared_area(a, b)
    return both / max(a.area + b.area - both, 1e-9)


def snapped(value: float, edge: float) -> float:
    """A corner's coordinate, share of the picture's side: on the picture's edge where it is that close to it.

    >>> snapped(0.01, 0.015), snapped(0.99, 0.015), snapped(0.5, 0.015)
    (0.0, 1.0, 0.5)
    """
    return 0.0 if value <= edge else 1.0 if value >= 1 - edge else value


def side_of_line(start: tuple[float, float], end: tuple[float, float], point: tuple[float, float]) -> float:
    """Signed distance to the infinite line; positive to the right of somebody who walks from `start` to `end`.

    Right is as seen in a picture, whose y axis points down.

    >>> side_of_line((0, 10), (0, 0), (3, 5)) > 0
    True
    """
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    return float((dx * (point[1] - start[1]) - dy * (point[0] - start[0])) / length)


def crosses_segment(
    start: tuple[float, float], end: tuple[float, float], before: tuple[float, float], after: tuple[float, float]
) -> bool:
    """Whether the way from `before` to `after` meets the segment from `start` to `end`."""
    a, b = side_of_line(start, end, before), side_of_line(start, end, after)
    c, d = side_of_line(before, after, start), side_of_line(before, after, end)
    return a * b <= 0 and c * d <= 0


def grown(box: Box, share: float, at_least_px: float, width: int, height: int) -> Box:
    """`box` pushed out on every side by a share of its size, or some pixels, and cut to the picture."""
    dx = max((box.x2 - box.x1) * share, at_least_px)
    dy = max((box.y2 - box.y1) * share, at_least_px)
    return Box(
        max(0.0, box.x1 - dx), max(0.0, box.y1 - dy), min(float(width), box.x2 + dx), min(float(height), box.y2 + dy)
    )


def union(a: Box, b: Box) -> Box:
    """The smallest box around both."""
    return Box(min(a.x1, b.x1), min(a.y1, b.y1), max(a.x2, b.x2), max(a.y2, b.y2))


def shared_area(a: Box, b: Box) -> float:
    """Area that two boxes share, square pixels."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    return width * height if width > 0 and height > 0 else 0.0


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share any area."""
    return a.x1 < b.x2 and b.x1 < a.x2 and a.y1 < b.y2 and b.y1 < a.y2
