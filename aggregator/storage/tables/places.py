"""Gates and doors: what boxes tell of them, and what happened there last."""

from __future__ import annotations

import json

from aggregator.domain.read_models import Moment, Passage, Place
from aggregator.storage.database import Database, Value
from protocol import receipts
from protocol.event_types import KINDS

KINDS_THERE = tuple(kind for kind in KINDS if kind.startswith(("vehicle.", "door.")))
MOST_MOMENTS = 1_000
_CELLS = "SELECT id, kind FROM cells WHERE site = ? AND place = ? AND box = ?"
_NEWEST = """
SELECT * FROM (SELECT id, place, kind, time_ns, data FROM events
  WHERE cell = ? ORDER BY time_ns DESC, id DESC LIMIT ?) AS found
"""


def places(db: Database) -> list[Place]:
    """All gates and doors, gates first."""
    found: list[Place] = []
    for site, box, text in db.execute("SELECT site, box, status FROM statuses ORDER BY site, box").fetchall():
        status = receipts.stored_status(text)
        there: list[receipts.GateStatus | receipts.DoorStatus] = [*status.gates, *status.doors]
        found += [Place(site, box, status.online, status.timezone, it) for it in there]
    return found


def moments(db: Database, site: str, box: str, place: str, span: tuple[int, int]) -> list[Moment]:
    """When something happened at a place, oldest first, at most `MOST_MOMENTS`."""
    cells = json.dumps([number for number, _ in db.execute(_CELLS, (site, place, box)).fetchall()])
    sql = (
        f"SELECT time_ns, kind FROM events WHERE cell {db.among_numbers} AND time_ns >= ? AND time_ns < ? "  # noqa: S608
        "ORDER BY time_ns, id LIMIT ?"
    )
    rows = db.execute(sql, (cells, *span, MOST_MOMENTS)).fetchall()
    return [Moment(time_ns, kind) for time_ns, kind in rows]


def passages(db: Database, site: str, box: str, place: str, limit: int) -> list[Passage]:
    """The newest events there: a short walk through the index for each of its cells."""
    known = db.execute(_CELLS, (site, place, box)).fetchall()
    cells = [number for number, kind in known if kind in KINDS_THERE]
    if not cells:
        return []
    sql = f"{' UNION ALL '.join([_NEWEST] * len(cells))} ORDER BY time_ns DESC, id DESC LIMIT ?"
    values: list[Value] = [value for number in cells for value in (number, limit)]
    rows = db.execute(sql, (*values, limit)).fetchall()
    ids = json.dumps([row[0] for row in rows])
    pictures = f"SELECT event_id FROM pictures WHERE event_id {db.among}"  # noqa: S608 — a constant of the engine
    shown = {row[0] for row in db.execute(pictures, (ids,)).fetchall()}
    return [Passage(it[0], it[1], it[2], it[3], json.loads(it[4]), it[0] in shown) for it in rows]
