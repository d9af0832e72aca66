"""The writing half of the SQLite store."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator

import msgspec

from aggregator.alerts import Alert
from aggregator.record import tree
from aggregator.record.acts import Act
from aggregator.stores import sqlite_lists, sqlite_record
from aggregator.stores.records import Batch, Filed, ListChange, Position, Quarantined, Session, User
from aggregator.stores.sqlite_read import ALERT_COLUMNS, alert_of
from events import receipts
from events.checkpoints import Checkpoint
from events.ranges import Ranges

Mapped = Callable[[], contextlib.AbstractContextManager[None]]
QUARANTINE_ROWS = 10_000
"""More different messages than this are counted, but their oldest bytes are dropped."""

_encode = msgspec.json.Encoder().encode
_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_PICTURE = "INSERT INTO pictures VALUES (?, ?)"
_UPSERT_ALERT = f"INSERT OR REPLACE INTO alerts ({', '.join(ALERT_COLUMNS)}) VALUES ({', '.join('?' * 20)})"  # noqa: S608
_UPSERT_POSITION = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?)"
_UPSERT_STATUS = "INSERT OR REPLACE INTO statuses VALUES (?, ?, ?, ?)"
_UPSERT_QUARANTINE = """
INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET count = count + excluded.count, last_ns = excluded.last_ns
"""
_TRIM_QUARANTINE = """
DELETE FROM quarantine WHERE digest IN (
  SELECT digest FROM quarantine ORDER BY last_ns DESC LIMIT -1 OFFSET ?)
