"""What is covered between, before and after detections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.masks.temporal_mask_interpolation import Boxes, Masks, Spans, changed, joined
from pipelines.types import Box

SPANS = Spans(before=5, after=6, gap=10, drift=0.05)
FRAMES = 40


def boxes(*rows: Box) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def inside(inner: Box, outers: list[Box]) -> bool:
    """Whether some pixel of a grid over `inner` lies under none of the others."""
    xs, ys = np.linspace(inner.x1, inner.x2, 9), np.linspace(inner.y1, inner.y2, 9)
    return all(any(o.x1 <= x <= o.x2 and o.y1 <= y <= o.y2 for o in outers) for x in xs for y in ys)


def two_pass(looks: dict[int, list[Box]], spans: Spans = SPANS, frames: int = FRAMES) -> dict[int, list[Box]]:
    masks, known, covered = Masks(spans), 0, {}
    for frame in range(frames):
        while known <= min(frames - 1, frame + spans.ahead):
            if known in looks:
                masks.add(known, boxes(*looks[known]))
            known += 1
        covered[frame] = masks.at(frame)
    return covered


sides = st.floats(8, 60)
places = st.floats(0, 500)


@st.composite
def a_box(draw: st.DrawFn) -> Box:
    x, y = draw(places), draw(places)
    return Box(x, y, x + draw(sides), y + draw(sides))


looks_of_many = st.dictionaries(st.integers(0, FRAMES - 1), st.lists(a_box(), max_size=5), max_size=20)


@given(looks_of_many)
def test_every_detection_is_covered_in_its_own_frame(looks: dict[int, list[Box]]) -> None:
    covered = two_pass(looks)
    for frame, found in looks.items():
        assert all(inside(box, covered[frame]) for box in found)


@given(looks_of_many)
def test_a_first_detection_covers_the_frames_before_and_a_last_one_those_after(looks: dict[int, list[Box]]) -> None:
    covered = two_pass(looks)
    if not any(looks.values()):
        assert not any(covered.values())
        return
    first, last = min(f for f in looks if looks[f]), max(f for f in looks if looks[f])
    for frame in range(max(0, first - SPANS.before), first):
        assert all(inside(box, covered[frame]) for box in looks[first])
    for frame in range(last, min(FRAMES, last + SPANS.after + 1)):
        assert all(inside(box, covered[frame]) for box in looks[last])


@given(st.integers(1, SPANS.gap), st.floats(-9, 9), st.floats(-9, 9), a_box(), st.integers(2, 4))
def test_between_linked_detections_every_frame_is_covered_along_the_way(
    step: int, dx: float, dy: float, box: Box, looks: int
) -> None:
    def at(frame: int) -> Box:
        share = frame / step
        return Box(box.x1 + dx * share, box.y1 + dy * share, box.x2 + dx * share, box.y2 + dy * share)

    covered = two_pass({number * step: [at(number * step)] for number in range(looks)})
    for frame in range(step * (looks - 1) + 1):
        assert inside(at(frame), covered[frame]), frame


def test_somebody_who_walks_fast_is_covered_between_looks_and_before_the_first() -> None:
    def at(frame: int) -> Box:
        return Box(100 + 6 * frame, 50, 130 + 6 * frame, 90)

    covered = two_pass({frame: [at(frame)] for frame in range(10, 31, 4)})
    for frame in range(10 - SPANS.before, 31 + SPANS.after):
        assert inside(at(frame), covered[frame]), frame
    assert not covered[10 - SPANS.before - 1]


def test_what_is_too_far_apart_is_not_linked_and_reach_is_bounded() -> None:
    here = Box(100, 100, 120, 120)
    covered = two_pass({0: [here], 30: [here]})
    bare = [frame for frame in range(FRAMES) if not covered[frame]]
    assert bare == [*range(SPANS.after + 1, 30 - SPANS.before), *range(30 + SPANS.after + 1, FRAMES)]


def test_a_doubtful_box_is_covered_and_linked_but_reaches_no_further() -> None:
    masks = Masks(SPANS)
    box = boxes(Box(10, 10, 30, 30))
    weak, strong = np.array([0.2], np.float32), np.array([0.9], np.float32)
    masks.add(6, box, weak)
    masks.add(9, box, weak)
    assert [bool(masks.at(frame)) for frame in range(12)] == [False] * 6 + [True] * 4 + [False] * 2
    both = Masks(SPANS)
    both.add(6, box, weak)
    both.add(9, box, strong)
    assert [bool(both.at(frame)) for frame in range(18)] == [False] + [True] * 15 + [False] * 2


def test_live_keeps_a_box_for_a_while_and_forgets_it() -> None:
    masks = Masks(Spans(0, 6, 6, 0.05))
    seen = []
    for frame in range(20):
        masks.add(frame, boxes(Box(10, 10, 30, 30)) if frame in (3, 5) else boxes())
        seen.append(bool(masks.at(frame)))
    assert seen == [False] * 3 + [True] * 9 + [False] * 8


def test_two_faces_that_pass_each_other_are_both_covered() -> None:
    def left(frame: int) -> Box:
        return Box(100 + 4 * frame, 50, 130 + 4 * frame, 90)

    def right(frame: int) -> Box:
        return Box(220 - 4 * frame, 52, 250 - 4 * frame, 92)

    covered = two_pass({frame: [left(frame), right(frame)] for frame in range(0, FRAMES, 3)})
    for frame in range(FRAMES):
        assert inside(left(frame), covered[frame]), frame
        assert inside(right(frame), covered[frame]), frame


def test_memory_does_not_grow() -> None:
    masks = Masks(SPANS)
    for frame in range(2000):
        masks.add(frame, boxes(Box(frame % 300, 10, frame % 300 + 20, 30)))
        masks.at(max(0, frame - SPANS.ahead))
    assert len(masks._stretches) < 60
    assert len(masks._tails) < 20


@given(st.lists(a_box(), max_size=12))
def test_joining_never_uncovers(many: list[Box]) -> None:
    fewer = joined(many)
    assert len(fewer) <= len(many)
    assert all(inside(box, fewer) for box in many)


@pytest.mark.parametrize(("size", "levels", "told"), [(3, 60, True), (1, 40, False), (0, 0, False), (40, 20, True)])
def test_a_change_of_a_few_small_pixels_is_seen_and_a_grain_is_not(size: int, levels: int, told: bool) -> None:
    before = np.full((90, 160), 100, np.uint8)
    now = before.copy()
    now[40 : 40 + size, 60 : 60 + size] += np.uint8(levels)
    assert changed(before, now) is told
    assert changed(before, np.zeros((0, 0), np.uint8))


def test_no_box_grows_beyond_the_bound_and_a_larger_detection_keeps_its_margin() -> None:
    masks, bound = Masks(SPANS._replace(drift=0.2)), 0.15 * 640 * 480
    small, large = Box(100, 100, 200, 220), Box(300, 50, 560, 400)
    masks.add(0, boxes(small, large))
    for frame in (0, 3, 6):
        first, second = sorted(masks.at(frame, bound), key=lambda it: it.area)
        assert first.area <= bound + 1
        assert inside(small, [first])
        assert second.area == pytest.approx(1.5 * 260 * 1.5 * 350)
    assert max(it.area for it in masks.at(6)) > bound  # the control
    grown, plain = masks.at(6, bound)[1], masks.at(0, bound)[1]
    assert grown.area > plain.area


def test_boxes_are_not_joined_beyond_the_bound() -> None:
    pair = [Box(0, 0, 100, 100), Box(10, 0, 110, 100)]
    assert joined(pair) == [Box(0, 0, 110, 100)]
    assert joined(pair, 10_500) == pair
    assert joined([pair[0], Box(10, 10, 20, 20)], 5_000) == [pair[0]]
