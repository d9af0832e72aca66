"""From regions that moved to views for the detector: few, large enough for small figures, never cutting an object."""

from __future__ import annotations

from pipelines.geometry import grown, overlap, union
from pipelines.types import Box
from pipelines.views import View

MARGIN = 0.35
"""Context around a region, share of its size on every side."""
MARGIN_PX = 24.0
MAX_CROPS = 2
"""More crops than this cost more than one look at the whole picture (YOLOX-nano gains nothing from batches)."""
WHOLE = 0.55
"""Crops that cover more of the picture than this together are replaced by the whole picture."""
DOUBT_SIDES = 4.0
"""A doubtful object is shown in this many times its own size: a vehicle from above is known best when it is small."""
DOUBT_INPUT_PX = 192
TURNED_SIDES = 1.7
TURNED_INPUT_PX = 256


def plan(regions: tuple[Box, ...], tracks: tuple[Box, ...], size: tuple[int, int], side_px: int) -> tuple[View, ...]:
    """Choose the views.

    Args:
        regions: What moved, in fractions of the picture.
        tracks: Boxes of live tracks in pixels; one that a crop touches is taken in completely.
        size: Width and height of the picture, pixels.
        side_px: Side of the detector's square input; a crop is at least half of it, so nothing is enlarged more
            than twice.
    """
    width, height = size
    boxes = [_with_tracks(_pixels(region, width, height), tracks, width, height) for region in regions]
    crops = _merge([squared(box, side_px / 2, width, height) for box in boxes])
    while len(crops) > MAX_CROPS:
        crops = _merge(_join_nearest(crops))
    crops = [squared(crop, side_px / 2, width, height) for crop in crops]
    if sum(crop.area for crop in crops) > WHOLE * width * height:
        return (View(Box(0, 0, width, height), whole_input(size, side_px)),)
    return tuple(View(crop, (side_px, side_px)) for crop in crops)


def doubt(box: Box, turn: int, size: tuple[int, int]) -> tuple[View, ...]:
    """Second opinions about a moving thing that the detector does not know: small, small and turned, and by turns one.

    Args:
        box: The thing, pixels.
        turn: Counts the opinions asked for so far.
        size: Width and height of the picture, pixels.
    """
    small = (DOUBT_INPUT_PX, DOUBT_INPUT_PX)
    far, near = _around(box, DOUBT_SIDES, size), _around(box, TURNED_SIDES, size)
    third = View(near, (TURNED_INPUT_PX, TURNED_INPUT_PX), turned=True) if turn % 2 else View(near, small)
    return View(far, small), View(far, small, turned=True), third


def _around(box: Box, share: float, size: tuple[int, int]) -> Box:
    """A square around the middle of `box` whose side is `share` times the box's longer one."""
    middle_x, middle_y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    half = max(box.x2 - box.x1, box.y2 - box.y1) * share / 2
    return squared(Box(middle_x - half, middle_y - half, middle_x + half, middle_y + half), 64, *size)


def whole_input(size: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Input for the whole picture: the same area as the square one, in the picture's own shape."""
    width, height = size
    scale = (1.35 * side_px * side_px / (width * height)) ** 0.5
    return max(32, round(width * scale / 32) * 32), max(32, round(height * scale / 32) * 32)


def squared(box: Box, least_px: float, width: int, height: int) -> Box:
    """The square around `box` (at least `least_px` wide), moved into the picture and cut to it, on whole pixels."""
    side = max(box.x2 - box.x1, box.y2 - box.y1, least_px)
    x = min(max(0.0, (box.x1 + box.x2 - side) / 2), max(0.0, width - side))
    y = min(max(0.0, (box.y1 + box.y2 - side) / 2), max(0.0, height - side))
    return Box(int(x), int(y), min(width, int(x + side + 1)), min(height, int(y + side + 1)))


def _pixels(region: Box, width: int, height: int) -> Box:
    box = Box(region.x1 * width, region.y1 * height, region.x2 * width, region.y2 * height)
    return grown(box, MARGIN, MARGIN_PX, width, height)


def _with_tracks(box: Box, tracks: tuple[Box, ...], width: int, height: int) -> Box:
    for track in tracks:
        if overlap(box, track):
            box = union(box, grown(track, 0.15, 8, width, height))
    return box


def _merge(boxes: list[Box]) -> list[Box]:
    """Join boxes that overlap so much that one look at both is no dearer than two looks."""
    merged: list[Box] = []
    for box in sorted(boxes, key=lambda b: -b.area):
        for i, other in enumerate(merged):
            together = union(box, other)
            if together.area <= 1.15 * (box.area + other.area):
                merged[i] = together
                break
        else:
            merged.append(box)
    return merged if len(merged) == len(boxes) else _merge(merged)


def _join_nearest(boxes: list[Box]) -> list[Box]:
    """Join the two boxes whose union adds the least area."""
    pairs = [(i, j) for i in range(len(boxes)) for j in range(i + 1, len(boxes))]
    i, j = min(pairs, key=lambda p: union(boxes[p[0]], boxes[p[1]]).area - boxes[p[0]].area - boxes[p[1]].area)
    return [box for k, box in enumerate(boxes) if k not in (i, j)] + [union(boxes[i], boxes[j])]
