"""The figures of ISA-18.2, by examples that can be counted by hand."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest
from recount import AlertFacts, LogEntry, quantiles, recompute

from aggregator.domain.quality.aggregates import SLOT_NS, Aggregates, Quantiles, Source
from aggregator.domain.quality.figures import by_day, figures
from common.clock import DAY_NS, SECOND_NS

START = 20_000 * DAY_NS
SPAN = (START, START + DAY_NS)
SOURCE = Source("village", "b", "cam", "zone.entered", "yard")


def counted(*intervals: int) -> Aggregates:
    """Alerts in the first intervals of ten minutes of the day, in their second halves."""
    slots = {START // SLOT_NS + 2 * n + 1: count for n, count in enumerate(intervals)}
    return Aggregates(slots=slots, severities={"low": sum(intervals)}, sources=((SOURCE, 3),))


def test_averages_are_for_each_operator() -> None:
    found = figures(counted(8, 4), SPAN, 2, UTC)
    assert (found.a_day, found.most_in_interval) == (6.0, 4.0)
    assert found.an_interval == pytest.approx(12 / 144 / 2)
    assert found.top_share == 0.25


@pytest.mark.parametrize(
    ("intervals", "operators", "flooded", "floods"),
    [
        ((10, 10), 1, 0, 0),
        ((11, 4), 1, 1, 1),
        ((11, 5, 9, 4, 10), 1, 3, 1),
        ((11, 0, 11), 1, 2, 2),
        ((20, 21, 10, 9), 2, 2, 1),
        ((), 1, 0, 0),
    ],
)
def test_a_flood_begins_above_ten_and_ends_below_five(
    intervals: tuple[int, ...], operators: int, flooded: int, floods: int
) -> None:
    found = figures(counted(*intervals), SPAN, operators, UTC)
    assert (round(found.flood_share * 144), found.floods) == (flooded, floods)


def test_days_are_local_and_empty_ones_are_shown() -> None:
    slots = {START // SLOT_NS + 12 * 15: 1, START // SLOT_NS + 12 * 17: 2}  # 23:00 and 01:00 in Shanghai
    days = by_day(slots, (START, START + 2 * DAY_NS), ZoneInfo("Asia/Shanghai"))
    assert list(days.values()) == [1, 2, 0]
    assert min(days) == date(2024, 10, 4)


def test_a_zone_with_quarter_hours_divides_the_day_exactly() -> None:
    midnight = START // SLOT_NS + (24 * 60 - 345) // 5  # 18:15 UTC
    days = by_day({midnight - 1: 1, midnight: 2}, SPAN, ZoneInfo("Asia/Kathmandu"))
    assert list(days.values()) == [1, 2]


def test_percentiles_are_nearest_ranks() -> None:
    assert quantiles([7]) == Quantiles(1, 7, 7)
    assert quantiles(range(1, 11)) == Quantiles(10, 5, 9)


def entry(action: str, at: int, via: str = "system", alert: str = "a") -> LogEntry:
    return LogEntry(alert, START + at * SECOND_NS, action, via)


FACTS = (AlertFacts("a", SOURCE, "high", START + SECOND_NS),)


def test_the_log_tells_response_times_of_people() -> None:
    log = [
        entry("opened", 1), entry("acknowledged", 5, "system"), entry("acknowledged", 31, "link"),
        entry("realarmed", 40), entry("acknowledged", 50, "dashboard"), entry("closed", 61, "api"),
        entry("reopened", 70, "api"), entry("closed", 90),
    ]  # fmt: skip
    found = recompute(FACTS, log, SPAN, SPAN[1])
    assert found.to_acknowledge == {"high": Quantiles(1, 30 * SECOND_NS, 30 * SECOND_NS)}
    assert found.to_close == {"high": Quantiles(1, 60 * SECOND_NS, 60 * SECOND_NS)}


def test_what_was_hidden_from_the_start_does_not_count() -> None:
    hidden = [entry("opened", 1), entry("suppressed", 1)]
    later = [entry("opened", 1), entry("suppressed", 2), entry("marked", 3)]
    assert recompute(FACTS, hidden, SPAN, SPAN[1]).total == 0
    assert recompute(FACTS, later, SPAN, SPAN[1]).total == 1
    assert recompute(FACTS, later, SPAN, SPAN[1]).chattering == 1
    assert recompute(FACTS, later, (SPAN[1], SPAN[1] + 1), SPAN[1]).total == 0


@pytest.mark.parametrize(
    ("actions", "stale"),
    [
        ((), 1), (("ended",), 0), (("ended", "resumed"), 1), (("closed",), 0), (("closed", "reopened"), 1),
        (("joined",), 0), (("acknowledged",), 1),
    ],
)  # fmt: skip
def test_stale_is_active_for_more_than_a_day(actions: tuple[str, ...], stale: int) -> None:
    log = [entry("opened", 1), *(entry(action, n) for n, action in enumerate(actions, 2))]
    assert recompute(FACTS, log, SPAN, START + DAY_NS + 2 * SECOND_NS).stale == stale
    assert recompute(FACTS, log, SPAN, START + DAY_NS + SECOND_NS).stale == 0
