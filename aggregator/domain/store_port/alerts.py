"""Alerts, and what ingest writes and reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from aggregator.domain.alert import Alert
from aggregator.domain.read_models import AlertQuery, Batch, Position


class AlertReader(Protocol):
    """Reads alerts."""

    def alerts(self, query: AlertQuery) -> list[Alert]:
        """Alerts, in the order of the query."""

    def alert_count(self, query: AlertQuery) -> int:
        """How many alerts there are, whatever the query's limit."""


class AlertLookup(Protocol):
    """What the alert engine asks of the connection that writes."""

    def newest_alert(self, fingerprint: str) -> Alert | None:
        """The newest unresolved alert with this fingerprint."""

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""

    def newest_event_time(self, site: str, box: str, place: str, kind: str) -> int | None:
        """When an event of this kind was last seen at this place, UTC nanoseconds."""


class IngestWriter(AlertLookup, Protocol):
    """Writes what boxes send."""

    def apply(self, batch: Batch) -> None:
        """Write all of a batch durably, or nothing."""

    def stored_event_ids(self, ids: Iterable[str]) -> set[str]:
        """Which of these event ids are stored already."""

    def positions(self) -> list[Position]:
        """All outboxes that were ever heard of."""

    def status_epochs(self) -> dict[tuple[str, str], str]:
        """(site, box) → the epoch in the box's status."""

    def write_heartbeat(self, now_ns: int) -> None:
        """Write something small, to know that writing works."""
