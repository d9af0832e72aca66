"""The figures of ISA-18.2 (IEC 62682) from the counts of alerts. Pure.

The limits are those of ISA-18.2-2016, table 7 (also EEMUA 191), as commonly quoted: 150 alarms a day and one in ten
minutes for each operator are acceptable, 300 and two are the most that can be managed; a flood is more than ten in ten
minutes and ends below five; a flood lasts less than 1 % of the time; at most 5 % of alarms have the highest priority;
the ten most frequent sources make at most 5 % of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from aggregator.domain.quality.aggregates import SLOT_NS, Aggregates
from aggregator.domain.quiet.flood import ENDS_BELOW, STARTS_ABOVE
from common.clock import DAY_NS, local_time

INTERVAL_NS = 2 * SLOT_NS
"""Ten minutes."""
ACCEPTABLE_A_DAY, MOST_A_DAY = 150, 300
ACCEPTABLE_AN_INTERVAL = 1.0
MOST_FLOOD_SHARE, MOST_CRITICAL_SHARE = 0.01, 0.05
MOST_OPERATORS = 100
MOST_DAYS = 366
"""Longest span that is counted."""


@dataclass(frozen=True)
class Figures:
    """What the page shows of a span. Shares are from 0 to 1.

    Attributes:
        days: Local day → alerts opened.
        a_day: Alerts for each operator and 24 hours.
        an_interval: Alerts for each operator and ten minutes, on average; `most_in_interval` is the most of them.
        flood_share: Share of the intervals in a flood; `floods` is how many floods there were.
        top_share: Share of the most frequent sources.
    """

    days: Mapping[date, int]
    a_day: float
    an_interval: float
    most_in_interval: float
    flood_share: float
    floods: int
    top_share: float


def figures(counted: Aggregates, span: tuple[int, int], operators: int, zone: tzinfo) -> Figures:
    """The figures of a span.

    Args:
        counted: Its alerts.
        span: From and to, UTC nanoseconds.
        operators: How many people share the alerts, 1 at least.
        zone: Of the local days.
    """
    first, last = span[0] // INTERVAL_NS, -(-span[1] // INTERVAL_NS)
    intervals = [counted.slots.get(2 * it, 0) + counted.slots.get(2 * it + 1, 0) for it in range(first, last)]
    flooded, floods = _floods(intervals, operators)
    days = max((span[1] - span[0]) / DAY_NS, 1e-9)
    total = counted.total
    number = max(len(intervals), 1)
    return Figures(
        days=by_day(counted.slots, span, zone),
        a_day=total / days / operators,
        an_interval=total / number / operators,
        most_in_interval=max(intervals, default=0) / operators,
        flood_share=flooded / number,
        floods=floods,
        top_share=sum(count for _, count in counted.sources) / total if total else 0.0,
    )


def by_day(slots: Mapping[int, int], span: tuple[int, int], zone: tzinfo) -> dict[date, int]:
    """Local day → alerts, with the days that have none."""
    day, end = _day(span[0], zone), _day(max(span[1] - 1, span[0]), zone)
    days: dict[date, int] = {}
    while day <= end:
        days[day] = 0
        day += timedelta(days=1)
    for slot, count in slots.items():
        there = _day(slot * SLOT_NS, zone)
        days[there] = days.get(there, 0) + count
    return dict(sorted(days.items()))


def _day(time_ns: int, zone: tzinfo) -> date:
    return local_time(time_ns, zone).date()


def _floods(intervals: list[int], operators: int) -> tuple[int, int]:
    """Intervals in a flood, and floods: begins above 10 and ends below 5 for each operator."""
    flooding, flooded, floods = False, 0, 0
    for count in intervals:
        before = flooding
        flooding = count >= ENDS_BELOW * operators if flooding else count > STARTS_ABOVE * operators
        flooded += flooding
        floods += flooding and not before
    return flooded, floods
