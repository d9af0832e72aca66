"""Answers a search with a bounded amount of work, whatever is asked and however many events there are.

Rows are taken from a slice of time, newest slice first, through one of two indexes and nothing else:

- by *cell* (`stores/groups.py`): only rows that match are looked at, and each cell costs one descent into the index.
  For questions about a few places, or a zone that few places have.
- by *genus*: kind and object class are matched by the index, the rest of the question by each row's cell. For
  questions about many sites.

A slice is as long as the groups' rates say is needed for a page, longer when that was too little, shorter when it was
too much. A page that has cost too much ends early and says how far it got.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.domain.search_query import Key, ResultPage, SearchQuery, SearchResult, site_of
from aggregator.storage.database import Database, Row, Value

_END = 1 << 62
_CELL = "id, site, box, place, kind, object, zone"
_BETWEEN = "time_ns >= ? AND time_ns <= ? AND (time_ns, id) < (?, ?)"
_LONGER = 8


@dataclass(frozen=True)
class Bounds:
    """How much work one page may cost.

    Attributes:
        cells: So many cells are few: they are taken one by one.
        slice: Rows that a slice of time may hold; more: it is too long.
        rows: Rows that are looked at, and descents into the index; then the page ends early.
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


@dataclass(frozen=True)
class _Condition:
    """A part of a WHERE, and its values; empty where nothing is asked."""

    sql: str
    values: tuple[Value, ...]

    def __and__(self, other: _Condition) -> _Condition:
        return _Condition(" AND ".join(filter(None, (self.sql, other.sql))), (*self.values, *other.values))


def find(db: Database, search: SearchQuery, after: Key | None = None, bounds: Bounds = STANDING) -> ResultPage:
    """A page of hits.

    Args:
        db: A connection that reads.
        search: The question.
        after: Where the page before said that this one begins.
        bounds: How much work it may cost.
    """
    finder = _Finder(db, search, after, bounds)
    finder.run()
    return _page(db, search, finder)


