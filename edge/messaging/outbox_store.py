"""The outbox's table, and what is given up when it is full. Belongs to the outbox's one thread."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.clock import Clock
from edge.messaging.event_priorities import NEVER, RANKS
from protocol.envelope import Event, UnsequencedEvent, decode, encode
from protocol.event_types import OutboxLost
from protocol.identifiers import uuid7
from protocol.ranges import Range, Ranges

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY, rank INTEGER NOT NULL, picture INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS events_by_rank ON events (rank, sequence);
CREATE INDEX IF NOT EXISTS events_with_picture ON events (rank, sequence) WHERE picture = 1;
"""
_CHUNK = 200
"""Rows given up at a time."""


@dataclass(frozen=True)
class EventIdentity:
    """Gives events their identity.

    Attributes:
        site: The site's id.
        box: The box's id.
        random: Gives random bytes.
    """

    site: str
    box: str
    random: Callable[[int], bytes]


@dataclass(frozen=True)
class PendingEvent:
    """A committed event that waits for its receipt."""

    sequence: int
    body: bytes


class OutboxStore:
    """Events in SQLite. Single-threaded.

    Attributes:
        epoch: Name of this outbox, 16 hexadecimal digits.
        last: Highest sequence number given.
        waiting: Events that wait.
        waiting_bytes: Their bytes.
        dropped: Events given up since the start.
        pictures_dropped: Pictures given up since the start.
    """

    def __init__(self, path: Path, identity: EventIdentity, clock: Clock, max_bytes: int) -> None:
        self._identity, self._clock, self._max_bytes = identity, clock, max_bytes
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?), ('last', '0')", (identity.random(8).hex(),))
        counts = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        self.epoch: str = counts["epoch"]
        self.last = int(counts["last"])
        totals = self._db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM events").fetchone()
        self.waiting, self.waiting_bytes = int(totals[0]), int(totals[1])
        self.dropped = self.pictures_dropped = 0

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def commit(self, events: Sequence[UnsequencedEvent], forget: Sequence[Range]) -> None:
        """Drop what has been receipted, number and store the new, keep to the bound: one transaction.

        Raises:
            sqlite3.Error: Nothing of it was done.
        """
        before = (self.last, self.waiting, self.waiting_bytes, self.dropped, self.pictures_dropped)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for first, last in forget:
                self._delete("sequence BETWEEN ? AND ?", (first, last))
            self._insert(events)
            if self.waiting_bytes > self._max_bytes:
                self._drop_events()
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'last'", (str(self.last),))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self.last, self.waiting, self.waiting_bytes, self.dropped, self.pictures_dropped = before
            raise

    def read(self, after: int, limit: int) -> list[PendingEvent]:
        """Waiting events above a sequence number, in order."""
        rows = self._db.execute(
            "SELECT sequence, body FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit)
        )
        return [PendingEvent(*row) for row in rows]

    def read_lost(self, limit: int) -> list[PendingEvent]:
        """Waiting `outbox.lost` events, in order."""
        rows = self._db.execute(
            "SELECT sequence, body FROM events WHERE rank = ? ORDER BY sequence LIMIT ?", (NEVER, limit)
        )
        return [PendingEvent(*row) for row in rows]

    def _insert(self, events: Sequence[UnsequencedEvent]) -> None:
        now_ns = self._clock.wall_ns()
        rows = []
        for event in events:
            self.last += 1
            body = encode(self._event(event, now_ns))
            rows.append((self.last, RANKS[event.kind], int(event.picture is not None), body))
            self.waiting += 1
            self.waiting_bytes += len(body)
        self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)

    def _event(self, event: UnsequencedEvent, now_ns: int) -> Event:
        return Event(
            id=uuid7(now_ns, self._identity.random(10)),
            site=self._identity.site,
            box=self._identity.box,
            place=event.place,
            kind=event.kind,
            time_ns=event.time_ns,
            sequence=self.last,
            data=event.data,
            epoch=self.epoch,
            picture=event.picture,
        )

    def _delete(self, where: str, values: tuple[int, ...]) -> Ranges:
        rows = self._db.execute(
            f"DELETE FROM events WHERE {where} RETURNING sequence, length(body)",  # noqa: S608 - constant text
            values,
        ).fetchall()
        self.waiting -= len(rows)
        self.waiting_bytes -= sum(size for _, size in rows)
        return Ranges((sequence, sequence) for sequence, _ in sorted(rows))

    def _drop_events(self) -> None:
        """Pictures first, then events; lowest rank and oldest first. `outbox.lost` of the same commit tells what."""
        lost = Ranges()
        while self.waiting_bytes > self._max_bytes and self._strip_pictures():
            pass
        while self.waiting_bytes > self._max_bytes:
            dropped_rows = "sequence IN (SELECT sequence FROM events WHERE rank < ? ORDER BY rank, sequence LIMIT ?)"
            deleted = self._delete(dropped_rows, (NEVER, _CHUNK))
            if not deleted:
                break
            for first, last in deleted:
                lost.add_range(first, last)
        if lost:
            self.dropped += lost.count()
            data = OutboxLost(count=lost.count(), sequences=tuple(lost))
            self._insert([UnsequencedEvent(self._identity.box, data, self._clock.wall_ns())])

    def _strip_pictures(self) -> bool:
        rows = self._db.execute(
            "SELECT sequence, body FROM events WHERE picture = 1 ORDER BY rank, sequence LIMIT ?", (_CHUNK,)
        ).fetchall()
        for sequence, body in rows:
            without_pictures = encode(dataclasses.replace(decode(body), picture=None))
            self._db.execute("UPDATE events SET picture = 0, body = ? WHERE sequence = ?", (without_pictures, sequence))
            self.waiting_bytes += len(without_pictures) - len(body)
            self.pictures_dropped += 1
        return bool(rows)
