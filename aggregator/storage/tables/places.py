"""Boxes, cameras, gates and doors: what boxes report of them, and the newest events there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, union_all

from aggregator.domain.read_models import Box, Camera, Passage, Place, TimelineEvent
from aggregator.storage.engines.database import one_of
from aggregator.storage.schema.core import cells, events, pictures, positions, statuses
from protocol import receipts
from protocol.event_types import KINDS
from protocol.ranges import Ranges

KINDS_THERE = tuple(kind for kind in KINDS if kind.startswith(("vehicle.", "door.")))
MOST_TIMELINE_EVENTS = 1_000
_STATUSES = select(statuses).order_by(statuses.c.site, statuses.c.box)


def boxes(db: Connection) -> list[Box]:
    """All boxes: those with a status, and those that only sent events."""
    outboxes = db.execute(select(positions).order_by(positions.c.first_seen_ns)).all()
    reported = {(row.site, row.box): (row.status, row.seen_ns) for row in db.execute(_STATUSES)}
    newest = {(row.site, row.box, row.epoch): row for row in outboxes}
    current = {(row.site, row.box): row for row in outboxes}
    result = []
    for key in sorted(reported.keys() | current.keys()):
        text, seen_ns = reported.get(key, ('{"online":false}', 0))
        status = receipts.stored_status(text)
        result.append(_box(key, newest.get((*key, status.epoch)) or current.get(key), status, seen_ns))
    return result


def _box(key: tuple[str, str], outbox: Row[Any] | None, status: receipts.BoxStatus, seen_ns: int) -> Box:
    epoch, ranges, lost, quarantined = status.epoch, Ranges(), 0, 0
    if outbox is not None:
        epoch, ranges = outbox.epoch, Ranges(json.loads(outbox.ranges))
        lost, quarantined = outbox.lost, outbox.quarantined
    return Box(
        site=key[0],
        box=key[1],
        epoch=epoch,
        online=status.online,
        version=status.version,
        timezone=status.timezone,
        outbox_waiting=status.outbox_waiting,
        outbox_bytes=status.outbox_bytes,
        status_ns=seen_ns,
        committed=ranges.count() - lost - quarantined,
        lost=lost,
        quarantined=quarantined,
        gaps=ranges.gaps()[:100],
        lists=status.lists,
    )


def cameras(db: Connection) -> list[Camera]:
    """All cameras, as their boxes last reported."""
    found = []
    for row in db.execute(_STATUSES):
        status = receipts.stored_status(row.status)
        found += [
            Camera(
                site=row.site, box=row.box, id=it.id, name=it.name, state=it.state if status.online else "unknown",
                fps=it.fps, watch=it.watch, seen_ns=row.seen_ns, width=it.width, height=it.height,
                since=it.since if status.online else "", problem=it.problem if status.online else "",
                problem_code=it.code if status.online else "",
            )
            for it in status.cameras
        ]  # fmt: skip
    return found


def places(db: Connection) -> list[Place]:
    """All gates and doors, gates first."""
    found: list[Place] = []
    for row in db.execute(_STATUSES):
        status = receipts.stored_status(row.status)
        there: list[receipts.GateStatus | receipts.DoorStatus] = [*status.gates, *status.doors]
        found += [Place(row.site, row.box, status.online, status.timezone, it) for it in there]
    return found


def box_jobs(db: Connection, site: str, box: str) -> dict[str, int]:
    """The jobs that a box has begun → per cent; none where it is not there."""
    found = select(statuses.c.status).where(statuses.c.site == site, statuses.c.box == box)
    text = db.execute(found).scalar_one_or_none()
    return {} if text is None else {it.id: it.progress for it in receipts.stored_status(text).jobs}


def timeline(db: Connection, site: str, box: str, place: str, span: tuple[int, int]) -> list[TimelineEvent]:
    """When something happened at a place, oldest first, at most `MOST_TIMELINE_EVENTS`."""
    there = one_of(events.c.cell, _cells(db, site, box, place))
    found = select(events.c.time_ns, events.c.kind).where(
        there, events.c.time_ns >= span[0], events.c.time_ns < span[1]
    )
    rows = db.execute(found.order_by(events.c.time_ns, events.c.id).limit(MOST_TIMELINE_EVENTS))
    return [TimelineEvent(*row) for row in rows]


def timeline_bins(db: Connection, where: tuple[str, str, str], span: tuple[int, int], bins: int) -> list[int]:
    """How many events there are in each of `bins` equal parts of a span; `where` is site, box and place."""
    begin, end = span
    width = max(1, -(-(end - begin) // bins))
    number = ((events.c.time_ns - begin) // width).label("number")
    there = one_of(events.c.cell, _cells(db, *where))
    counted = select(number, func.count()).where(there, events.c.time_ns >= begin, events.c.time_ns < end)
    found = [0] * bins
    for place_in_span, count in db.execute(counted.group_by(number)):
        found[place_in_span] = count
    return found


def passages(db: Connection, site: str, box: str, place: str, limit: int) -> list[Passage]:
    """The newest events there: a short scan of the index for each of its cells."""
    numbers = [number for number, kind in _cells(db, site, box, place).items() if kind in KINDS_THERE]
    if not numbers:
        return []
    it = union_all(*(_newest(number, limit) for number in numbers)).subquery()
    rows = db.execute(select(it).order_by(it.c.time_ns.desc(), it.c.id.desc()).limit(limit)).all()
    shown = with_pictures(db, [row.id for row in rows])
    return [Passage(row.id, row.place, row.kind, row.time_ns, json.loads(row.data), row.id in shown) for row in rows]


def passage(db: Connection, event_id: str) -> tuple[str, Passage] | None:
    """An event at a gate or a door, with its site; `picture` is not looked up."""
    columns = (events.c.site, events.c.id, events.c.place, events.c.kind, events.c.time_ns, events.c.data)
    row = db.execute(select(*columns).where(events.c.id == event_id)).one_or_none()
    if row is None or row.kind not in KINDS_THERE:
        return None
    return row.site, Passage(row.id, row.place, row.kind, row.time_ns, json.loads(row.data), False)


def with_pictures(db: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these events have a picture."""
    return set(db.execute(select(pictures.c.event_id).where(one_of(pictures.c.event_id, ids))).scalars())


def _cells(db: Connection, site: str, box: str, place: str) -> dict[int, str]:
    """Number → kind of the cells of a place."""
    there = (cells.c.site == site, cells.c.place == place, cells.c.box == box)
    return {row.id: row.kind for row in db.execute(select(cells.c.id, cells.c.kind).where(*there))}


def _newest(cell: int, limit: int) -> Select[Any]:
    found = select(events.c.id, events.c.place, events.c.kind, events.c.time_ns, events.c.data).where(
        events.c.cell == cell
    )
    newest = found.order_by(events.c.time_ns.desc(), events.c.id.desc()).limit(limit)
    return select(newest.subquery())
