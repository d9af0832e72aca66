"""Sets of sequence numbers as sorted, disjoint, closed ranges."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator

Range = tuple[int, int]


class Ranges:
    """A mutable set of integers that is cheap while it is nearly contiguous.

    >>> seen = Ranges([(1, 3)])
    >>> seen.add(5); seen.add(4); list(seen)
    [(1, 5)]
    """

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges: list[Range] = []
        for first, last in ranges:
            self.add_range(first, last)

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    def count(self) -> int:
        """How many numbers are in it. Not `__len__`: `list` and `tuple` would reserve so much memory in advance."""
        return sum(last - first + 1 for first, last in self._ranges)

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __contains__(self, number: int) -> bool:
        at = bisect.bisect_right(self._ranges, (number, float("inf"))) - 1
        return at >= 0 and self._ranges[at][0] <= number <= self._ranges[at][1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and other._ranges == self._ranges

    __hash__ = None  # type: ignore[assignment]

    def add(self, number: int) -> None:
        """Put one number in; the common case, the next one, takes constant time."""
        if self._ranges and self._ranges[-1][1] == number - 1:
            self._ranges[-1] = (self._ranges[-1][0], number)
        elif number not in self:
            self.add_range(number, number)

    def add_range(self, first: int, last: int) -> None:
        """Put `first` to `last`, both included, in.

        Raises:
            ValueError: `last` is smaller than `first`.
        """
        if last < first:
            raise ValueError(f"range {first}–{last} ends before it starts")
        start = bisect.bisect_left(self._ranges, (first, first))
        if start and self._ranges[start - 1][1] >= first - 1:
            start -= 1
        stop = start
        while stop < len(self._ranges) and self._ranges[stop][0] <= last + 1:
            first, last = min(first, self._ranges[stop][0]), max(last, self._ranges[stop][1])
            stop += 1
        self._ranges[start:stop] = [(first, last)]

    def parts(self) -> int:
        """How many separate ranges there are."""
        return len(self._ranges)

    def joins(self, first: int, last: int) -> bool:
        """Whether putting `first` to `last` in makes no further range.

        >>> Ranges([(1, 3)]).joins(4, 9), Ranges([(1, 3)]).joins(5, 9)
        (True, False)
        """
        at = bisect.bisect_right(self._ranges, (last + 1, float("inf"))) - 1
        return at >= 0 and self._ranges[at][1] >= first - 1

    def gaps(self) -> list[Range]:
        """What is missing between 1 and the largest number.

        >>> Ranges([(3, 4), (7, 7)]).gaps()
        [(1, 2), (5, 6)]
        """
        found, expected = [], 1
        for first, last in self._ranges:
            if first > expected:
                found.append((expected, first - 1))
            expected = last + 1
        return found
