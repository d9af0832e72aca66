"""What is counted of alerts; `tests/kits/recount.py` counts the same from the raw log.

An alert counts in the span in which it was opened. One that was hidden when it was opened (silenced, under maintenance,
inhibited) was not shown to anybody and does not count: ISA-18.2 counts the alarms that operators are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from common.clock import SECOND_NS

SLOT_NS = 300 * SECOND_NS
"""Counts are kept in slots of five minutes: two make an interval of ISA-18.2, and every time zone in use is a whole
number of slots from UTC, so that they add up to local days."""
TOP = 10
"""The sources that are named (ISA-18.2: the ten most frequent)."""
ANSWERS = frozenset({"acknowledged", "assigned", "escalation_requested"})
"""Actions of the history by which a person answers an alert; so is closing it. Who asks for help has seen it."""


class Source(NamedTuple):
    """Where alerts come from: a rule of a device."""

    site: str
    box: str
    place: str
    kind: str
    subject: str


@dataclass(frozen=True)
class Quantiles:
    """Of durations: how many, the median and the 90th percentile by the nearest rank, nanoseconds."""

    count: int
    median_ns: int
    p90_ns: int


@dataclass(frozen=True)
class Aggregates:
    """Counts of alerts of a span.

    Attributes:
        slots: Number of the slot since 1970 → alerts opened in it.
        severities: Severity → alerts.
        sources: The most frequent sources and their alerts, `TOP` at most.
        stale: Alerts whose condition is active now and was for more than a day.
        chattering: Alerts of the span that were marked as chattering.
        to_acknowledge: Severity → time from opening to a person's first answer.
        to_close: Severity → time from opening to the first closing, by a person or by itself.
    """

    slots: Mapping[int, int] = field(default_factory=dict)
    severities: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[tuple[Source, int], ...] = ()
    stale: int = 0
    chattering: int = 0
    to_acknowledge: Mapping[str, Quantiles] = field(default_factory=dict)
    to_close: Mapping[str, Quantiles] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All alerts of the span."""
        return sum(self.severities.values())


def nearest_ranks(count: int) -> tuple[int, int]:
    """The ranks (from 1) of the median and of the 90th percentile among so many values.

    >>> nearest_ranks(1), nearest_ranks(10), nearest_ranks(11)
    ((1, 1), (5, 9), (6, 10))
    """
    return (count + 1) // 2, (9 * count + 9) // 10
