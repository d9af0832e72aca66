"""Consumers and the feed."""

from __future__ import annotations

from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.feed_entry import ConsumerUse, FeedEntry, FeedSpan, Receipt


class ConsumerReader(Protocol):
    """Reads consumers."""

    def consumers(self) -> list[Consumer]:
        """All consumers, the newest first."""

    def consumer(self, consumer_id: str) -> Consumer | None:
        """One consumer."""

    def consumer_by_token(self, token_hash: str) -> Consumer | None:
        """The consumer of a token."""

    def consumer_uses(self, hour: int) -> dict[str, ConsumerUse]:
        """Consumer → how much it was sent in this hour, and how far it has read."""


class ConsumerWriter(Protocol):
    """Writes consumers."""

    def add_consumer(self, consumer: Consumer, entry: AuditEntry) -> bool:
        """Add a consumer; False where there is one of that name."""

    def change_consumer(self, before: Consumer, after: Consumer, entry: AuditEntry) -> bool:
        """Replace a consumer; False where it has changed meanwhile."""


class FeedReader(ConsumerReader, Protocol):
    """Reads the feed."""

    def feed_span(self) -> FeedSpan:
        """From where to where the feed is kept."""

    def feed_entries(self, after: int, limit: int) -> list[FeedEntry]:
        """Entries after a position, in order. Commits have an order, so that none appears before one that was read."""

    def feed_entry_of(self, event_id: str) -> FeedEntry | None:
        """The entry of an event; None where it is not kept any more."""

    def picture(self, event_id: str) -> bytes | None:
        """The redacted JPEG of an event."""


class FeedWriter(ConsumerWriter, Protocol):
    """Writes what consumers were sent."""

    def take_from_feed(self, receipt: Receipt, most: int) -> bool:
        """Count entries that are about to be handed over; False where nothing may be handed over now.

        Args:
            receipt: Who gets how much, and when.
            most: Of an hour.
        """

    def log_feed_use(self, before_hour: int, now_ns: int, limit: int) -> int:
        """Write the counts of hours that are over into the audit log, and forget them once they are old; how many."""
