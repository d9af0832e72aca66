"""Makes the messages of a webhook from the feed, and sends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.feed_entry import FeedEntry, cloud_event, shown_to
from aggregator.domain.feeds.webhook import (
    MOST_BATCH,
    MOST_BATCH_BYTES,
    MOST_BEGUN,
    Attempt,
    DeadLetter,
    Mode,
    Webhook,
)
from aggregator.domain.store_port.feeds import WebhookReader
from aggregator.notifications import webhook_signature
from aggregator.notifications.webhook_client import WebhookClient
from aggregator.notifications.webhook_signature import SigningSecret
from aggregator.storage.keyring import KeyRing
from common.clock import SECOND_NS, Clock

SEALED = "webhook"
"""What addresses and secrets are encrypted for."""
SCANS = (2 * MOST_BATCH, 1_000)
"""Entries that are read first, and where none of them is for the consumer."""
_TYPES: dict[Mode, str] = {
    "structured": "application/cloudevents+json; charset=utf-8",
    "batched": "application/cloudevents-batch+json; charset=utf-8",
}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Message:
    """What is sent in one request.

    Attributes:
        id: The same one when it is sent again.
        first: Position of its first entry of the feed; `last` of its last one.
        events: How many events it holds.
    """

    id: str
    first: int
    last: int
    events: int
    body: bytes


@dataclass(frozen=True)
class Passed:
    """There is nothing for the consumer up to a position; `lost` where entries were erased before they were sent."""

    position: int
    lost: bool = False


@dataclass(frozen=True)
class WebhookSender:
    """Called from any thread, but for sending, which belongs to the event loop.

    Args:
        reader: Consumers, webhooks and the feed.
        keys: Open addresses and secrets.
        client: Makes the requests.
        areas: The areas of each place.
        clock: The present.
    """

    reader: WebhookReader
    keys: KeyRing
    client: WebhookClient
    areas: Areas
    clock: Clock

    def next(self, webhook: Webhook, consumer: Consumer, most: int) -> list[Message] | Passed | None:
        """The next messages after a webhook's position, which begin together; None: there is nothing at present.

        What is under way is made of the same entries again.

        Args:
            webhook: Whose.
            consumer: What it may get.
            most: Events that it may get now; at least 1.

        Raises:
            StoreError: The store cannot be read.
        """
        passed: Passed | None = None
        for limit in SCANS:
            found = self.reader.feed_entries(webhook.position, limit)
            span = self.reader.feed_span()
            if webhook.position < span.oldest:
                return Passed(span.oldest, lost=True)
            if not found:
                return None
            until = webhook.sending if webhook.sending > webhook.position else found[-1].position
            chosen = self._chosen(consumer, found, until)
            if chosen:
                return self._messages(webhook, consumer, chosen[:most])
            passed = Passed(until)
        return passed

    def again(self, letter: DeadLetter, webhook: Webhook, consumer: Consumer) -> Message | None:
        """The message of a dead letter; None where its entries are not kept any more, or not for the consumer."""
        # a letter of erased entries may name millions, and those that follow them would be read
        found = self.reader.feed_entries(letter.first - 1, min(letter.last - letter.first + 1, SCANS[-1]))
        chosen = self._chosen(consumer, found, letter.last)
        if not chosen or chosen[0].position != letter.first:
            return None
        return self._batch(consumer, chosen) if webhook.mode == "batched" else self._single(consumer, chosen[0])

    async def send(self, webhook: Webhook, message: Message) -> Attempt:
        """Make one attempt.

        Raises:
            ListError: The address cannot be opened.
        """
        now_ns = self.clock.wall_ns()
        secrets = [self._secret(webhook.secret)]
        if webhook.previous and now_ns < webhook.previous_until_ns:
            secrets.append(self._secret(webhook.previous))
        headers = webhook_signature.headers(message.id, now_ns // SECOND_NS, message.body, secrets)
        headers["Content-Type"] = _TYPES[webhook.mode]
        return await self.client.post(self.keys.shown(SEALED, webhook.address), headers, message.body)

    def test_message(self, webhook: Webhook, message_id: str, time: str) -> Message:
        """A message that is no event."""
        event: dict[str, Any] = {
            "specversion": "1.0", "id": message_id, "source": "/", "type": "paifang.test.v1", "time": time,
            "datacontenttype": "application/json", "data": {"test": True},
        }  # fmt: skip
        return Message(message_id, 0, 0, 1, _encode([event] if webhook.mode == "batched" else event))

    def seal(self, text: str) -> bytes:
        """An address as it is stored."""
        return self.keys.hidden(SEALED, text)

    def seal_secret(self, secret: SigningSecret) -> bytes:
        """Keys as they are stored."""
        return self.keys.hidden(SEALED, _encode(secret).decode())

    def _chosen(self, consumer: Consumer, found: list[FeedEntry], until: int) -> list[FeedEntry]:
        """The entries up to a position that are for the consumer."""
        within = consumer.selection.within(self.areas)
        return [it for it in found if it.position <= until and shown_to(consumer, within, it)]

    def _secret(self, sealed: bytes) -> SigningSecret:
        return msgspec.json.decode(self.keys.shown(SEALED, sealed), type=SigningSecret)

    def _messages(self, webhook: Webhook, consumer: Consumer, chosen: list[FeedEntry]) -> list[Message]:
        if webhook.mode == "batched":
            return [self._batch(consumer, chosen)]
        most = 1 if webhook.rate else MOST_BEGUN
        return [self._single(consumer, entry) for entry in chosen[:most]]

    @staticmethod
    def _single(consumer: Consumer, entry: FeedEntry) -> Message:
        event = cloud_event(consumer, entry)
        return Message(event["id"].replace(".", "-"), entry.position, entry.position, 1, _encode(event))

    @staticmethod
    def _batch(consumer: Consumer, chosen: list[FeedEntry]) -> Message:
        parts: list[bytes] = []
        for entry in chosen[:MOST_BATCH]:
            part = _encode(cloud_event(consumer, entry))
            if parts and sum(map(len, parts)) + len(part) > MOST_BATCH_BYTES:
                break
            parts.append(part)
        first, last = chosen[0].position, chosen[len(parts) - 1].position
        return Message(f"batch-{first}-{last}", first, last, len(parts), b"[" + b",".join(parts) + b"]")
