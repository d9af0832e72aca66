"""Where the aggregator keeps things. A new store is one module and one line in `STORES`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from aggregator.domain.account import Account, ApiToken, Change, TotpSecret
from aggregator.domain.alert import Alert
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.authorization import RoleAssignment, Scope
from aggregator.domain.case import Case
from aggregator.domain.clip import Clip
from aggregator.domain.read_models import (
    AlertQuery,
    Batch,
    Box,
    Camera,
    ListChange,
    ListRow,
    Moment,
    Origin,
    Passage,
    Place,
    Position,
    Quarantined,
    Session,
    User,
)
from aggregator.domain.release import Change as ReleaseChange
from aggregator.domain.release import Release
from aggregator.domain.search_query import Key, ResultPage, SearchQuery
from aggregator.settings.postgres import Postgres
from aggregator.storage.postgres import PostgresStore
from aggregator.storage.purge import Erasable
from aggregator.storage.sqlite import SqliteStore
from protocol.signing.checkpoints import Checkpoint


class Writer(Protocol):
    """The one connection that writes; used by one thread at a time. Everything raises `StoreError`."""

    def apply(self, batch: Batch) -> None:
        """Write all of `batch` durably, or nothing.

        Raises:
            StoreError: The store cannot write now (disk full, file gone): try again later.
            ContractError: The store can never hold these values.
        """

    def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these event ids are stored already."""

    def newest_alert(self, fingerprint: str) -> Alert | None:
        """The newest unresolved alert with this fingerprint."""

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""

    def newest_time(self, site: str, box: str, place: str, kind: str) -> int | None:
        """When an event of this kind was last seen at this place."""

    def positions(self) -> list[Position]:
        """All outboxes that were ever heard of."""

    def status_epochs(self) -> dict[tuple[str, str], str]:
        """(site, box) → the epoch in the box's status."""

    def beat(self, now_ns: int) -> None:
        """Write something small, to know that writing works."""

    def change_staff(self, change: Change, act: AuditEntry) -> bool:
        """Change an account and record it, in one transaction; False when nothing changed."""

    def use_step(self, name: str, step: int) -> bool:
        """Use up a time step of a second factor; False if it, or a later one, was used before."""

    def use_up(self, user: User) -> bool:
        """Let nobody log in as this very one-time user again; False if somebody was faster."""

    def sweep_staff(self, now_ns: int) -> int:
        """End one-time accounts without a session and record it, in one transaction; how many."""

    def put_session(self, session: Session, act: AuditEntry) -> None:
        """Add a session, record it, and drop those that have expired by then."""

    def drop_session(self, token_hash: str, act: AuditEntry) -> None:
        """End a session and record it."""

    def change_list(self, change: ListChange, act: AuditEntry) -> int:
        """Change a site's list and record it, in one transaction; the new version, 0 when nothing changed."""

    def open_case(self, case: Case, act: AuditEntry) -> None:
        """Open a case and record it, in one transaction.

        Raises:
            CaseError: There is one of that reference.
        """

    def close_case(self, act: AuditEntry) -> bool:
        """Close the act's case and record it, in one transaction; False where it is not open."""

    def ask_release(self, release: Release, act: AuditEntry) -> None:
        """Add a request for a clear copy and record it, in one transaction."""

    def change_release(self, change: ReleaseChange) -> bool:
        """Change a release and record it, in one transaction; False where it is not any more what it was.

        Raises:
            ContractError: The store does not allow it: who asked cannot decide.
        """

    def want_clip(self, clip: Clip, act: AuditEntry) -> bool:
        """Have a clip made and record who asked, in one transaction; False where it is there or on its way."""

    def change_clip(self, before: Clip, after: Clip) -> bool:
        """Change a clip that is still what it was; False where it is not."""

    def drop_clip(self, clip_id: str, act: AuditEntry | None) -> None:
        """Forget a clip and record it, in one transaction."""

    def put_acts(self, acts: Iterable[AuditEntry]) -> None:
        """Add to the record."""

    def seal_record(self, seal: Callable[[int, bytes], Checkpoint]) -> Checkpoint:
        """Sign the record as it is now and keep that; `seal` makes the checkpoint from size and root."""

    def erase(self, what: Erasable, before_ns: int, most: int, act: AuditEntry) -> int:
        """Erase what was received before a moment, a bounded number of rows, and record how many; how many went."""

    def walk(self, after: str, before_ns: int, most: int, act: AuditEntry) -> tuple[str, int]:
        """Erase old ones among the next events after an id, and record it; where to go on, and how many went."""

    def close(self) -> None:
        """Close the connection."""