"""


class SqliteWriter:
    """The one connection that writes.

    Args:
        connection: In autocommit mode; owned by this object.
        mapped: Maps foreign errors.
    """

    def __init__(self, connection: sqlite3.Connection, mapped: Mapped) -> None:
        self._db = connection
        self._mapped = mapped

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mapped():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def apply(self, batch: Batch) -> None:
        """Write all of `batch` durably, or nothing."""
        with self._transaction() as db:
            if batch.events:
                db.executemany(_INSERT_EVENT, [_event_row(filed) for filed in batch.events])
                pictures = [(it.event.id, it.event.picture) for it in batch.events if it.event.picture]
                if pictures:
                    db.executemany(_INSERT_PICTURE, pictures)
            if batch.alerts:
                db.executemany(_UPSERT_ALERT, map(msgspec.structs.astuple, batch.alerts.values()))
            if batch.positions:
                db.executemany(_UPSERT_POSITION, map(_position_row, batch.positions))
            for seen in batch.statuses:
                text = receipts.encode(seen.status).decode()
                db.execute(_UPSERT_STATUS, (seen.site, seen.box, text, seen.seen_ns))
            if batch.quarantine:
                self._quarantine(batch.quarantine)

    def _quarantine(self, entries: list[Quarantined]) -> None:
        self._db.executemany(_UPSERT_QUARANTINE, map(msgspec.structs.astuple, entries))
        self._db.execute(_TRIM_QUARANTINE, (QUARANTINE_ROWS,))
        total = sum(entry.count for entry in entries)
        self._db.execute("UPDATE counters SET value = value + ? WHERE name = 'quarantined'", (total,))

    def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these event ids are stored already."""
        sql = "SELECT id FROM events WHERE id IN (SELECT value FROM json_each(?))"
        with self._mapped():
            return {row[0] for row in self._db.execute(sql, (json.dumps(list(ids)),))}

    def newest_alert(self, fingerprint: str) -> Alert | None:
        """The newest unresolved alert with this fingerprint."""
        where = "fingerprint = ? AND state <> 'resolved' ORDER BY last_ns DESC, id DESC LIMIT 1"
        return self._alert_where(where, fingerprint)

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        return self._alert_where("id = ?", alert_id)

    def _alert_where(self, where: str, value: str) -> Alert | None:
        sql = f"SELECT {', '.join(ALERT_COLUMNS)} FROM alerts WHERE {where}"  # noqa: S608 — constants only
        with self._mapped():
            row = self._db.execute(sql, (value,)).fetchone()
        return None if row is None else alert_of(row)

    def newest_time(self, site: str, box: str, place: str, kind: str) -> int | None:
        """When an event of this kind was last seen at this place."""
        sql = (
            "SELECT time_ns FROM events WHERE site = ? AND place = ? AND kind = ? AND box = ? "
            "ORDER BY time_ns DESC LIMIT 1"
        )
        with self._mapped():
            row = self._db.execute(sql, (site, place, kind, box)).fetchone()
        return None if row is None else int(row[0])

    def positions(self) -> list[Position]:
        """All outboxes that were ever heard of."""
        sql = "SELECT site, box, epoch, ranges, lost, quarantined, first_seen_ns FROM positions"
        with self._mapped():
            rows = self._db.execute(sql).fetchall()
        return [
            Position(site, box, epoch, Ranges(json.loads(ranges)), first_seen_ns, lost, quarantined)
            for site, box, epoch, ranges, lost, quarantined, first_seen_ns in rows
        ]

    def status_epochs(self) -> dict[tuple[str, str], str]:
        """(site, box) → the epoch in the box's status."""
        sql = "SELECT site, box, json_extract(status, '$.epoch') FROM statuses"
        with self._mapped():
            return {(site, box): epoch or "" for site, box, epoch in self._db.execute(sql)}

    def beat(self, now_ns: int) -> None:
        """Write something small, to know that writing works."""
        with self._transaction() as db:
            db.execute("UPDATE counters SET value = ? WHERE name = 'beat_ns'", (now_ns,))

    def put_user(self, user: User) -> None:
        """Add or replace a user."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?)", msgspec.structs.astuple(user))

    def use_up(self, user: User) -> bool:
        """Remove this very one-time user; False if somebody was faster."""
        sql = "DELETE FROM users WHERE name = ? AND password_hash = ? AND one_time = 1"
        with self._transaction() as db:
            return db.execute(sql, (user.name, user.password_hash)).rowcount == 1

    def put_session(self, session: Session, act: Act) -> None:
        """Add a session, record it, and drop those that have expired by then."""
        with self._transaction() as db:
            sqlite_record.put(db, [act])
            db.execute("DELETE FROM sessions WHERE expires_ns <= ?", (act.time_ns,))
            db.execute("INSERT INTO sessions VALUES (?, ?, ?)", msgspec.structs.astuple(session))

    def drop_session(self, token_hash: str, act: Act) -> None:
        """End a session and record it."""
        with self._transaction() as db:
            sqlite_record.put(db, [act])
            db.execute("DELETE FROM sessions WHERE token_hash = ?", (token_hash,))

    def change_list(self, change: ListChange, act: Act) -> int:
        """Change a site's list and record it, in one transaction; the new version, 0 when nothing changed."""
        with self._transaction() as db:
            return sqlite_lists.change(db, change, act)

    def put_acts(self, acts: Iterable[Act]) -> None:
        """Add to the record."""
        with self._transaction() as db:
            sqlite_record.put(db, acts)

    def seal_record(self, seal: Callable[[int, bytes], Checkpoint]) -> Checkpoint:
        """Sign the record as it is now and keep that; `seal` makes the checkpoint from size and root."""
        with self._transaction() as db:
            size = sqlite_record.size(db)
            made = seal(size, tree.root(size, sqlite_record.nodes(db)))
            sqlite_record.put_checkpoint(db, made)
            return made

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def _event_row(filed: Filed) -> tuple[str | int | None, ...]:
    event = filed.event
    return (
        event.id, event.site, event.box, event.place, event.kind, event.time_ns, filed.received_ns,
        event.epoch, event.sequence, filed.alert, _encode(event.data).decode(),
    )  # fmt: skip


def _position_row(position: Position) -> tuple[str | int, ...]:
    return (
        position.site, position.box, position.epoch, json.dumps(list(position.ranges)),
        position.lost, position.quarantined, position.first_seen_ns,
    )  # fmt: skip
