"""What is past its ceiling goes, a bounded number of rows in a transaction. Statements for every engine.

Age counts from when the aggregator received something: a box whose clock is off can neither have its events erased
early nor keep them for ever. Event ids begin with the box's time, so the oldest are found by id; those whose box lives
in the future are found by a slow walk over all of them (`walk`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

from aggregator.domain import audit_entry
from aggregator.storage.database import Database
from common.clock import SECOND_NS
from protocol.identifiers import uuid7

Erasable = Literal["pictures", "events", "alerts", "record"]
_LEAST = b"\0" * 10
ERASED = "record_erased"


def erase(db: Database, what: Erasable, before_ns: int, most: int) -> int:
    """Erase what was received before a moment, at most so many rows; how many went. Within a transaction."""
    return _ERASE[what](db, before_ns, most)


def scan_batch(db: Database, after: str, before_ns: int, most: int) -> tuple[str, int]:
    """Look at the next `most` events after an id, whatever time their box believed in, and erase the old ones.

    Returns:
        The id to go on after, empty at the end; and how many went.
    """
    rows = db.execute("SELECT id, received_ns FROM events WHERE id > ? ORDER BY id LIMIT ?", (after, most)).fetchall()
    old = [row[0] for row in rows if row[1] < before_ns]
    _drop_events(db, old)
    return (rows[-1][0] if len(rows) == most else ""), len(old)


def record_erased(db: Database) -> int:
    """Up to which number the record's entries were erased; their hashes stay."""
    row = db.execute("SELECT value FROM counters WHERE name = ?", (ERASED,)).fetchone()
    return 0 if row is None else int(row[0])


def _bound(before_ns: int) -> str:
    return uuid7(before_ns - before_ns % SECOND_NS, _LEAST)


def _pictures(db: Database, before_ns: int, most: int) -> int:
    sql = """
    SELECT p.event_id FROM pictures AS p JOIN events AS e ON e.id = p.event_id
    WHERE p.event_id < ? AND e.received_ns < ? ORDER BY p.event_id LIMIT ?
    """
    old = [row[0] for row in db.execute(sql, (_bound(before_ns), before_ns, most)).fetchall()]
    _drop_pictures(db, old)
    return len(old)


def _events(db: Database, before_ns: int, most: int) -> int:
    sql = "SELECT id FROM events WHERE id < ? AND received_ns < ? ORDER BY id LIMIT ?"
    old = [row[0] for row in db.execute(sql, (_bound(before_ns), before_ns, most)).fetchall()]
    _drop_events(db, old)
    return len(old)


def _drop_events(db: Database, ids: list[str]) -> None:
    if ids:
        _drop_pictures(db, ids)
        db.execute(f"DELETE FROM events WHERE id {db.among}", (json.dumps(ids),))  # noqa: S608 - the engine's constant


def _drop_pictures(db: Database, ids: list[str]) -> None:
    if ids:
        among = (json.dumps(ids),)
        db.execute(f"UPDATE alerts SET picture_event = NULL WHERE picture_event {db.among}", among)  # noqa: S608
        db.execute(f"DELETE FROM pictures WHERE event_id {db.among}", among)  # noqa: S608


def _alerts(db: Database, before_ns: int, most: int) -> int:
    old = db.execute("SELECT id FROM alerts WHERE last_ns < ? ORDER BY last_ns LIMIT ?", (before_ns, most)).fetchall()
    if old:
        db.execute(f"DELETE FROM alerts WHERE id {db.among}", (json.dumps([row[0] for row in old]),))  # noqa: S608
    return len(old)


def _record(db: Database, before_ns: int, most: int) -> int:
    begin = record_erased(db)
    rows = db.execute(
        "SELECT number, entry FROM record WHERE number > ? ORDER BY number LIMIT ?", (begin, most)
    ).fetchall()  # fmt: skip
    end = begin
    for number, entry in rows:
        if audit_entry.decode(bytes(entry)).time_ns >= before_ns:
            break
        end = int(number)
    if end > begin:
        db.execute("UPDATE record SET entry = ? WHERE number > ? AND number <= ?", (b"", begin, end))
        db.execute("DELETE FROM counters WHERE name = ?", (ERASED,))
        db.execute("INSERT INTO counters VALUES (?, ?)", (ERASED, end))
    return end - begin


_ERASE: dict[Erasable, Callable[[Database, int, int], int]] = {
    "pictures": _pictures,
    "events": _events,
    "alerts": _alerts,
    "record": _record,
}
