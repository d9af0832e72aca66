"""The writing half of a store."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator

import msgspec

from aggregator.domain import merkle_tree
from aggregator.domain.account import Change
from aggregator.domain.alert import Alert
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.case import Case
from aggregator.domain.clip import Clip
from aggregator.domain.read_models import Batch, Filed, ListChange, Position, Quarantined, Session, User
from aggregator.domain.release import Change as ReleaseChange
from aggregator.domain.release import Release
from aggregator.storage import purge as erase
from aggregator.storage.database import Database, insert, upsert
from aggregator.storage.purge import Erasable
from aggregator.storage.reader import ALERT_COLUMNS, alert_of
from aggregator.storage.tables import accounts, audit, cases, clips, releases, site_lists
from aggregator.storage.tables.event_series import CELLS, GENERA, EventSeries
from protocol import receipts
from protocol.ranges import Ranges
from protocol.signing.checkpoints import Checkpoint

QUARANTINE_ROWS = 10_000
"""More different messages than this are counted, but their oldest bytes are dropped."""

_encode = msgspec.json.Encoder().encode
_EVENT_COLUMNS = (
    "id", "site", "box", "place", "kind", "time_ns", "received_ns", "epoch", "sequence", "alert", "data",
    "cell", "genus",
)  # fmt: skip
_POSITION_COLUMNS = ("site", "box", "epoch", "ranges", "lost", "quarantined", "first_seen_ns")
_PICTURE_COLUMNS = ("event_id", "jpeg")
_UPSERT_ALERT = upsert("alerts", ALERT_COLUMNS, "id")
_UPSERT_POSITION = upsert("positions", _POSITION_COLUMNS, "site", "box", "epoch")
_UPSERT_STATUS = upsert("statuses", ("site", "box", "status", "seen_ns"), "site", "box")
_INSERT_SESSION = insert("sessions", ("token_hash", '"user"', "expires_ns"))
_UPSERT_QUARANTINE = f"""{insert("quarantine", Quarantined.__struct_fields__)}
ON CONFLICT (digest) DO UPDATE SET count = quarantine.count + excluded.count, last_ns = excluded.last_ns
"""
_TRIM_QUARANTINE = """
DELETE FROM quarantine WHERE digest IN (
  SELECT digest FROM quarantine ORDER BY last_ns DESC LIMIT 9223372036854775807 OFFSET ?)
