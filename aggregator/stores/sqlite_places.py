"""Gates and doors in SQLite: what boxes tell of them, and what happened there last."""

from __future__ import annotations

import json
import sqlite3

from aggregator.stores.records import Moment, Passage, Place
from events import receipts
from events.kinds import KINDS

KINDS_THERE = tuple(kind for kind in KINDS if kind.startswith(("vehicle.", "door.")))
MOST_MOMENTS = 1_000
_BETWEEN = """
SELECT time_ns, kind FROM events WHERE site = ? AND place = ? AND kind = ? AND time_ns >= ? AND time_ns < ? AND box = ?
"""
_NEWEST = """
SELECT * FROM (SELECT id, place, kind, time_ns, data FROM events
  WHERE site = ? AND place = ? AND kind = ? AND box = ? ORDER BY time_ns DESC LIMIT ?)
"""


def places(db: sqlite3.Connection) -> list[Place]:
    """All gates and doors, gates first."""
    found: list[Place] = []
    for site, box, text in db.execute("SELECT site, box, status FROM statuses ORDER BY site, box"):
        status = receipts.decode_status(text.encode())
        there: list[receipts.GateStatus | receipts.DoorStatus] = [*status.gates, *status.doors]
        found += [Place(site, box, status.online, status.timezone, it) for it in there]
    return found


def moments(db: sqlite3.Connection, site: str, box: str, place: str, span: tuple[int, int]) -> list[Moment]:
    """When something happened at a place, oldest first, at most `MOST_MOMENTS`."""
    sql = " UNION ALL ".join([_BETWEEN] * len(KINDS))
    values = [value for kind in KINDS for value in (site, place, kind, *span, box)]
    rows = db.execute(f"SELECT * FROM ({sql}) ORDER BY time_ns LIMIT {MOST_MOMENTS}", values)  # noqa: S608
    return [Moment(time_ns, kind) for time_ns, kind in rows]


def passages(db: sqlite3.Connection, site: str, box: str, place: str, limit: int) -> list[Passage]:
    """The newest events there: a short walk through the index for each kind."""
    sql = f"SELECT * FROM ({' UNION ALL '.join([_NEWEST] * len(KINDS_THERE))}) ORDER BY time_ns DESC LIMIT ?"  # noqa: S608
    values = [value for kind in KINDS_THERE for value in (site, place, kind, box, limit)]
    rows = db.execute(sql, (*values, limit)).fetchall()
    ids = json.dumps([row[0] for row in rows])
    shown = {
        row[0]
        for row in db.execute(
            "SELECT event_id FROM pictures WHERE event_id IN (SELECT value FROM json_each(?))", (ids,)
        )
    }
    return [Passage(it[0], it[1], it[2], it[3], json.loads(it[4]), it[0] in shown) for it in rows]
