"""Scores of persons are calibrated: weak ones, which empty ground has, count for less; vehicles keep theirs."""

from __future__ import annotations

import numpy as np
import pytest

from models.ssdlite import PERSON, calibrated
from pipelines.types import CLASSES


@pytest.mark.parametrize(("raw", "expected"), [(0.0, 0.0), (0.15, 0.05), (0.3, 0.2), (0.6, 0.5), (1.0, 1.0)])
def test_weak_persons_count_for_less(raw: float, expected: float) -> None:
    assert CLASSES[PERSON] == "person"
    assert calibrated(np.array([raw], np.float32), np.array([PERSON])).tolist() == pytest.approx([expected])


def test_vehicles_keep_their_scores() -> None:
    scores, classes = np.full(5, 0.25, np.float32), np.arange(1, 6)
    assert calibrated(scores, classes).tolist() == scores.tolist()


def test_no_score_rises_and_the_order_stays() -> None:
    raw = np.linspace(0, 1, 101, dtype=np.float32)
    found = calibrated(raw, np.zeros(101, np.int64))
    assert bool((found <= raw + 1e-6).all())
    assert bool((np.diff(found) > 0).all())
