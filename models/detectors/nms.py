"""Non-maximum suppression without a loop over boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MOST_BOXES = 400
"""Best-scored boxes that are compared: bounds the N x N table on a picture full of noise."""


def overlaps(first: Floats, second: Floats) -> Floats:
    """Intersection over union of every pair.

    Args:
        first: N x 4, x1 y1 x2 y2.
        second: M x 4.

    Returns:
        N x M, 0 where both boxes are empty.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    both = _areas(first)[:, None] + _areas(second)[None, :] - shared
    ratio: Floats = np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)
    return ratio


def suppress(boxes: Floats, scores: Floats, iou: float, groups: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Greedy suppression, exactly as a loop from the best box down would do it.

    A box survives if no *surviving* better box of its group overlaps it by more than `iou`. Starting from "all
    survive", that sentence is applied to all boxes at once until nothing changes; the i-th best box is settled after i
    rounds at the latest, in practice all are after two or three.

    Args:
        boxes: N x 4, x1 y1 x2 y2.
        scores: N.
        iou: Overlap above which the worse box goes.
        groups: N; boxes of different groups leave each other alone. One group unless given.

    Returns:
        Indices of the survivors, best first, at most `MOST_BOXES`.
    """
    order = np.argsort(-scores, kind="stable")[:MOST_BOXES]
    clash = np.triu(overlaps(boxes[order], boxes[order]) > iou, k=1)
    if groups is not None:
        clash &= groups[order][:, None] == groups[order][None, :]
    alive = np.ones(len(order), np.bool_)
    while True:
        now = np.logical_not(np.any(clash & alive[:, None], axis=0))
        if np.array_equal(now, alive):
            return order[alive]
        alive = now


def _areas(boxes: Floats) -> Floats:
    areas: Floats = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return areas
