"""From regions that moved to views for the detector: few, large enough for small figures, never cutting an object."""

from __future__ import annotations

from pipelines.crops.crop_view import CropView
from pipelines.geometry import grown, overlap, shared_area, union
from pipelines.types import Box

MARGIN = 0.35
"""Context around a region, share of its size on every side."""
MARGIN_PX = 24.0
MAX_CROPS = 2
"""More crops than this cost more than one inference on the whole picture (YOLOX-nano gains nothing from batches)."""
OBJECT_PX = 128.0
"""The smallest thing that moves is shown this large, if the budget allows: from there on the detector gains nothing."""
MIN_INPUT_PX = 192
MAX_ENLARGEMENT = 2.0
INPUT_AREA = 1.1
"""Most area of all inputs of a frame, in units of the square one."""
OBLONG = 1.6
"""A crop is at most this many times as long as it is wide: a figure needs some of its surroundings to be known."""
WHOLE = 0.55
"""Crops that cover more of the picture than this together are replaced by the whole picture."""
OPINIONS = (((1.4, 192), (2.5, 256), (4.0, 160)), ((1.4, 192), (2.5, 256), (6.0, 256)))
"""How a thing that the detector does not know is shown, by turns: in how many times its own size, and the input's side.

No scale is right for every vehicle from above (measured: each scale finds a third of them, not the same third), so
several are asked, small inputs first: such a vehicle is known best when it is small."""


def plan(
    regions: tuple[Box, ...], object_boxes: tuple[Box, ...], size: tuple[int, int], side_px: int
) -> tuple[CropView, ...]:
    """Choose the views.

    Args:
        regions: What moved, in fractions of the picture.
        object_boxes: Boxes of live tracks and of blobs in pixels; one that a crop touches is taken in completely.
        size: Width and height of the picture, pixels.
        side_px: Side of the square whose area the detector's input may have; a crop is at least half of it, so nothing
            is enlarged more than twice.
    """
    width, height = size
    pixels = [Box(r.x1 * width, r.y1 * height, r.x2 * width, r.y2 * height) for r in regions]
    areas = [grown(region, MARGIN, MARGIN_PX, width, height) for region in pixels]
    crops = _merge([shaped(_with(area, object_boxes, size), side_px / 2, width, height) for area in areas])
    while len(crops) > MAX_CROPS:
        crops = _merge(_join_nearest(crops))
    crops = [shaped(crop, side_px / 2, width, height) for crop in crops]
    if sum(crop.area for crop in crops) > WHOLE * width * height:
        crops = [Box(0, 0, width, height)]
    most = (INPUT_AREA * side_px * side_px / sum(crop.area for crop in crops)) ** 0.5
    return tuple(CropView(crop, _input(crop, _smallest(crop, pixels, object_boxes), most)) for crop in crops)


def _smallest(crop: Box, regions: list[Box], object_boxes: tuple[Box, ...]) -> float:
    """Size of the smallest thing in a crop that must be recognised, pixels.

    The longer side counts, but of a long row (a group of people) no more than twice the shorter one. What moves within
    something known is a part of it.
    """
    shifted = [region for region in regions if overlap(region, crop)]
    met = [object_box for object_box in object_boxes if any(overlap(object_box, region) for region in shifted)]
    new = [
        region
        for region in shifted
        if not any(shared_area(region, object_box) > 0.5 * region.area for object_box in met)
    ]
    sizes = (sorted((box.x2 - box.x1, box.y2 - box.y1)) for box in (*met, *new))
    return min((min(longer, 2 * shorter) for shorter, longer in sizes), default=1.0)


def _input(crop: Box, smallest_px: float, most: float) -> tuple[int, int]:
    """The detector's input for a crop: as small as its smallest thing allows, at most `most` times the crop."""
    width, height = crop.x2 - crop.x1, crop.y2 - crop.y1
    scale = min(most, max(OBJECT_PX / max(smallest_px, 1.0), MIN_INPUT_PX / max(width, height)), MAX_ENLARGEMENT)
    return _step(width * scale), _step(height * scale)


def _step(length: float) -> int:
    return max(64, round(length / 32) * 32)


def second_opinion_views(
    box: Box, velocity: tuple[float, float], step: int, size: tuple[int, int]
) -> tuple[CropView, ...]:
    """Second opinions about a moving thing that the detector does not know.

    It is turned so that it drives away from the onlooker: from above, that is the way round in which a detector that
    learned from pictures taken at eye level knows vehicles. (Measured on overhead clips: 50 % of frames find a car that
    is turned so, 5 % one that is turned the other way or not at all.)

    Args:
        box: The thing, pixels.
        velocity: Of its centre, pixels per second to the right and down.
        step: Counts the opinions asked for so far.
        size: Width and height of the picture, pixels.
    """
    across, down = velocity
    steps = 0 if abs(across) <= abs(down) else 1 if across > 0 else 3
    shown = OPINIONS[step % len(OPINIONS)]
    return tuple(_opinion(_around(box, sides, size), px, steps, size) for sides, px in shown)


def _opinion(part: Box, px: int, steps: int, size: tuple[int, int]) -> CropView:
    width, height = size
    cut = (part.x1 > 0, part.y1 > 0, part.x2 < width, part.y2 < height)
    return CropView(part, (px, px), steps, cut)


def _around(box: Box, share: float, size: tuple[int, int]) -> Box:
    """A square around the middle of `box` whose side is `share` times the box's longer one."""
    middle_x, middle_y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    half = max(box.x2 - box.x1, box.y2 - box.y1) * share / 2
    return squared(Box(middle_x - half, middle_y - half, middle_x + half, middle_y + half), 64, *size)


def squared(box: Box, least_px: float, width: int, height: int) -> Box:
    """The square around `box` (at least `least_px` wide), moved into the picture and cut to it, on whole pixels."""
    return shaped(box, least_px, width, height, 1.0)


def shaped(box: Box, least_px: float, width: int, height: int, oblong: float = OBLONG) -> Box:
    """The same, but a side may be as little as the other one divided by `oblong`."""
    longer = max(box.x2 - box.x1, box.y2 - box.y1)
    across, down = (max(each, longer / oblong, least_px) for each in (box.x2 - box.x1, box.y2 - box.y1))
    x = min(max(0.0, (box.x1 + box.x2 - across) / 2), max(0.0, width - across))
    y = min(max(0.0, (box.y1 + box.y2 - down) / 2), max(0.0, height - down))
    return Box(int(x), int(y), min(width, int(x + across + 1)), min(height, int(y + down + 1)))


def _with(box: Box, object_boxes: tuple[Box, ...], size: tuple[int, int]) -> Box:
    for object_box in object_boxes:
        if overlap(box, object_box):
            box = union(box, grown(object_box, 0.15, 8, *size))
    return box


def _merge(boxes: list[Box]) -> list[Box]:
    """Join boxes that overlap so much that one inference on both costs no more than two."""
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