class Reader(Protocol):
    """Reading, from any thread, beside the writer."""

    def alerts(self, query: AlertQuery) -> list[Alert]:
        """Alerts, in the order of the query."""

    def alert_count(self, query: AlertQuery) -> int:
        """How many alerts there are, whatever the query's limit."""

    def boxes(self) -> list[Box]:
        """All boxes with their outboxes' positions."""

    def cameras(self) -> list[Camera]:
        """All cameras."""

    def quarantine(self, limit: int) -> list[Quarantined]:
        """The newest quarantined messages."""

    def quarantine_count(self) -> int:
        """How many messages were quarantined, repetitions included."""

    def picture(self, event_id: str) -> bytes | None:
        """The redacted JPEG of an event."""

    def whereabouts(self, event_id: str) -> tuple[str, str] | None:
        """Site and place of an event."""

    def origin(self, event_id: str) -> Origin | None:
        """Where and when an event was seen."""

    def beaten_ns(self) -> int:
        """When the aggregator last wrote something; 0: never."""

    def event_count(self) -> int:
        """How many events are stored."""

    def user(self, name: str) -> User | None:
        """A user."""

    def session(self, token_hash: str, now_ns: int) -> Session | None:
        """A session that has not expired."""

    def accounts(self, name: str | None = None) -> list[Account]:
        """All users with their roles, or the one of a name."""

    def grants(self, name: str) -> tuple[RoleAssignment, ...]:
        """Somebody's roles."""

    def token(self, token_hash: str, now_ns: int) -> ApiToken | None:
        """An API token that has not expired."""

    def tokens(self, name: str) -> list[ApiToken]:
        """A user's API tokens, newest first."""

    def factor(self, name: str) -> TotpSecret | None:
        """A user's second factor."""

    def linked(self, subject: str) -> str | None:
        """The user that a subject of the identity provider is tied to."""

    def places(self) -> list[Place]:
        """All gates and doors, as their boxes last told."""

    def passages(self, site: str, box: str, place: str, limit: int) -> list[Passage]:
        """The newest events of vehicles or doors at a place: a gate's camera, or a door."""

    def moments(self, site: str, box: str, place: str, span: tuple[int, int]) -> list[Moment]:
        """When something happened at a place within a span of UTC nanoseconds, oldest first; bounded."""

    def list_rows(self, site: str) -> list[ListRow]:
        """A site's list, newest first."""

    def list_versions(self) -> dict[str, int]:
        """Site → version of its list, of all sites that have one."""

    def search(self, question: SearchQuery, after: Key | None = None) -> ResultPage:
        """Metadata that matches, newest first; `after` is where the page before said that this one begins."""

    def case(self, case_id: str) -> Case | None:
        """A case."""

    def cases(self, site: str | None = None, limit: int = 100) -> list[Case]:
        """The newest cases, of a site or of all."""

    def release(self, release_id: str) -> Release | None:
        """A release."""

    def open_releases(self) -> list[Release]:
        """Releases that something may have to be done about, oldest first."""

    def releases(self, who: str, within: Scope, limit: int = 100) -> list[Release]:
        """The newest releases that somebody asked for, or that lie within whole sites."""

    def clip(self, clip_id: str) -> Clip | None:
        """A clip, by its alert."""

    def due_clips(self, now_ns: int, most: int) -> list[Clip]:
        """Open ones whose box is to be asked."""

    def old_clips(self, now_ns: int, most: int) -> list[Clip]:
        """Those whose time is over."""

    def stored_clips(self, alerts: Iterable[str]) -> set[str]:
        """Which of these alerts have a clip."""

    def record(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries of the record with their numbers, from the one after `after`."""

    def record_size(self) -> int:
        """How many entries the record has."""

    def newest_acts(self, before: int | None, limit: int) -> list[tuple[int, bytes]]:
        """Entries of the record that were not erased, newest first, from the one before `before`."""

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """Hashes of entries, from the one after `after`: they stay when an entry is erased."""

    def checkpoints(self) -> list[Checkpoint]:
        """The record's checkpoints, oldest first."""

    def proofs(self, index: int, old: int, size: int) -> tuple[list[bytes], list[bytes]]:
        """Proof that entry `index` is in the record of `size`, and that the one of `old` is its beginning."""


class Store(Protocol):
    """A store: one writer, any number of readers."""

    def writer(self, sole: bool = True) -> Writer:
        """Open the writing connection, migrating what an older version left.

        Args:
            sole: Be the one aggregator; False: write beside the one that may be running.
        """

    def reader(self) -> Reader:
        """Something to read with; cheap, may be shared between threads."""

    def close(self) -> None:
        """Close what readers share. The writer is closed by itself."""


class Make(Protocol):
    """Makes a store from the data folder and the settings of a server; each takes what it needs."""

    def __call__(self, folder: Path, server: Postgres = ..., /) -> Store:
        """The store; nothing is opened yet."""


STORES: dict[str, Make] = {
    "sqlite": SqliteStore,
    "postgres": PostgresStore,
}
"""Name in the settings → makes the store."""
