"""Answers a search with a bounded amount of work, whatever is asked and however many events there are.

Rows are taken from a slice of time, newest slice first, through one of two indexes and nothing else:

- by *cell* (`event_series.py`): only matching rows are read, and each cell costs one descent into the index.
  For questions about a few places, or a zone that few places have.
- by *genus*: kind and object class are matched by the index, the rest of the question by each row's cell. For
  questions about many sites.

A slice is as long as the groups' rates say is needed for a page, longer when that was too little, shorter when it was
too much. A page that has cost too much ends early and returns how far it got.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, Text, bindparam, literal, or_, select, tuple_

from aggregator.domain.investigation.search_query import Key, ResultPage, SearchQuery, SearchResult, site_of
from aggregator.storage.engines.database import one_of
from aggregator.storage.schema.core import INTEGER, cells, events, genera
from aggregator.storage.tables.places import with_pictures

_END = 1 << 62
_LONGER = 8
Found = tuple[int, str, int]
"""Time, id and cell of an event."""
Conditions = list[ColumnElement[bool]]


def _slice(column: ColumnElement[int]) -> Select[Found]:
    """Rows of some groups within a slice of time; built once, because a page needs several."""
    low, high, high_id = (
        bindparam("low", type_=INTEGER),
        bindparam("high", type_=INTEGER),
        bindparam("high_id", type_=Text),
    )
    before = tuple_(events.c.time_ns, events.c.id) < tuple_(high, high_id)
    among = one_of(column, bindparam("groups", type_=Text))
    found = select(events.c.time_ns, events.c.id, events.c.cell)
    return found.where(among, events.c.time_ns >= low, events.c.time_ns <= high, before).limit(
        bindparam("most", type_=INTEGER)
    )


_SLICES = {"cell": _slice(events.c.cell), "genus": _slice(events.c.genus)}


@dataclass(frozen=True)
class Bounds:
    """How much work one page may cost.

    Attributes:
        cells: So many cells are few: they are taken one by one.
        slice: Rows that a slice of time may hold; more: it is too long.
        rows: Rows read and descents into the index at most; then the page ends early.
    """

    cells: int = 1_500
    slice: int = 1_500
    rows: int = 15_000


STANDING = Bounds()


@dataclass(frozen=True)
class _Group:
    """A cell or a genus: nothing of it is before `from_ns` or at `until_ns` and later."""

    id: int
    from_ns: int
    until_ns: int
    count: int


def find(db: Connection, query: SearchQuery, after: Key | None = None, bounds: Bounds = STANDING) -> ResultPage:
    """A page of hits.

    Args:
        db: A connection that reads.
        query: The question.
        after: The start of this page, from the page before.
        bounds: How much work it may cost.
    """
    finder = _Finder(db, query, after, bounds)
    finder.run()
    return _page(db, query, finder)


class _Finder:
    """`high` is where it has got to: everything that matches at or after it is in `rows`."""

    def __init__(self, db: Connection, query: SearchQuery, after: Key | None, bounds: Bounds) -> None:
        self._db, self._query, self._bounds = db, query, bounds
        self.rows: list[Found] = []
        self.high: Key = after or (query.until_ns, "")
        self.done = self.high <= (query.from_ns, "")

    @property
    def full(self) -> bool:
        return len(self.rows) >= self._query.limit

    def run(self) -> None:
        """Look until the page is full, nothing is left, or the bound is reached."""
        if self.done:
            return
        where = _where(self._query)
        if where:
            few = self._groups(cells, where + _what(cells, self._query), self._bounds.cells + 1)
            if len(few) <= self._bounds.cells:
                self._take("cell", few, [])
                return
        self._take("genus", self._groups(genera, _what(genera, self._query), _END), where)

    def _groups(self, table: Table, conditions: Conditions, most: int) -> list[_Group]:
        """Those that may have rows in the time that is left."""
        it = table.c
        alive = (it.until_ns > self._query.from_ns, it.from_ns <= self.high[0])
        found = select(it.id, it.from_ns, it.until_ns, it.count).where(*conditions, *alive)
        return [_Group(*row) for row in self._db.execute(found.limit(literal(most, INTEGER)))]

    def _take(self, column: str, groups: list[_Group], rest: Conditions) -> None:
        """Take slice after slice of rows whose `column` is one of the groups, and whose cell meets `rest`."""
        begun, left, most = self.high, self._bounds.rows, self._bounds.slice
        rate = sum(it.count / (it.until_ns - it.from_ns) for it in groups)
        length = 1 + int(min(1.5 * self._query.limit / rate, _END)) if rate else _END
        while not (self.full or self.done) and (left > 0 or self.high == begun):
            low = max(self._query.from_ns, self.high[0] - length)
            alive = [it.id for it in groups if it.until_ns > low and it.from_ns <= self.high[0]]
            found = self._slice(column, alive, low)
            left -= len(found) + len(alive)
            if len(found) > most and self.high[0] - low > 1:
                length = max(1, (self.high[0] - low) // _LONGER)
                continue
            new = self._matching(found, rest)
            self.rows += new
            self.high, self.done = (low, ""), low == self._query.from_ns
            longer = 1.5 * (self._query.limit - len(self.rows)) / len(new) if new else _LONGER
            length = min(1 + int(length * min(longer, _LONGER, most / (1 + len(found)))), _END)

    def _slice(self, column: str, groups: list[int], low: int) -> Sequence[Row[Found]]:
        """The groups' rows from `low` on, in any order; one more than the bound where that is too much."""
        if not groups:
            return []
        most = self._bounds.slice + 1 if self.high[0] - low > 1 else _END
        values = {"groups": json.dumps(groups), "low": low, "high": self.high[0], "high_id": self.high[1], "most": most}
        return self._db.execute(_SLICES[column], values).all()

    def _matching(self, found: Sequence[Row[Found]], rest: Conditions) -> list[Found]:
        """Those whose cell meets `rest`, in order, with their cells; no more than the page still takes."""
        if rest and found:
            numbers = sorted({row[2] for row in found})
            matching = select(cells.c.id).where(one_of(cells.c.id, numbers), *rest)
            good = set(self._db.execute(matching).scalars())
            found = [row for row in found if row[2] in good]
        return sorted(map(tuple, found), reverse=True)[: self._query.limit - len(self.rows)]


