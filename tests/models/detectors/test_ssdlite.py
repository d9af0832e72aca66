"""Weak scores of persons, which empty ground has, count for less; vehicles keep theirs. A group is no person."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.ssdlite import PERSON, calibrated, groups_of_persons
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


PAIR = [(20, 20, 40, 80), (100, 20, 120, 80)]


@pytest.mark.parametrize(
    ("box", "kind", "others", "kinds", "group"),
    [
        ((0, 0, 200, 100), 0, PAIR, [0, 0], True),
        ((0, 0, 200, 100), 0, PAIR[:1], [0], False),  # it may be one person with a bag
        ((0, 0, 200, 100), 0, PAIR, [0, 1], False),  # a person and a bicycle in it
        ((0, 0, 200, 100), 0, [], [], False),  # somebody lies there
        ((0, 0, 120, 100), 0, PAIR, [0, 0], False),  # as high as wide: somebody close by
        ((0, 0, 200, 100), 2, PAIR, [0, 0], False),  # a car with people before it
        ((0, 0, 200, 100), 0, [(0, 0, 190, 90), (5, 5, 195, 95)], [0, 0], False),  # doubles of one
    ],
)
def test_a_wide_box_around_several_persons_is_no_person(
    box: tuple[int, ...], kind: int, others: list[tuple[int, ...]], kinds: list[int], group: bool
) -> None:
    boxes = np.array([box, *others], np.float32)
    found = groups_of_persons(boxes, np.array([kind, *kinds]))
    assert found.tolist() == [group] + [False] * len(others)


def test_no_boxes_hold_no_groups() -> None:
    assert groups_of_persons(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)).shape == (0,)