"""


class SqlWriter:
    """The one connection that writes.

    Args:
        db: The connection; owned by this object.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._cells, self._genera = EventSeries(*CELLS), EventSeries(*GENERA)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Database]:
        with self._db.transaction():
            yield self._db

    def apply(self, batch: Batch) -> None:
        """Write all of `batch` durably, or nothing."""
        try:
            self._apply(batch)
        except BaseException:
            self._cells.forget()
            self._genera.forget()
            raise

    def _apply(self, batch: Batch) -> None:
        with self._transaction() as db:
            if batch.events:
                events = [filed.event for filed in batch.events]
                cells, genera = self._cells.numbers(db, events), self._genera.numbers(db, events)
                db.load("events", _EVENT_COLUMNS, map(_event_row, batch.events, cells, genera))
                pictures = [(it.event.id, it.event.picture) for it in batch.events if it.event.picture]
                if pictures:
                    db.load("pictures", _PICTURE_COLUMNS, pictures)
            if batch.alerts:
                db.executemany(_UPSERT_ALERT, map(msgspec.structs.astuple, batch.alerts.values()))
            if batch.positions:
                db.executemany(_UPSERT_POSITION, map(_position_row, batch.positions))
            for seen in batch.statuses:
                text = receipts.encode(seen.status).decode()
                db.execute(_UPSERT_STATUS, (seen.site, seen.box, text, seen.seen_ns))
            if batch.quarantine:
                self._quarantine(batch.quarantine)
            if batch.acts:
                audit.put(db, batch.acts)
            if batch.clips:
                clips.put(db, batch.clips)

    def _quarantine(self, entries: list[Quarantined]) -> None:
        self._db.executemany(_UPSERT_QUARANTINE, map(msgspec.structs.astuple, entries))
        self._db.execute(_TRIM_QUARANTINE, (QUARANTINE_ROWS,))
        total = sum(entry.count for entry in entries)
        self._db.execute("UPDATE counters SET value = value + ? WHERE name = 'quarantined'", (total,))

    def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these event ids are stored already."""
        sql = f"SELECT id FROM events WHERE id {self._db.among}"  # noqa: S608 — a constant of the engine
        return {row[0] for row in self._db.execute(sql, (json.dumps(list(ids)),)).fetchall()}

    def newest_alert(self, fingerprint: str) -> Alert | None:
        """The newest unresolved alert with this fingerprint."""
        where = "fingerprint = ? AND state <> 'resolved' ORDER BY last_ns DESC, id DESC LIMIT 1"
        return self._alert_where(where, fingerprint)

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        return self._alert_where("id = ?", alert_id)

    def _alert_where(self, where: str, value: str) -> Alert | None:
        sql = f"SELECT {', '.join(ALERT_COLUMNS)} FROM alerts WHERE {where}"  # noqa: S608 — constants only
        row = self._db.execute(sql, (value,)).fetchone()
        return None if row is None else alert_of(row)

    def newest_time(self, site: str, box: str, place: str, kind: str) -> int | None:
        """When an event of this kind was last seen at this place."""
        newest = "(SELECT max(e.time_ns) FROM events AS e WHERE e.cell = c.id)"
        sql = f"SELECT max({newest}) FROM cells AS c WHERE site = ? AND place = ? AND kind = ? AND box = ?"  # noqa: S608
        row = self._db.execute(sql, (site, place, kind, box)).fetchone()
        return int(row[0]) if row and row[0] is not None else None

    def positions(self) -> list[Position]:
        """All outboxes that were ever heard of."""
        sql = "SELECT site, box, epoch, ranges, lost, quarantined, first_seen_ns FROM positions"
        rows = self._db.execute(sql).fetchall()
        return [
            Position(site, box, epoch, Ranges(json.loads(ranges)), first_seen_ns, lost, quarantined)
            for site, box, epoch, ranges, lost, quarantined, first_seen_ns in rows
        ]

    def status_epochs(self) -> dict[tuple[str, str], str]:
        """(site, box) → the epoch in the box's status."""
        rows = self._db.execute("SELECT site, box, status FROM statuses").fetchall()
        return {(site, box): receipts.stored_status(text).epoch for site, box, text in rows}

    def beat(self, now_ns: int) -> None:
        """Write something small, to know that writing works."""
        with self._transaction() as db:
            db.execute("UPDATE counters SET value = ? WHERE name = 'beat_ns'", (now_ns,))

    def change_staff(self, change: Change, act: AuditEntry) -> bool:
        """Change an account and record it, in one transaction; False when nothing changed."""
        with self._transaction() as db:
            changed = accounts.change(db, change)
            if changed:
                audit.put(db, [act])
            return changed

    def use_step(self, name: str, step: int) -> bool:
        """Use up a time step of a second factor; False if it, or a later one, was used before."""
        with self._transaction() as db:
            return accounts.use_step(db, name, step)

    def use_up(self, user: User) -> bool:
        """Let nobody log in as this very one-time user again; False if somebody was faster."""
        with self._transaction() as db:
            return accounts.use_up(db, user)

    def sweep_staff(self, now_ns: int) -> int:
        """End one-time accounts without a session and record it, in one transaction; how many."""
        with self._transaction() as db:
            ended = accounts.sweep(db, now_ns)
            audit.put(db, ended)
            return len(ended)

    def put_session(self, session: Session, act: AuditEntry) -> None:
        """Add a session, record it, and drop those that have expired by then."""
        with self._transaction() as db:
            audit.put(db, [act])
            db.execute("DELETE FROM sessions WHERE expires_ns <= ?", (act.time_ns,))
            db.execute(_INSERT_SESSION, msgspec.structs.astuple(session))
            audit.put(db, accounts.sweep(db, act.time_ns))

    def drop_session(self, token_hash: str, act: AuditEntry) -> None:
        """End a session and record it."""
        with self._transaction() as db:
            audit.put(db, [act])
            db.execute("DELETE FROM sessions WHERE token_hash = ?", (token_hash,))
            audit.put(db, accounts.sweep(db, act.time_ns))

    def change_list(self, change: ListChange, act: AuditEntry) -> int:
        """Change a site's list and record it, in one transaction; the new version, 0 when nothing changed."""
        with self._transaction() as db:
            return site_lists.change(db, change, act)

    def open_case(self, case: Case, act: AuditEntry) -> None:
        """Open a case and record it, in one transaction."""
        with self._transaction() as db:
            cases.put(db, case, act)

    def close_case(self, act: AuditEntry) -> bool:
        """Close the act's case and record it, in one transaction; False where it is not open."""
        with self._transaction() as db:
            return cases.close(db, act)

    def ask_release(self, release: Release, act: AuditEntry) -> None:
        """Add a request for a clear copy and record it, in one transaction."""
        with self._transaction() as db:
            releases.put(db, release, act)

    def change_release(self, change: ReleaseChange) -> bool:
        """Change a release and record it, in one transaction; False where it is not any more what it was."""
        with self._transaction() as db:
            return releases.change(db, change)

    def want_clip(self, clip: Clip, act: AuditEntry) -> bool:
        """Have a clip made and record who asked, in one transaction; False where it is there or on its way."""
        with self._transaction() as db:
            wanted = clips.want(db, clip)
            if wanted:
                audit.put(db, [act])
            return wanted

    def change_clip(self, before: Clip, after: Clip) -> bool:
        """Change a clip that is still what it was; False where it is not."""
        with self._transaction() as db:
            return clips.change(db, before, after)

    def drop_clip(self, clip_id: str, act: AuditEntry | None) -> None:
        """Forget a clip and record it, in one transaction."""
        with self._transaction() as db:
            clips.drop(db, clip_id, act)

    def put_acts(self, done: Iterable[AuditEntry]) -> None:
        """Add to the record."""
        with self._transaction() as db:
            audit.put(db, done)

    def seal_record(self, seal: Callable[[int, bytes], Checkpoint]) -> Checkpoint:
        """Sign the record as it is now and keep that; `seal` makes the checkpoint from size and root."""
        with self._transaction() as db:
            size = audit.size(db)
            made = seal(size, merkle_tree.root(size, audit.nodes(db)))
            audit.put_checkpoint(db, made)
            return made

    def erase(self, what: Erasable, before_ns: int, most: int, act: AuditEntry) -> int:
        """Erase what was received before a moment, a bounded number of rows, and record how many; how many went."""
        with self._transaction() as db:
            gone = erase.erase(db, what, before_ns, most)
            up_to = {"up_to": str(erase.record_erased(db))} if what == "record" else {}
            self._told(db, msgspec.structs.replace(act, detail=act.detail | up_to), gone)
            return gone

    def walk(self, after: str, before_ns: int, most: int, act: AuditEntry) -> tuple[str, int]:
        """Erase old ones among the next events after an id, and record it; where to go on, and how many went."""
        with self._transaction() as db:
            place, gone = erase.scan_batch(db, after, before_ns, most)
            self._told(db, act, gone)
            return place, gone

    @staticmethod
    def _told(db: Database, act: AuditEntry, gone: int) -> None:
        if gone:
            audit.put(db, [msgspec.structs.replace(act, detail=act.detail | {"count": str(gone)})])

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def _event_row(filed: Filed, cell: int, genus: int) -> tuple[str | int | None, ...]:
    event = filed.event
    return (
        event.id, event.site, event.box, event.place, event.kind, event.time_ns, filed.received_ns,
        event.epoch, event.sequence, filed.alert, _encode(event.data).decode(), cell, genus,
    )  # fmt: skip


def _position_row(position: Position) -> tuple[str | int, ...]:
    return (
        position.site, position.box, position.epoch, json.dumps(list(position.ranges)),
        position.lost, position.quarantined, position.first_seen_ns,
    )  # fmt: skip
