"""The share of false alarms of rules and devices, from the outcomes that people gave to closed alerts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from aggregator.domain.quality.aggregates import Source

_Z = 1.959964
"""Of a 95 % interval."""


@dataclass(frozen=True)
class OutcomeRow:
    """Closed alerts of a source with one outcome (empty: nobody gave one); when the first and last were opened."""

    source: Source
    outcome: str
    count: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True)
class Quality:
    """The closed alerts of a rule, or of a device (then kind and subject are empty).

    Attributes:
        real: Closed as real; `false_alarm`, `test`, `maintenance` likewise.
        unjudged: Closed without an outcome: they closed by themselves.
        first_ns: When the first of them was opened; `last_ns` the last.
    """

    source: Source
    real: int
    false_alarm: int
    test: int
    maintenance: int
    unjudged: int
    first_ns: int
    last_ns: int

    @property
    def judged(self) -> int:
        """Alerts that a person called real or false: the share is of these."""
        return self.real + self.false_alarm

    @property
    def share(self) -> float | None:
        """The share of false alarms; None: nobody judged one."""
        return self.false_alarm / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """What the share may be in the long run, 95 % sure (Wilson's score interval); None as for the share."""
        return wilson(self.false_alarm, self.judged) if self.judged else None


def wilson(hits: int, number: int) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share.

    >>> tuple(round(it, 2) for it in wilson(5, 10))
    (0.24, 0.76)
    """
    share = hits / number
    middle = share + _Z**2 / (2 * number)
    spread = _Z * math.sqrt(share * (1 - share) / number + _Z**2 / (4 * number**2))
    scale = 1 + _Z**2 / number
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def by_rule(rows: Iterable[OutcomeRow]) -> list[Quality]:
    """Each rule, those with the most false alarms first."""
    return _grouped((row.source, row) for row in rows)


def by_device(rows: Iterable[OutcomeRow]) -> list[Quality]:
    """Each camera or door, over all of its rules."""
    return _grouped((row.source._replace(kind="", subject=""), row) for row in rows)


def _grouped(rows: Iterable[tuple[Source, OutcomeRow]]) -> list[Quality]:
    groups: dict[Source, list[OutcomeRow]] = {}
    for source, row in rows:
        groups.setdefault(source, []).append(row)
    found = [_quality(source, its) for source, its in groups.items()]
    return sorted(found, key=lambda it: (-it.false_alarm, -(it.share or 0), it.source))


def _quality(source: Source, rows: list[OutcomeRow]) -> Quality:
    def count(outcome: str) -> int:
        return sum(row.count for row in rows if row.outcome == outcome)

    return Quality(
        source=source, real=count("real"), false_alarm=count("false_alarm"), test=count("test"),
        maintenance=count("maintenance"), unjudged=count(""), first_ns=min(row.first_ns for row in rows),
        last_ns=max(row.last_ns for row in rows),
    )  # fmt: skip
