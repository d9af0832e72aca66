"""Silences, maintenance windows and shelves together: what is stored, and what a change of them writes."""

from __future__ import annotations

from dataclasses import dataclass, field

from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.shelving import Shelf
from aggregator.domain.quiet.silence import Silence


@dataclass
class QuietDecisions:
    """Decisions of people that keep alerts out of the queue."""

    silences: list[Silence] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    shelves: list[Shelf] = field(default_factory=list)

    def sites(self) -> set[str]:
        """The sites that they are about."""
        named = {site for silence in self.silences for site in silence.match.site}
        return named | {it.site for it in self.windows} | {it.source.site for it in self.shelves}

    def __bool__(self) -> bool:
        return bool(self.silences or self.windows or self.shelves)
