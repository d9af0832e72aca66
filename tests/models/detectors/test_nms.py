from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.detectors.nms import MOST_BOXES, Floats, overlaps, suppress


def by_loop(boxes: Floats, scores: Floats, iou: float, groups: list[int]) -> list[int]:
    """The textbook's loop, as the reference."""
    stored_files: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        rivals = [j for j in stored_files if groups[j] == groups[i]]
        if not any(overlaps(boxes[[j]], boxes[[i]])[0, 0] > iou for j in rivals):
            stored_files.append(int(i))
    return stored_files


@given(
    st.lists(
        st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(0, 12)] * 2, st.integers(0, 9), st.integers(0, 2)),
        max_size=40,
    ),
    st.sampled_from([0.0, 0.3, 0.5, 0.9]),
)
def test_it_keeps_what_the_loop_keeps(rows: list[tuple[int, ...]], iou: float) -> None:
    table = np.array(rows, np.float32).reshape(-1, 6)
    boxes = np.hstack([table[:, :2], table[:, :2] + table[:, 2:4]])
    groups = table[:, 5].astype(np.int64)
    found = suppress(boxes, table[:, 4], iou, groups)
    assert found.tolist() == by_loop(boxes, table[:, 4], iou, groups.tolist())


def test_overlaps_by_hand() -> None:
    first = np.array([[0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    second = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [5, 5, 5, 5]], np.float32)
    expected = np.array([[1, 1 / 3, 0, 0], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(overlaps(first, second), expected, rtol=1e-6)


def test_a_flood_of_boxes_is_bounded() -> None:
    corners = np.arange(3000, dtype=np.float32)[:, None] * 20
    boxes = np.hstack([corners, corners, corners + 10, corners + 10])
    scores = np.linspace(0, 1, 3000, dtype=np.float32)
    kept = suppress(boxes, scores, 0.5)
    assert len(kept) == MOST_BOXES
    assert kept[0] == 2999


def test_nothing_stays_nothing() -> None:
    assert suppress(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.5).shape == (0,)
