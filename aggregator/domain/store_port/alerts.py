"""Alerts with their history, and what ingest writes and reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from aggregator.domain.alerts.history import AlertEvent, HistoryEntry
from aggregator.domain.alerts.types import Alert, Severity
from aggregator.domain.read_models import AlertQuery, Batch, Position
from aggregator.domain.store_port.quiet import QuietLookup

OpenCounts = Mapping[tuple[str, str, Severity, bool], int]
"""(site, place, severity, suppressed) → how many open alerts there are."""


class AlertHistoryReader(Protocol):
    """Reads what happened to alerts."""

    def history(self, alert_id: str, limit: int, before: str | None = None) -> list[HistoryEntry]:
        """Entries of an alert, newest first; `before` is the id of the last one of the page before."""


class AlertReader(AlertHistoryReader, Protocol):
    """Reads alerts."""

    def alerts(self, query: AlertQuery) -> list[Alert]:
        """Alerts, in the order of the query."""

    def alert_count(self, query: AlertQuery) -> int:
        """How many alerts there are, whatever the query's limit and page."""

    def alert_counts(self, query: AlertQuery) -> dict[Severity, int]:
        """How many open alerts there are of each severity, whatever the query's status, limit and page."""

    def open_counts(self) -> OpenCounts:
        """How many open alerts there are, by place and severity."""

    def alert_by_id(self, alert_id: str) -> Alert | None:
        """One alert."""

    def alert_events(self, alert: Alert, limit: int) -> list[AlertEvent]:
        """The newest events of an alert, and of those that were merged into it."""


class AlertLookup(Protocol):
    """What the alert engine reads with the connection that writes."""

    def newest_alert(self, fingerprint: str) -> Alert | None:
        """The newest open alert with this fingerprint, or that one with it was merged into."""

    def known_fingerprints(self, fingerprints: Iterable[str]) -> set[str]:
        """Those of them for which `newest_alert` may find one."""

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""

    def due_alerts(self, now_ns: int, limit: int) -> list[Alert]:
        """Open alerts whose `due_ns` or `suppressed_until_ns` is over, the oldest first."""

    def newest_event_time(self, site: str, box: str, place: str, kind: str) -> int | None:
        """When an event of this kind was last seen at this place, UTC nanoseconds."""

    def events_of_alert(self, alert: Alert, limit: int) -> list[AlertEvent]:
        """As `AlertReader.alert_events`, without those of merged ones."""

    def events_by_id(self, alert_id: str, ids: Iterable[str]) -> list[AlertEvent]:
        """Those of these events that belong to the alert, newest first."""


class IngestWriter(AlertLookup, QuietLookup, Protocol):
    """Writes what boxes send."""

    def apply(self, batch: Batch) -> None:
        """Write all of a batch durably, or nothing."""

    def stored_event_ids(self, ids: Iterable[str]) -> set[str]:
        """Which of these event ids are stored already."""

    def positions(self) -> list[Position]:
        """All outboxes that ever sent an event."""

    def status_epochs(self) -> dict[tuple[str, str], str]:
        """(site, box) → the epoch in the box's status."""

    def write_heartbeat(self, now_ns: int) -> None:
        """Write something small, to know that writing works."""
