"""The writing half of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy import Connection

from aggregator.domain import merkle_tree
from aggregator.domain.account import Change
from aggregator.domain.alert import Alert
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.case import Case
from aggregator.domain.clip import Clip
from aggregator.domain.read_models import Batch, ListChange, Position, Session, User
from aggregator.domain.release import Change as ReleaseChange
from aggregator.domain.release import Release
from aggregator.storage import purge
from aggregator.storage.database import Database
from aggregator.storage.purge import Erasable
from aggregator.storage.tables import accounts, alerts, audit, cases, clips, events, releases, site_lists
from aggregator.storage.tables.event_series import CELLS, GENERA, EventSeries
from protocol.signing.checkpoints import Checkpoint


class SqlWriter:
    """The one connection that writes.

    Args:
        db: The connection; owned by this object.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._cells, self._genera = EventSeries(*CELLS), EventSeries(*GENERA)

    def apply(self, batch: Batch) -> None:
        """Write all of `batch` durably, or nothing."""
        try:
            with self._db.transaction() as db:
                events.put(db, batch, self._cells, self._genera)
        except BaseException:
            self._cells.forget()
            self._genera.forget()
            raise

    def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these event ids are stored already."""
        with self._db.connection() as db:
            return events.known(db, ids)

    def newest_alert(self, fingerprint: str) -> Alert | None:
        """The newest unresolved alert with this fingerprint."""
        with self._db.connection() as db:
            return alerts.newest_unresolved(db, fingerprint)

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        with self._db.connection() as db:
            return alerts.one(db, alert_id)

    def newest_time(self, site: str, box: str, place: str, kind: str) -> int | None:
        """When an event of this kind was last seen at this place."""
        with self._db.connection() as db:
            return events.newest_time(db, site, box, place, kind)

    def positions(self) -> list[Position]:
        """All outboxes that were ever heard of."""
        with self._db.connection() as db:
            return events.outbox_positions(db)

    def status_epochs(self) -> dict[tuple[str, str], str]:
        """(site, box) → the epoch in the box's status."""
        with self._db.connection() as db:
            return events.status_epochs(db)

    def beat(self, now_ns: int) -> None:
        """Write something small, to know that writing works."""
        with self._db.transaction() as db:
            events.set_counter(db, "beat_ns", now_ns)

    def change_staff(self, change: Change, act: AuditEntry) -> bool:
        """Change an account and record it, in one transaction; False when nothing changed."""
        with self._db.transaction() as db:
            changed = accounts.change(db, change)
            if changed:
                audit.append(db, [act])
            return changed

    def use_step(self, name: str, step: int) -> bool:
        """Use up a time step of a second factor; False if it, or a later one, was used before."""
        with self._db.transaction() as db:
            return accounts.use_step(db, name, step)

    def use_up(self, user: User) -> bool:
        """Let nobody log in as this very one-time user again; False if somebody was faster."""
        with self._db.transaction() as db:
            return accounts.use_up(db, user)

    def sweep_staff(self, now_ns: int) -> int:
        """End one-time accounts without a session and record it, in one transaction; how many."""
        with self._db.transaction() as db:
            ended = accounts.end_one_time(db, now_ns)
            audit.append(db, ended)
            return len(ended)

    def put_session(self, session: Session, act: AuditEntry) -> None:
        """Add a session, record it, and drop those that have expired by then."""
        with self._db.transaction() as db:
            audit.append(db, [act])
            accounts.put_session(db, session, act.time_ns)
            audit.append(db, accounts.end_one_time(db, act.time_ns))

    def drop_session(self, token_hash: str, act: AuditEntry) -> None:
        """End a session and record it."""
        with self._db.transaction() as db:
            audit.append(db, [act])
            accounts.drop_session(db, token_hash)
            audit.append(db, accounts.end_one_time(db, act.time_ns))

    def change_list(self, change: ListChange, act: AuditEntry) -> int:
        """Change a site's list and record it, in one transaction; the new version, 0 when nothing changed."""
        with self._db.transaction() as db:
            return site_lists.change(db, change, act)

    def open_case(self, case: Case, act: AuditEntry) -> None:
        """Open a case and record it, in one transaction."""
        with self._db.transaction() as db:
            cases.put(db, case, act)

    def close_case(self, act: AuditEntry) -> bool:
        """Close the act's case and record it, in one transaction; False where it is not open."""
        with self._db.transaction() as db:
            return cases.close(db, act)

    def ask_release(self, release: Release, act: AuditEntry) -> None:
        """Add a request for a clear copy and record it, in one transaction."""
        with self._db.transaction() as db:
            releases.put(db, release, act)

    def change_release(self, change: ReleaseChange) -> bool:
        """Change a release and record it, in one transaction; False where it is not any more what it was."""
        with self._db.transaction() as db:
            return releases.change(db, change)

    def want_clip(self, clip: Clip, act: AuditEntry) -> bool:
        """Have a clip made and record who asked, in one transaction; False where it is there or on its way."""
        with self._db.transaction() as db:
            wanted = clips.request(db, clip)
            if wanted:
                audit.append(db, [act])
            return wanted

    def change_clip(self, before: Clip, after: Clip) -> bool:
        """Change a clip that is still what it was; False where it is not."""
        with self._db.transaction() as db:
            return clips.change(db, before, after)

    def drop_clip(self, clip_id: str, act: AuditEntry | None) -> None:
        """Forget a clip and record it, in one transaction."""
        with self._db.transaction() as db:
            clips.drop(db, clip_id, act)

    def put_acts(self, done: Iterable[AuditEntry]) -> None:
        """Add to the record."""
        with self._db.transaction() as db:
            audit.append(db, done)

    def seal_record(self, seal: Callable[[int, bytes], Checkpoint]) -> Checkpoint:
        """Sign the record as it is now and keep that; `seal` makes the checkpoint from size and root."""
        with self._db.transaction() as db:
            size = audit.size(db)
            made = seal(size, merkle_tree.root(size, audit.nodes(db)))
            audit.put_checkpoint(db, made)
            return made

    def erase(self, what: Erasable, before_ns: int, most: int, act: AuditEntry) -> int:
        """Erase what was received before a moment, a bounded number of rows, and record how many; how many went."""
        with self._db.transaction() as db:
            gone = purge.erase(db, what, before_ns, most)
            up_to = {"up_to": str(purge.record_erased(db))} if what == "record" else {}
            self._told(db, msgspec.structs.replace(act, detail=act.detail | up_to), gone)
            return gone

    def walk(self, after: str, before_ns: int, most: int, act: AuditEntry) -> tuple[str, int]:
        """Erase old ones among the next events after an id, and record it; where to go on, and how many went."""
        with self._db.transaction() as db:
            place, gone = purge.scan_batch(db, after, before_ns, most)
            self._told(db, act, gone)
            return place, gone

    @staticmethod
    def _told(db: Connection, act: AuditEntry, gone: int) -> None:
        if gone:
            audit.append(db, [msgspec.structs.replace(act, detail=act.detail | {"count": str(gone)})])

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
