from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ContractError
from protocol.identifiers import check_name, from_rfc3339, is_uuid7, to_rfc3339, uuid7

TIMES = st.integers(min_value=0, max_value=4_000_000_000_000_000_000)


@given(TIMES)
def test_a_time_survives_being_written(time_ns: int) -> None:
    assert from_rfc3339(to_rfc3339(time_ns)) == time_ns


@given(TIMES, st.binary(min_size=10, max_size=10))
def test_a_uuid7_says_its_time_version_and_variant(time_ns: int, random: bytes) -> None:
    value = uuid.UUID(uuid7(time_ns, random))
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == time_ns // 1_000_000
    assert is_uuid7(str(value))


@given(st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] // 10**6 < pair[1] // 10**6))
def test_uuid7s_sort_by_time(pair: tuple[int, int]) -> None:
    assert uuid7(pair[0], b"\xff" * 10) < uuid7(pair[1], bytes(10))


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01.5z", 1_500_000_000),
        ("1970-01-01T00:00:00.000000001+00:00", 1),
    ],
)
def test_forms_that_rfc3339_allows(text: str, time_ns: int) -> None:
    assert from_rfc3339(text) == time_ns


@pytest.mark.parametrize("text", ["", "a/b", "a+b", "#", "a b", "a" * 65, "é"])
def test_a_name_that_no_topic_may_hold(text: str) -> None:
    with pytest.raises(ContractError, match="box"):
        check_name(text, "box")
