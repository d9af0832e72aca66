"""CenterFace's scores mean what YuNet's mean, and doubtful boxes are small."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.centerface import believable, calibrated


@pytest.mark.parametrize(
    ("raw", "expected"), [(0.0, 0.0), (0.04, 0.2), (0.1, 0.35), (0.3, 0.425), (0.5, 0.5), (0.9, 0.9), (1.0, 1.0)]
)
def test_scores_are_calibrated(raw: float, expected: float) -> None:
    assert calibrated(np.array([raw], np.float32)).tolist() == pytest.approx([expected], abs=1e-6)


def test_calibration_keeps_the_order() -> None:
    scores = calibrated(np.linspace(0, 1, 101, dtype=np.float32))
    assert bool((np.diff(scores) > 0).all())
    assert scores.dtype == np.float32


@pytest.mark.parametrize(("side", "score", "kept"), [(20, 0.2, True), (60, 0.2, False), (60, 0.36, True)])
def test_doubtful_faces_are_small(side: int, score: float, kept: bool) -> None:
    boxes, scores = np.array([[5, 5, 5 + side, 5 + side]], np.float32), np.array([score], np.float32)
    assert believable(boxes, scores, 640 * 480).tolist() == [kept]
