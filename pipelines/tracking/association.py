"""Which blob belongs to which track.

Blobs are outlines of change, not of objects: one vehicle may fall apart into two of them, two vehicles may flow
together into one, and what enters the picture grows. All three are undone here with what the tracks already know.
"""

from __future__ import annotations

from collections.abc import Sequence

import lap
import numpy as np
from numpy.typing import NDArray

from pipelines.geometry import Boxes, iou_matrix, shared_area
from pipelines.types import Box

BUFFER = 0.35
"""Boxes are grown by this share before they are matched."""
WITHIN = 0.6
"""A blob with this share of its area inside a track's box may be a fragment of that thing."""
PART = 0.5
"""A track with this share of its area inside a blob may be a part of it."""
LARGER = 1.4
"""A blob that two tracks are part of has flowed together if it is this many times as large as either."""
INSIDE_WORTH = 0.6
"""What "one box lies in the other" is worth as a match, in units of IoU: what enters the picture grows."""


def assign(cost: Boxes, limit: float) -> list[int]:
    """For each row the column that it is matched with, or -1 (R. Jonker & A. Volgenant, Computing 38, 1987)."""
    _, rows, _ = lap.lapjv(cost, extend_cost=True, cost_limit=limit)
    return [int(column) for column in rows]


def stack(boxes: Sequence[Box]) -> Boxes:
    """N x 4 float32."""
    return np.array(boxes, np.float32).reshape(-1, 4)


def whole(blobs: Sequence[Box], object_boxes: Sequence[Box]) -> list[Box]:
    """Join the fragments of one thing.

    Args:
        blobs: By the gate, pixels.
        object_boxes: Where tracks should be now, pixels.

    Returns:
        Blobs, in which fragments that lie in one thing are replaced by the box around them, if that box resembles
        the thing more than any of them.
    """
    left = list(blobs)
    if len(left) < 2:
        return left
    for object_box in object_boxes:
        inside = [blob for blob in left if shared_area(blob, object_box) >= WITHIN * blob.area]
        if len(inside) < 2:
            continue
        around = Box(
            min(b.x1 for b in inside), min(b.y1 for b in inside), max(b.x2 for b in inside), max(b.y2 for b in inside)
        )
        if _iou(around, object_box) > max(_iou(blob, object_box) for blob in inside):
            left = [blob for blob in left if blob not in inside] + [around]
    return left


def is_merged(blob: Box, object_boxes: Sequence[Box]) -> bool:
    """Whether a blob is several known things at once."""
    parts = [object_box for object_box in object_boxes if shared_area(object_box, blob) >= PART * object_box.area]
    apart = [a for i, a in enumerate(parts) if all(_iou(a, b) < 0.5 for b in parts[:i])]
    return len(apart) >= 2 and blob.area > LARGER * max(object_box.area for object_box in apart)


def blob_cost(object_boxes: Boxes, blobs: Boxes, is_growing: NDArray[np.bool_]) -> Boxes:
    """N x M cost of calling a blob a thing.

    Args:
        object_boxes: N x 4, where tracks should be now.
        blobs: M x 4.
        is_growing: N x M; one of the two touches the picture's border, or the thing is new: it may show more of itself.
    """
    cost = 1 - iou_matrix(object_boxes, blobs, BUFFER)
    top_left = np.maximum(object_boxes[:, None, :2], blobs[None, :, :2])
    size = np.minimum(object_boxes[:, None, 2:], blobs[None, :, 2:]) - top_left
    shared = np.prod(np.clip(size, 0, None), axis=2)
    smaller = np.minimum(_area(object_boxes)[:, None], _area(blobs)[None, :])
    inside = np.where(is_growing, INSIDE_WORTH * shared / np.maximum(smaller, 1.0), 0.0)
    best: Boxes = np.minimum(cost, 1 - inside).astype(np.float32)
    return best


def alike(object_boxes: Boxes, blobs: Boxes) -> NDArray[np.bool_]:
    """N x M: pairs of about the same size."""
    ratio = _area(blobs)[None, :] / np.maximum(_area(object_boxes)[:, None], 1.0)
    same: NDArray[np.bool_] = (ratio > 0.4) & (ratio < 2.0)
    return same


def _area(boxes: Boxes) -> Boxes:
    area: Boxes = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return area


def _iou(a: Box, b: Box) -> float:
    shared = shared_area(a, b)
    return shared / max(a.area + b.area - shared, 1e-9)
