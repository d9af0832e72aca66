"""What events have in common, in two small tables that the search asks before it looks at any event.

A *cell* is a site, place, box, kind, object class and zone that occurred together; a *genus* is a kind and an object
class, wherever. There are some hundred cells a site and some dozen genera in all, however many events there are. An
event names both by number, and two narrow indexes, by cell and by genus and then by time, are all that a search reads
(`tables/search.py`).

A group's span and count are bounds, not statements: the span reaches to the full hours around its events, and the
count is written when the span grows or the count has doubled, so that a batch of events seldom writes here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from aggregator.storage.schema.core import cells, genera
from common.clock import HOUR_NS
from protocol.envelope import Event

SPAN = ("from_ns", "until_ns", "count")
Key = tuple[str, ...]


def cell_of(event: Event) -> Key:
    """The cell of an event. A line counts as a zone; what has neither or no object has an empty one."""
    data = event.data
    zone = getattr(data, "zone", None) or getattr(data, "line", None) or ""
    return event.site, event.place, event.box, event.kind, getattr(data, "object", None) or "", zone


def genus_of(event: Event) -> Key:
    """The genus of an event."""
    return event.kind, getattr(event.data, "object", None) or ""


CELLS = (cells, ("site", "place", "box", "kind", "object", "zone"), cell_of)
GENERA = (genera, ("kind", "object"), genus_of)


@dataclass(slots=True)
class Group:
    """What is known of a group; `id` is 0 until it is stored, `written` is the count that stands in the table."""

    id: int
    from_ns: int
    until_ns: int
    count: int
    written: int


class EventSeries:
    """The writer's view of one of the tables; in memory, and forgotten when a transaction fails.

    Args:
        table: The table.
        columns: What a group has in common.
        key_of: Gives that of an event.
    """

    def __init__(self, table: Table, columns: Sequence[str], key_of: Callable[[Event], Key]) -> None:
        self._columns, self._key_of = columns, key_of
        self._select = select(*(table.c[name] for name in ("id", *SPAN, *columns)))
        self._insert = insert(table).returning(table.c.id)
        self._update = update(table).where(table.c.id == bindparam("group"))
        self._known: dict[Key, Group] | None = None

    def numbers(self, db: Connection, events: Sequence[Event]) -> list[int]:
        """The number of each event's group; within the transaction that inserts the events."""
        known = self._load(db)
        touched: dict[Key, Group] = {}
        groups = []
        for event in events:
            key, time_ns = self._key_of(event), event.time_ns
            group = known.get(key)
            if group is None:
                group = known[key] = Group(0, time_ns, time_ns, 0, 0)
            group.count += 1
            if not group.from_ns <= time_ns < group.until_ns:
                hour = time_ns - time_ns % HOUR_NS
                group.from_ns, group.until_ns = min(group.from_ns, hour), max(group.until_ns, hour + HOUR_NS)
                touched[key] = group
            elif group.count >= 2 * group.written:
                touched[key] = group
            groups.append(group)
        if touched:
            self._write(db, touched)
        return [group.id for group in groups]

    def forget(self) -> None:
        """What is in memory may not be what is stored."""
        self._known = None

    def _load(self, db: Connection) -> dict[Key, Group]:
        if self._known is None:
            rows = db.execute(self._select)
            self._known = {tuple(row[4:]): Group(row[0], row[1], row[2], row[3], row[3]) for row in rows}
        return self._known

    def _write(self, db: Connection, touched: dict[Key, Group]) -> None:
        grown = []
        for key, group in touched.items():
            span = {"from_ns": group.from_ns, "until_ns": group.until_ns, "count": group.count}
            group.written = group.count
            if group.id:
                grown.append({"group": group.id, **span})
            else:
                new = dict(zip(self._columns, key, strict=True)) | span
                group.id = int(db.execute(self._insert, new).scalar_one())
        if grown:
            db.execute(self._update, grown)
