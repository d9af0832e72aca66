from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quiet_kit import MINUTE_NS, NOW_NS

from aggregator.domain.quiet.chattering import ChatteringDetector, is_calm
from common.clock import SECOND_NS


@pytest.mark.parametrize(
    ("seconds", "chatters"),
    [
        ([0], False),
        ([0, 1], False),
        ([0, 30, 60], True),
        ([0, 30, 61], False),
        ([60, 0, 30], True),
        ([0, 100, 130, 150], True),
        ([0, 40, 80, 120], False),
        ([0, 0, 0], True),
    ],
)
def test_three_activations_within_a_minute_are_chattering(seconds: list[int], chatters: bool) -> None:
    detector = ChatteringDetector()
    marks = [detector.activated("a", NOW_NS + it * SECOND_NS) for it in seconds]
    assert marks[-1] is chatters


def test_each_alert_chatters_by_itself() -> None:
    detector = ChatteringDetector()
    assert not any(detector.activated(str(number), NOW_NS) for number in range(100))


@given(st.lists(st.integers(0, 30), max_size=200))
def test_memory_is_bounded(names: list[int]) -> None:
    detector = ChatteringDetector(most=5)
    for number in names:
        detector.activated(str(number), NOW_NS)
        assert len(detector) <= 5


def test_the_mark_stays_until_ten_calm_minutes() -> None:
    assert not is_calm(NOW_NS, NOW_NS + 10 * MINUTE_NS - 1)
    assert is_calm(NOW_NS, NOW_NS + 10 * MINUTE_NS)