def _where(query: SearchQuery) -> Conditions:
    """Which cells are at the places and zones of the question."""
    where = _among(cells.c.site, sorted({*query.sites, *map(site_of, query.places)}))
    if query.places:
        place = cells.c.site + "/" + cells.c.place
        where.append(or_(*_among(cells.c.site, query.sites), *_among(place, query.places)))
    return where + _among(cells.c.zone, query.zones)


def _what(table: Table, query: SearchQuery) -> Conditions:
    """Which groups are of the kinds and object classes of the question."""
    return _among(table.c.kind, query.kinds) + _among(table.c.object, query.objects)


def _among(column: ColumnElement[str], texts: Sequence[str]) -> Conditions:
    return [one_of(column, texts)] if texts else []


def _page(db: Connection, query: SearchQuery, finder: _Finder) -> ResultPage:
    rows = finder.rows
    hits = _hits(db, rows) if rows else []
    if finder.full:
        last = rows[-1]
        return ResultPage(hits=hits, searched_until_ns=int(last[0]), after=(int(last[0]), str(last[1])))
    if finder.done:
        return ResultPage(hits=hits, searched_until_ns=query.from_ns, after=None)
    return ResultPage(hits=hits, searched_until_ns=finder.high[0], after=finder.high)


def _hits(db: Connection, rows: list[Found]) -> list[SearchResult]:
    numbers = sorted({row[2] for row in rows})
    there = {row.id: row for row in db.execute(select(cells).where(one_of(cells.c.id, numbers)))}
    pictures = with_pictures(db, [row[1] for row in rows])
    hits = []
    for time_ns, event_id, number in rows:
        cell = there[number]
        hits.append(
            SearchResult(
                id=event_id, site=cell.site, box=cell.box, place=cell.place, kind=cell.kind, time_ns=time_ns,
                object=cell.object, zone=cell.zone, picture=event_id in pictures,
            )
        )  # fmt: skip
    return hits
