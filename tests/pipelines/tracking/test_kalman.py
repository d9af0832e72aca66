"""The box filter follows, coasts and never produces a box that cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tracking.kalman import BoxFilter
from pipelines.types import Box

START = Box(100, 100, 140, 200)


def _follow(velocity: float, observations: int, dt: float) -> BoxFilter:
    kept = BoxFilter(START)
    for i in range(1, observations + 1):
        kept.predict(dt)
        kept.correct(Box(100 + velocity * dt * i, 100, 140 + velocity * dt * i, 200))
    return kept


@pytest.mark.parametrize("dt", [0.1, 0.2, 0.25, 0.5])
@pytest.mark.parametrize("velocity", [0.0, 60.0, -200.0, 600.0])
def test_it_learns_a_steady_velocity_within_five_looks(velocity: float, dt: float) -> None:
    kept = _follow(velocity, 5, dt)
    assert kept.vx == pytest.approx(velocity, abs=0.1 * abs(velocity) + 1)
    before = kept.box
    kept.predict(dt)
    assert kept.box.x1 - before.x1 == pytest.approx(velocity * dt, abs=0.1 * abs(velocity * dt) + 1)


def test_a_fast_box_lags_less_than_a_tenth_of_its_size_after_three_looks() -> None:
    kept = _follow(500, 3, 0.2)
    assert kept.box.x1 == pytest.approx(100 + 500 * 0.6, abs=10)


def test_size_is_kept_while_nothing_is_seen() -> None:
    kept = BoxFilter(START)
    kept.predict(0.2)
    kept.correct(Box(100, 100, 120, 150))  # it shrinks at once, as at the picture's border
    width, height = kept.width, kept.height
    for _ in range(10):
        kept.predict(0.2)
    assert (kept.width, kept.height) == (width, height)


def test_velocity_fades_when_asked_and_stops_at_rest() -> None:
    kept = _follow(100, 5, 0.2)
    fast = kept.vx
    kept.fade(0.6)
    assert 0.3 * fast < kept.vx < 0.4 * fast
    kept.rest()
    assert (kept.vx, kept.vy) == (0, 0)


@given(
    st.lists(
        st.tuples(st.floats(0, 600), st.floats(0, 300), st.floats(2, 300), st.floats(2, 300), st.floats(0, 2)),
        min_size=1,
        max_size=12,
    )
)
def test_any_measurements_give_a_box_with_area_between_what_was_seen(
    seen: list[tuple[float, float, float, float, float]],
) -> None:
    kept = BoxFilter(START)
    for x, y, width, height, dt in seen:
        kept.predict(dt)
        kept.correct(Box(x, y, x + width, y + height))
    assert kept.box.area > 0
    assert min(40.0, *(row[2] for row in seen)) - 1e-6 <= kept.width <= max(40.0, *(row[2] for row in seen)) + 1e-6
