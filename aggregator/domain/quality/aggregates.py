"""What is counted of alerts, and the same counted again from the raw log: the store's sums must equal these.

An alert counts in the span in which it was opened. One that was hidden when it was opened (silenced, under maintenance,
inhibited) was not shown to anybody and does not count: ISA-18.2 counts the alarms that operators are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aggregator.domain.alerts.types import STALE_NS
from common.clock import SECOND_NS

SLOT_NS = 300 * SECOND_NS
"""Counts are kept in slots of five minutes: two make an interval of ISA-18.2, and every time zone in use is a whole
number of slots from UTC, so that they add up to local days."""
TOP = 10
"""The sources that are named (ISA-18.2: the ten most frequent)."""
ANSWERS = frozenset({"acknowledged", "assigned"})
"""Actions of the history by which a person answers an alert; so is closing it."""


class Source(NamedTuple):
    """Where alerts come from: a rule of a device."""

    site: str
    box: str
    place: str
    kind: str
    subject: str


@dataclass(frozen=True)
class AlertFacts:
    """What never changes about an alert, and its severity as it stands now."""

    id: str
    source: Source
    severity: str
    opened_ns: int


@dataclass(frozen=True)
class LogEntry:
    """An entry of an alert's history; `split`: it opens an alert that was split off, whose condition has ended."""

    alert: str
    time_ns: int
    action: str
    via: str
    split: bool = False


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


def recompute(facts: Iterable[AlertFacts], log: Iterable[LogEntry], span: tuple[int, int], now_ns: int) -> Aggregates:
    """The aggregates from the log alone.

    Args:
        facts: Of the alerts that the log names.
        log: All entries of these alerts, in any order.
        span: From and to, UTC nanoseconds; the end does not belong to it.
        now_ns: When it is looked at, for `stale`.
    """
    entries: dict[str, list[LogEntry]] = {}
    for entry in log:
        entries.setdefault(entry.alert, []).append(entry)
    known = {fact.id: fact for fact in facts}
    shown = [known[it] for it in entries if it in known and _counts(entries[it], span)]
    opened = {fact.id: _first(entries[fact.id], lambda it: it.action == "opened") or 0 for fact in shown}
    by_source = Counter(fact.source for fact in shown)
    return Aggregates(
        slots=Counter(opened[fact.id] // SLOT_NS for fact in shown),
        severities=Counter(fact.severity for fact in shown),
        sources=tuple(sorted(by_source.items(), key=lambda it: (-it[1], it[0]))[:TOP]),
        stale=sum(_stale(entries[it], now_ns) for it in entries if it in known),
        chattering=sum(any(it.action == "marked" for it in entries[fact.id]) for fact in shown),
        to_acknowledge=_quantiles(shown, opened, {it.id: _first(entries[it.id], _answers) for it in shown}),
        to_close=_quantiles(shown, opened, {it.id: _first(entries[it.id], _closes) for it in shown}),
    )


def nearest_ranks(count: int) -> tuple[int, int]:
    """The ranks (from 1) of the median and of the 90th percentile among so many values.

    >>> nearest_ranks(1), nearest_ranks(10), nearest_ranks(11)
    ((1, 1), (5, 9), (6, 10))
    """
    return (count + 1) // 2, (9 * count + 9) // 10


def quantiles(values: Iterable[int]) -> Quantiles:
    """Of at least one value."""
    ordered = sorted(values)
    median, p90 = nearest_ranks(len(ordered))
    return Quantiles(len(ordered), ordered[median - 1], ordered[p90 - 1])


def _quantiles(
    shown: Iterable[AlertFacts], opened: Mapping[str, int], done: Mapping[str, int | None]
) -> dict[str, Quantiles]:
    values: dict[str, list[int]] = {}
    for fact in shown:
        time_ns = done[fact.id]
        if time_ns is not None:
            values.setdefault(fact.severity, []).append(time_ns - opened[fact.id])
    return {severity: quantiles(it) for severity, it in values.items()}


def _first(entries: Iterable[LogEntry], wanted: Callable[[LogEntry], bool]) -> int | None:
    return min((it.time_ns for it in entries if wanted(it)), default=None)


def _answers(entry: LogEntry) -> bool:
    return entry.via != "system" and (entry.action in ANSWERS or entry.action == "closed")


def _closes(entry: LogEntry) -> bool:
    return entry.action == "closed"


def _counts(entries: list[LogEntry], span: tuple[int, int]) -> bool:
    opened = _first(entries, lambda it: it.action == "opened")
    if opened is None or not span[0] <= opened < span[1]:
        return False
    return not any(it.action == "suppressed" and it.time_ns <= opened for it in entries)


def _stale(entries: list[LogEntry], now_ns: int) -> bool:
    """Whether the newest entries leave it open with an active condition, for more than a day."""
    opened, active, is_open = None, True, True
    for entry in sorted(entries, key=lambda it: (it.time_ns, it.action != "opened")):
        if entry.action == "opened":
            opened, active = entry.time_ns, not entry.split
        elif entry.action in ("ended", "resumed"):
            active = entry.action == "resumed"
        elif entry.action in ("closed", "joined", "reopened"):
            is_open = entry.action == "reopened"
    return opened is not None and active and is_open and now_ns - opened > STALE_NS
