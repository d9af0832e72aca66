"""Search hits as visits: what was seen at one place, of one kind and object class, without a longer pause. Pure.

A visit does not identify anybody: two people one after the other are one visit, and one person who comes back later
is two. No identity and no track joins hits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from aggregator.domain.investigation.search_query import SearchResult
from common.clock import SECOND_NS

GAP_NS = 60 * SECOND_NS
"""A pause that ends a visit. Our own choice: a person who stands still is reported again well within it."""
MOST_HITS = 50
"""Hits that a visit keeps; the others are counted."""
VisitKey = tuple[str, str, str, str]
"""Site, place, kind, object class."""


@dataclass
class Visit:
    """Hits at one place without a longer pause.

    Attributes:
        first_ns: Of the earliest hit, UTC nanoseconds.
        last_ns: Of the latest.
        count: How many there are.
        zones: Zones and lines that they name.
        hits: The latest of them, latest first.
        shown: The latest with a picture; the latest where none has one.
    """

    key: VisitKey
    first_ns: int
    last_ns: int
    count: int = 0
    zones: set[str] = field(default_factory=set)
    hits: list[SearchResult] = field(default_factory=list)

    @property
    def shown(self) -> SearchResult:
        """The hit that stands for the visit."""
        return next((hit for hit in self.hits if hit.picture), self.hits[0])

    def add(self, hit: SearchResult) -> None:
        """An earlier hit."""
        self.first_ns = min(self.first_ns, hit.time_ns)
        self.count += 1
        if hit.zone:
            self.zones.add(hit.zone)
        if len(self.hits) < MOST_HITS or (hit.picture and not self.shown.picture):
            self.hits.append(hit)


class VisitGrouper:
    """Groups hits that come page by page, the latest first: a visit may go on in the next page.

    Args:
        gap_ns: A pause that ends a visit.
    """

    def __init__(self, gap_ns: int = GAP_NS) -> None:
        self._gap_ns = gap_ns
        self._newest: dict[VisitKey, Visit] = {}
        self.visits: list[Visit] = []

    def add(self, hits: Iterable[SearchResult]) -> None:
        """More hits, each earlier than or at the same time as the one before."""
        for hit in hits:
            key = (hit.site, hit.place, hit.kind, hit.object)
            visit = self._newest.get(key)
            if visit is None or visit.first_ns - hit.time_ns > self._gap_ns:
                visit = self._newest[key] = Visit(key, hit.time_ns, hit.time_ns)
                self.visits.append(visit)
            visit.add(hit)
