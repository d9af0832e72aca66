"""Events, boxes and places; what is erased when its retention is over."""

from __future__ import annotations

from typing import Literal, Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Box, Camera, Origin, Passage, Place, Quarantined, TimelineEvent

Purgeable = Literal["pictures", "events", "alerts", "record", "feed"]
"""What has a maximum retention; `record` is the audit log, whose hashes stay."""


class EventReader(Protocol):
    """Reads single events."""

    def picture(self, event_id: str) -> bytes | None:
        """The redacted JPEG of an event."""

    def event_origin(self, event_id: str) -> Origin | None:
        """Where and when an event was seen."""

    def passage(self, event_id: str) -> tuple[str, Passage] | None:
        """An event at a gate or a door, with its site; `picture` is not looked up."""

    def event_count(self) -> int:
        """How many events are stored."""

    def timeline(self, site: str, box: str, place: str, span: tuple[int, int]) -> list[TimelineEvent]:
        """When something happened at a place within a span of UTC nanoseconds, oldest first; bounded."""

    def timeline_bins(self, where: tuple[str, str, str], span: tuple[int, int], bins: int) -> list[int]:
        """How many events there are in each of `bins` equal parts of a span; `where` is site, box and place."""

    def passages(self, site: str, box: str, place: str, limit: int) -> list[Passage]:
        """The newest events of vehicles or doors at a place: a gate's camera, or a door."""


class FleetReader(Protocol):
    """Reads what boxes report, and what was refused of it."""

    def boxes(self) -> list[Box]:
        """All boxes with their outboxes' positions."""

    def cameras(self) -> list[Camera]:
        """All cameras, as their boxes last reported."""

    def places(self) -> list[Place]:
        """All gates and doors, as their boxes last reported."""

    def box_jobs(self, site: str, box: str) -> dict[str, int]:
        """The jobs that a box has begun, with their progress in per cent, as it last reported."""

    def quarantine(self, limit: int) -> list[Quarantined]:
        """The newest quarantined messages."""

    def quarantine_count(self) -> int:
        """How many messages were quarantined, repetitions included."""

    def last_heartbeat_ns(self) -> int:
        """When the aggregator last wrote something; 0: never."""


class RetentionWriter(Protocol):
    """Erases what is past its maximum retention."""

    def purge(self, what: Purgeable, before_ns: int, limit: int, entry: AuditEntry) -> int:
        """Erase what was received before a time, at most `limit` rows; how many."""

    def purge_scan(self, after: str, before_ns: int, limit: int, entry: AuditEntry) -> tuple[str, int]:
        """Erase old ones among the next events after an id; where to go on, and how many."""

    def end_one_time_accounts(self, now_ns: int) -> int:
        """End one-time accounts without a session; how many."""
