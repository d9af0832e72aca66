"""The figures of alerts counted again from the raw log: a store's sums must equal these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aggregator.domain.alerts.types import STALE_NS
from aggregator.domain.quality.aggregates import ANSWERS, SLOT_NS, TOP, Aggregates, Quantiles, Source, nearest_ranks


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
