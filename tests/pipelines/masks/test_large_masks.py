from __future__ import annotations

import numpy as np
import pytest

from pipelines.masks.large_masks import LARGE, SURE_FACE, SURE_PLATE, plausible

SIZE = (640, 360)


def box(share: float) -> list[float]:
    side = (share * SIZE[0] * SIZE[1]) ** 0.5
    return [10.0, 10.0, 10.0 + side, 10.0 + side]


@pytest.mark.parametrize(
    ("share", "score", "sure", "kept"),
    [
        (0.01, 0.05, SURE_FACE, True),
        (LARGE * 0.99, 0.05, SURE_PLATE, True),
        (0.2, 0.49, SURE_FACE, False),
        (0.2, 0.51, SURE_FACE, True),
        (0.47, 0.65, SURE_PLATE, False),
        (0.47, 0.95, SURE_PLATE, True),
    ],
)
def test_large_masks_need_evidence(share: float, score: float, sure: float, kept: bool) -> None:
    boxes, scores = np.array([box(share)], np.float32), np.array([score], np.float32)
    assert plausible(boxes, scores, SIZE, sure).tolist() == [kept]


def test_nothing_found_is_nothing_kept() -> None:
    assert plausible(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), SIZE, SURE_FACE).shape == (0,)
