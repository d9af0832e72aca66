"""Large masks need evidence: a wrong one hides what a picture is for.

Source of the limits: on eight clips a finder of plates called up to half of a picture without any vehicle a plate, with
scores of 0.3 to 0.65. Real plates and faces of that size have higher ones, since nothing about them is doubtful.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGE = 0.067
"""Share of the picture from which on a detection is large: with its margin it hides 15 % of it."""
GIANT = 0.15
"""Share of the picture that no mask grows beyond."""
SURE_FACE, SURE_PLATE = 0.5, 0.9
"""A large one counts from this score on. Faces need less: an open one is worse than a mask too many."""


def plausible(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], size: tuple[int, int], min_score: float
) -> NDArray[np.bool_]:
    """Which detections may become masks.

    Args:
        boxes: N x 4, pixels.
        scores: N.
        size: Width and height of the picture, pixels.
        min_score: `SURE_FACE` or `SURE_PLATE`.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    small: NDArray[np.bool_] = areas <= LARGE * size[0] * size[1]
    return small | (scores >= min_score)
