"""A value that is read again at most every few seconds."""

from __future__ import annotations

import pytest

from common.clock import SECOND_NS, FakeClock
from common.errors import StoreError
from common.running.fresh_value import FRESH_NS, FreshValue


def test_it_is_read_again_only_when_it_is_old() -> None:
    clock, numbers = FakeClock(), iter(range(10))
    value = FreshValue(lambda: next(numbers), clock)
    assert (value.get(), value.get()) == (0, 0)
    clock.advance(FRESH_NS / SECOND_NS - 0.1)
    assert value.get() == 0
    clock.advance(0.1)
    assert value.get() == 1


def test_after_a_failure_the_next_call_reads_again() -> None:
    answers: list[int | Exception] = [7, StoreError("away")]

    def read() -> int:
        answer = answers.pop()
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = FreshValue(read, FakeClock())
    with pytest.raises(StoreError):
        value.get()
    assert value.get() == 7