class _Finder:
    """`high` is where it has got to: everything that matches at or after it is in `rows`."""

    def __init__(self, db: Database, search: SearchQuery, after: Key | None, bounds: Bounds) -> None:
        self._db, self._search, self._bounds = db, search, bounds
        self.rows: list[Row] = []
        self.high: Key = after or (search.until_ns, "")
        self.done = self.high <= (search.from_ns, "")

    @property
    def full(self) -> bool:
        return len(self.rows) >= self._search.limit

    def run(self) -> None:
        """Look until the page is full, nothing is left, or the bound is reached."""
        if self.done:
            return
        where, what = _where(self._db, self._search), _what(self._db, self._search)
        if where.sql:
            few = self._groups("cells", where & what, self._bounds.cells + 1)
            if len(few) <= self._bounds.cells:
                self._take("cell", few, _Condition("", ()))
                return
        self._take("genus", self._groups("genera", what, _END), where)

    def _groups(self, table: str, condition: _Condition, most: int) -> list[_Group]:
        """Those that may have rows in the time that is left."""
        alive = _Condition("until_ns > ? AND from_ns <= ?", (self._search.from_ns, self.high[0]))
        whole = condition & alive
        sql = f"SELECT id, from_ns, until_ns, count FROM {table} WHERE {whole.sql} LIMIT ?"  # noqa: S608
        return [_Group(*row) for row in self._db.execute(sql, (*whole.values, most)).fetchall()]

    def _take(self, column: str, groups: list[_Group], rest: _Condition) -> None:
        """Take slice after slice of rows whose `column` is one of the groups, and whose cell meets `rest`."""
        begun, left, most = self.high, self._bounds.rows, self._bounds.slice
        rate = sum(it.count / (it.until_ns - it.from_ns) for it in groups)
        length = 1 + int(min(1.5 * self._search.limit / rate, _END)) if rate else _END
        while not (self.full or self.done) and (left > 0 or self.high == begun):
            low = max(self._search.from_ns, self.high[0] - length)
            alive = [it.id for it in groups if it.until_ns > low and it.from_ns <= self.high[0]]
            found = self._slice(column, alive, low)
            left -= len(found) + len(alive)
            if len(found) > most and self.high[0] - low > 1:
                length = max(1, (self.high[0] - low) // _LONGER)
                continue
            new = self._meeting(found, rest)
            self.rows += new
            self.high, self.done = (low, ""), low == self._search.from_ns
            longer = 1.5 * (self._search.limit - len(self.rows)) / len(new) if new else _LONGER
            length = min(1 + int(length * min(longer, _LONGER, most / (1 + len(found)))), _END)

    def _slice(self, column: str, groups: list[int], low: int) -> list[Row]:
        """The groups' rows from `low` on, in any order; one more than the bound where that is too much."""
        if not groups:
            return []
        most = self._bounds.slice + 1 if self.high[0] - low > 1 else _END
        sql = f"SELECT time_ns, id, cell FROM events WHERE {column} {self._db.among_numbers} AND {_BETWEEN} LIMIT ?"  # noqa: S608
        return self._db.execute(sql, (json.dumps(groups), low, self.high[0], *self.high, most)).fetchall()

    def _meeting(self, found: list[Row], rest: _Condition) -> list[Row]:
        """Those whose cell meets `rest`, in order, with their cells; no more than the page still takes."""
        if rest.sql and found:
            numbers = sorted({row[2] for row in found})
            sql = f"SELECT id FROM cells WHERE id {self._db.among_numbers} AND {rest.sql}"  # noqa: S608
            good = {row[0] for row in self._db.execute(sql, (json.dumps(numbers), *rest.values)).fetchall()}
            found = [row for row in found if row[2] in good]
        return sorted(found, reverse=True)[: self._search.limit - len(self.rows)]


def _where(db: Database, search: SearchQuery) -> _Condition:
    """Which cells are at the places and zones of the question."""
    where = _among(db, "site", sorted({*search.sites, *map(site_of, search.places)}))
    if search.places:
        parts = (_among(db, "site", search.sites), _among(db, "site || '/' || place", search.places))
        either = " OR ".join(part.sql for part in parts if part.sql)
        where &= _Condition(f"({either})", (*parts[0].values, *parts[1].values))
    return where & _among(db, "zone", search.zones)


def _what(db: Database, search: SearchQuery) -> _Condition:
    """Which groups are of the kinds and object classes of the question."""
    return _among(db, "kind", search.kinds) & _among(db, "object", search.objects)


def _among(db: Database, column: str, texts: Sequence[str]) -> _Condition:
    return _Condition(f"{column} {db.among}", (json.dumps(texts),)) if texts else _Condition("", ())


def _page(db: Database, search: SearchQuery, finder: _Finder) -> ResultPage:
    rows = finder.rows
    hits = _hits(db, rows) if rows else []
    if finder.full:
        last = rows[-1]
        return ResultPage(hits=hits, searched_until_ns=int(last[0]), after=(int(last[0]), str(last[1])))
    if finder.done:
        return ResultPage(hits=hits, searched_until_ns=search.from_ns, after=None)
    return ResultPage(hits=hits, searched_until_ns=finder.high[0], after=finder.high)


def _hits(db: Database, rows: list[Row]) -> list[SearchResult]:
    numbers, ids = sorted({row[2] for row in rows}), [row[1] for row in rows]
    sql = f"SELECT {_CELL} FROM cells WHERE id {db.among_numbers}"  # noqa: S608
    cells = {row[0]: row for row in db.execute(sql, (json.dumps(numbers),)).fetchall()}
    sql = f"SELECT event_id FROM pictures WHERE event_id {db.among}"  # noqa: S608
    pictures = {row[0] for row in db.execute(sql, (json.dumps(ids),)).fetchall()}
    hits = []
    for time_ns, event_id, number in rows:
        _, site, box, place, kind, thing, zone = cells[number]
        hits.append(
            SearchResult(
                id=event_id, site=site, box=box, place=place, kind=kind, time_ns=time_ns, object=thing, zone=zone,
                picture=event_id in pictures,
            )
        )  # fmt: skip
    return hits
