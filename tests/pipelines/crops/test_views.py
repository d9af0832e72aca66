"""Crops and views: what the detector is shown, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_kit import SIZE, detections

from pipelines.crops.crop_planner import INPUT_AREA, MAX_CROPS, OBLONG, plan, second_opinion_views
from pipelines.crops.crop_view import CropView
from pipelines.types import Box

WIDTH, HEIGHT = SIZE


@st.composite
def boxes(draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT, least: int = 4) -> Box:
    x1, y1 = draw(st.integers(0, width - least)), draw(st.integers(0, height - least))
    return Box(x1, y1, draw(st.integers(x1 + least, width)), draw(st.integers(y1 + least, height)))


def _fraction(box: Box) -> Box:
    return Box(box.x1 / WIDTH, box.y1 / HEIGHT, box.x2 / WIDTH, box.y2 / HEIGHT)


@given(boxes(least=16), boxes(least=2), st.sampled_from([0, 1, 3]))
def test_what_is_marked_in_a_crop_comes_back_to_where_it_was(part: Box, thing: Box, turns: int) -> None:
    x1, y1 = max(part.x1, thing.x1), max(part.y1, thing.y1)
    x2, y2 = min(part.x2, thing.x2), min(part.y2, thing.y2)
    if x2 <= x1 or y2 <= y1:
        return
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[int(y1) : int(y2), int(x1) : int(x2)] = 255
    view = CropView(part, (64, 64), turns)
    rows, columns = np.nonzero(view.crop(picture)[:, :, 0])
    seen = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    back = view.back(detections((seen, 0.9, "car"))).boxes[0].tolist()
    assert back == pytest.approx([x1, y1, x2, y2])


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        (Box(10, 10, 50, 50), True),
        (Box(0, 10, 50, 50), False),
        (Box(10, 0, 50, 50), True),  # that border is the picture's own
        (Box(10, 10, 100, 50), False),
        (Box(10, 50, 50, 99), False),
    ],
)
def test_what_a_crop_cuts_off_is_dropped(seen: Box, kept: bool) -> None:
    view = CropView(Box(100, 0, 200, 100), (64, 64), cut=(True, False, True, True))
    assert len(view.back(detections((seen, 0.9, "car")))) == kept


@given(st.lists(boxes(), min_size=1, max_size=6), st.lists(boxes(), max_size=4))
def test_every_region_and_every_thing_it_touches_is_inside_a_view(regions: list[Box], things: list[Box]) -> None:
    views = plan(tuple(map(_fraction, regions)), tuple(things), SIZE, 416)
    assert 1 <= len(views) <= MAX_CROPS
    for region in regions:
        touched = [t for t in things if t.x1 < region.x2 and region.x1 < t.x2 and t.y1 < region.y2 and region.y1 < t.y2]
        assert any(all(_inside(box, view.box) for box in (region, *touched)) for view in views)
    for view in views:
        assert 0 <= view.box.x1 < view.box.x2 <= WIDTH
        assert 0 <= view.box.y1 < view.box.y2 <= HEIGHT
        assert all(side % 32 == 0 and side > 0 for side in view.input_px)


def _inside(box: Box, view: Box) -> bool:
    return view.x1 <= box.x1 + 1 and view.y1 <= box.y1 + 1 and view.x2 >= box.x2 - 1 and view.y2 >= box.y2 - 1


def test_a_small_thing_is_enlarged_and_a_large_one_is_not() -> None:
    (small,) = plan((_fraction(Box(300, 100, 330, 160)),), (), SIZE, 416)
    (large,) = plan((_fraction(Box(200, 20, 340, 350)),), (), SIZE, 416)
    assert small.input_px[0] / (small.box.x2 - small.box.x1) > 1.5
    assert large.input_px[0] / (large.box.x2 - large.box.x1) < 0.8


@pytest.mark.parametrize(
    ("velocity", "turns"),
    [((80.0, 10.0), 1), ((-80.0, 10.0), 3), ((5.0, -90.0), 0), ((5.0, 90.0), 0), ((0.0, 0.0), 0)],
)
def test_a_doubtful_thing_is_turned_so_that_it_drives_away(velocity: tuple[float, float], turns: int) -> None:
    views = second_opinion_views(Box(300, 150, 360, 190), velocity, 0, SIZE)
    assert {view.rotations for view in views} == {turns}


def test_turned_to_drive_away_means_heading_up() -> None:
    """What moves to the right has its front at the right; in the crop that is shown, the front is at the top."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[150:190, 350:360] = 255  # the front
    for velocity, shown in (((80.0, 0.0), picture), ((-80.0, 0.0), picture[:, ::-1])):
        x1 = 300 if velocity[0] > 0 else WIDTH - 360
        view = second_opinion_views(Box(x1, 150, x1 + 60, 190), velocity, 0, SIZE)[0]
        rows = np.nonzero(view.crop(np.ascontiguousarray(shown))[:, :, 0])[0]
        assert rows.mean() < view.crop(picture).shape[0] / 2


@given(boxes(), st.integers(0, 5))
def test_opinions_stay_inside_the_picture(box: Box, turn: int) -> None:
    for view in second_opinion_views(box, (10.0, 0.0), turn, SIZE):
        assert 0 <= view.box.x1 < view.box.x2 <= WIDTH
        assert 0 <= view.box.y1 < view.box.y2 <= HEIGHT


@given(st.lists(boxes(), min_size=1, max_size=6), st.lists(boxes(), max_size=4))
def test_all_views_of_a_look_share_one_budget(regions: list[Box], things: list[Box]) -> None:
    views = plan(tuple(map(_fraction, regions)), tuple(things), SIZE, 416)
    sides = [view.input_px for view in views]
    rounded = 64**2 + sum(16 * (across + down) for across, down in sides)  # sides are whole steps of 32
    assert sum(across * down for across, down in sides) <= INPUT_AREA * 416**2 + rounded


def test_a_tall_figure_is_shown_in_a_tall_crop() -> None:
    (view,) = plan((_fraction(Box(200, 20, 260, 300)),), (), SIZE, 416)
    across, down = view.box.x2 - view.box.x1, view.box.y2 - view.box.y1
    assert down / across == pytest.approx(OBLONG, rel=0.05)
