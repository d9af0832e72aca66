from __future__ import annotations

import itertools
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.ranges import Ranges

SPANS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda p: (p[0], p[0] + p[1])))


@given(SPANS, st.lists(st.integers(1, 80)))
def test_ranges_are_a_set_of_numbers(spans: list[tuple[int, int]], more: list[int]) -> None:
    ranges, numbers = Ranges(spans), {n for first, last in spans for n in range(first, last + 1)}
    for number in more:
        ranges.add(number)
    numbers |= set(more)
    assert ranges.count() == len(numbers)
    assert all((n in ranges) == (n in numbers) for n in range(90))
    kept = list(ranges)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(kept))
    missing = {n for first, last in ranges.gaps() for n in range(first, last + 1)}
    assert missing == set(range(1, max(numbers, default=0) + 1)) - numbers


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        Ranges([(5, 4)])


def test_a_range_is_never_expanded() -> None:
    ranges = Ranges([(1, 2**62)])
    assert ranges.count() == 2**62
    assert (list(ranges), tuple(ranges)) == ([(1, 2**62)], ((1, 2**62),))
    assert operator.length_hint(ranges, 7) == 7, "list and tuple reserve no memory for the numbers"
