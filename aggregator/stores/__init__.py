"""Where the aggregator keeps things. A new store is one module and one line in `STORES`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from aggregator.alerts import Alert
from aggregator.stores.records import (
    AlertQuery,
    Batch,
    Box,
    Camera,
    Position,
    Quarantined,
    Session,
    User,
)
from aggregator.stores.sqlite import SqliteStore


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

    def put_user(self, user: User) -> None:
        """Add or replace a user."""

    def use_up(self, user: User) -> bool:
        """Remove this very one-time user; False if somebody was faster."""

    def put_session(self, session: Session, now_ns: int) -> None:
        """Add a session and drop those that have expired."""

    def drop_session(self, token_hash: str) -> None:
        """End a session."""

    def close(self) -> None:
        """Close the connection."""


class Reader(Protocol):
    """Reading, from any thread, beside the writer."""

    def alerts(self, query: AlertQuery) -> list[Alert]:
        """Alerts, newest first."""

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

    def event_count(self) -> int:
        """How many events are stored."""

    def user(self, name: str) -> User | None:
        """A user."""

    def session(self, token_hash: str, now_ns: int) -> Session | None:
        """A session that has not expired."""


class Store(Protocol):
    """A store: one writer, any number of readers."""

    def writer(self) -> Writer:
        """Open the writing connection, migrating what an older version left."""

    def reader(self) -> Reader:
        """Something to read with; cheap, may be shared between threads."""


STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite": SqliteStore,
}
"""Name in the settings → makes the store in a data folder."""
