"""Consumers, the feed, webhooks, MQTT out and outputs of video."""

from __future__ import annotations

from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.feed_entry import ConsumerUse, FeedEntry, FeedSpan, Receipt
from aggregator.domain.feeds.mqtt_output import MqttOutput
from aggregator.domain.feeds.video_output import LiveOutput
from aggregator.domain.feeds.webhook import DeadLetter, Webhook


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


class WebhookReader(FeedReader, Protocol):
    """Reads webhooks."""

    def webhooks(self, consumer_id: str) -> list[Webhook]:
        """A consumer's webhooks, oldest first."""

    def webhook(self, webhook_id: str) -> Webhook | None:
        """One webhook."""

    def due_webhooks(self, now_ns: int, newest: int, limit: int) -> list[Webhook]:
        """Webhooks of active consumers that have something to send, and may now; `newest` is the feed's end."""

    def dead_letters(self, webhook_id: str, limit: int, before: str | None = None) -> list[DeadLetter]:
        """Messages that were given up, the newest first; `before` is the id of the last one of the page before."""

    def dead_letter_counts(self) -> dict[str, int]:
        """Webhook → how many of its messages were given up."""

    def next_replay(self, webhook_id: str) -> DeadLetter | None:
        """The oldest message that is to be sent again."""


class WebhookWriter(FeedWriter, Protocol):
    """Writes webhooks."""

    def webhook_now(self, webhook_id: str) -> Webhook | None:
        """A webhook, as the writer sees it."""

    def add_webhook(self, webhook: Webhook, most: int, entry: AuditEntry) -> bool:
        """Add a webhook; False where its consumer has as many as there may be."""

    def change_webhook(
        self, before: Webhook, after: Webhook, entry: AuditEntry | None = None, letter: DeadLetter | None = None
    ) -> bool:
        """Replace a webhook, with the message that is given up; False where it has changed meanwhile."""

    def begin_webhook(self, before: Webhook, after: Webhook, receipt: Receipt | None, most: int) -> bool | None:
        """Begin an attempt and count its events, all or nothing.

        Returns:
            False where the webhook has changed meanwhile; None where the consumer may get nothing more now.
        """

    def end_webhook(self, before: Webhook, after: Webhook, letter: DeadLetter | None, unused: Receipt) -> bool:
        """End an attempt; what was counted and not sent is taken back. False where it has changed meanwhile."""

    def drop_webhook(self, webhook_id: str, entry: AuditEntry) -> bool:
        """Remove a webhook with its dead letters; False: there is none."""

    def replay_letter(self, webhook_id: str, letter_id: str, entry: AuditEntry) -> bool:
        """Have a message sent again; False: there is none that was given up."""

    def end_replay(self, letter_id: str, problem: str | None) -> None:
        """A message was sent again (None), or was not: why."""


class MqttReader(FeedReader, Protocol):
    """Reads the outputs of consumers at the broker."""

    def mqtt_outputs(self) -> list[MqttOutput]:
        """All of them."""

    def mqtt_output(self, consumer_id: str) -> MqttOutput | None:
        """That of a consumer."""

    def due_mqtt_outputs(self, now_ns: int, limit: int) -> list[MqttOutput]:
        """Those of active consumers that may publish now."""


class MqttWriter(FeedWriter, Protocol):
    """Writes the outputs of consumers at the broker."""

    def mqtt_output_now(self, consumer_id: str) -> MqttOutput | None:
        """That of a consumer, as the writer sees it."""

    def add_mqtt_output(self, output: MqttOutput, most: int, entry: AuditEntry) -> bool:
        """Add one; False where there are as many as there may be, or the consumer has one."""

    def change_mqtt_output(self, before: MqttOutput, after: MqttOutput, entry: AuditEntry | None = None) -> bool:
        """Replace one; False where it has changed meanwhile."""

    def end_mqtt_attempt(self, before: MqttOutput, after: MqttOutput, unused: Receipt | None) -> bool:
        """End an attempt; what was counted and not acknowledged is taken back. False where it has changed meanwhile."""

    def drop_mqtt_output(self, consumer_id: str, entry: AuditEntry) -> bool:
        """Remove that of a consumer; False: it has none."""


class VideoOutputReader(ConsumerReader, Protocol):
    """Reads receivers of live video."""

    def video_outputs(self, consumer_id: str) -> list[LiveOutput]:
        """A consumer's outputs, oldest first."""

    def video_output(self, output_id: str) -> LiveOutput | None:
        """One output."""

    def wanted_video_outputs(self, now_ns: int, limit: int) -> list[LiveOutput]:
        """Active outputs of active consumers, oldest first."""


class VideoOutputWriter(Protocol):
    """Writes receivers of live video."""

    def video_output_now(self, output_id: str) -> LiveOutput | None:
        """An output, as the writer sees it."""

    def add_video_output(self, output: LiveOutput, most: int, entry: AuditEntry) -> bool:
        """Add an output; False where its consumer has as many as there may be."""

    def change_video_output(self, before: LiveOutput, after: LiveOutput, entry: AuditEntry | None = None) -> bool:
        """Replace an output; False where it has changed meanwhile."""

    def drop_video_output(self, output_id: str, entry: AuditEntry) -> bool:
        """Remove an output; False: there is none."""
