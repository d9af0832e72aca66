from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quiet_kit import MINUTE_NS, NOW_NS

from aggregator.domain.quiet.flood import ENDS_BELOW, STARTS_ABOVE, Flood, flood_at
from common.clock import SECOND_NS


def opened(count: int, every_s: int = 1, from_ns: int = NOW_NS) -> list[int]:
    return [from_ns + number * every_s * SECOND_NS for number in range(count)]


@pytest.mark.parametrize(
    ("count", "operators", "active"),
    [(0, 1, False), (10, 1, False), (11, 1, True), (20, 2, False), (21, 2, True), (11, 0, True), (30, 3, False)],
)
def test_a_flood_begins_above_ten_in_ten_minutes_for_each_operator(count: int, operators: int, active: bool) -> None:
    found = flood_at(opened(count), NOW_NS + MINUTE_NS, operators)
    assert (found.active, found.recent) == (active, count)


def test_a_flood_ends_below_five_and_not_before() -> None:
    burst = opened(11)  # the last one 10 s after the first
    assert flood_at(burst, NOW_NS + 10 * SECOND_NS) == Flood(True, NOW_NS + 10 * SECOND_NS, 11, 1)
    half = NOW_NS + 10 * MINUTE_NS + 5 * SECOND_NS  # six have dropped out
    assert flood_at(burst, half) == Flood(True, NOW_NS + 10 * SECOND_NS, 5, 1)
    assert flood_at(burst, half + SECOND_NS) == Flood(False, None, 4, 1)


def test_between_five_and_ten_it_stays_what_it_was() -> None:
    seven = opened(60, every_s=80)  # 7.5 in 10 minutes
    end_ns = seven[-1]
    assert not flood_at(seven, end_ns).active
    assert flood_at([*opened(12), *seven], end_ns).active


def test_ten_a_minute_apart_are_no_flood_and_neither_is_the_future() -> None:
    assert not flood_at(opened(500, every_s=60), NOW_NS + 500 * MINUTE_NS).active
    assert flood_at(opened(100, from_ns=NOW_NS + 1), NOW_NS) == Flood(False, None, 0, 1)


@given(st.lists(st.integers(0, 7200), max_size=80), st.integers(0, 9000), st.integers(1, 3))
def test_the_state_follows_from_the_two_limits(seconds: list[int], now_s: int, operators: int) -> None:
    """Against a direct simulation, second by second."""
    active = False
    for moment in range(now_s + 1):
        for added in [it for it in seconds if it == moment]:
            seen = sum(moment - 600 < it < added for it in seconds) + sum(it == added for it in seconds)
            active = active or seen > STARTS_ABOVE * operators
        recent = sum(moment - 600 < it <= moment for it in seconds)
        dropped = any(it == moment - 600 for it in seconds)
        if dropped and sum(moment - 600 < it < moment for it in seconds) < ENDS_BELOW * operators:
            active = recent > STARTS_ABOVE * operators
    found = flood_at([NOW_NS + it * SECOND_NS for it in seconds], NOW_NS + now_s * SECOND_NS, operators)
    assert (found.active, found.recent) == (active, sum(now_s - 600 < it <= now_s for it in seconds))
