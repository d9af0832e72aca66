"""Webhooks of consumers, for administrators: add, confirm, replace keys, test, replay, remove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds import webhook as rules
from aggregator.domain.feeds.consumer import Consumer, check_approved
from aggregator.domain.feeds.webhook import MOST_OF_A_CONSUMER, Attempt, DeadLetter, Mode, Webhook
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.audit import AuditWriter
from aggregator.domain.store_port.feeds import WebhookReader, WebhookWriter
from aggregator.notifications.webhook_client import check_address
from aggregator.notifications.webhook_signature import SigningSecret
from aggregator.services.feeds.consumer_service import ConsumerService
from aggregator.services.feeds.webhook_sender import SEALED, WebhookSender
from common.errors import CursorExpired, FeedConflict, FeedError
from protocol.identifiers import to_rfc3339

ASKED_RATE = 600
"""Requests a minute that the handshake asks for."""
MOST_LETTERS = 100


class WebhookAuditWriter(WebhookWriter, AuditWriter, Protocol):
    """Writes webhooks, and test events into the audit log."""


@dataclass(frozen=True)
class ShownWebhook:
    """A webhook with what it has still to send.

    Attributes:
        lag: Entries of the feed after its position.
        dead_letters: Messages that were given up.
    """

    webhook: Webhook
    lag: int
    dead_letters: int


@dataclass(frozen=True)
class WebhookService:
    """Called on the event loop; the store is asked beside it.

    Args:
        reader: Webhooks and the feed.
        queue: Of the store's writer.
        consumers: Finds consumers within an administrator's reach.
        sender: Sends test messages; encrypts.
        origin: How this aggregator is called in handshakes.
        random: Makes random bytes, for keys.
        wake: Lets the jobs look at once.
    """

    reader: WebhookReader
    queue: WriteJobs[WebhookAuditWriter]
    consumers: ConsumerService
    sender: WebhookSender
    origin: str
    random: Callable[[int], bytes]
    wake: Callable[[], None] = lambda: None

    async def webhooks(self, caller: Principal, consumer_id: str) -> list[ShownWebhook]:
        """A consumer's webhooks.

        Raises:
            FeedError: There is no such consumer within the caller's reach.
        """
        consumer = await self.consumers.find(caller, consumer_id)
        return await asyncio.to_thread(self._shown, consumer.id)

    async def add(self, caller: Principal, consumer_id: str, url: str, mode: Mode) -> tuple[Webhook, SigningSecret]:
        """Add a webhook and ask its receiver for consent; its keys are shown once.

        A receiver that does not consent is kept as unconfirmed: it can be asked again.

        Raises:
            FeedConflict: The consumer is not approved, or has too many.
            FeedError: The address may not be used.
        """
        consumer = await self.consumers.find(caller, consumer_id)
        check_approved(consumer, self.sender.clock.wall_ns(), "webhooks")
        host = check_address(url, self.sender.client.networks)
        keys, now_ns = SigningSecret.new(self.random), self.sender.clock.wall_ns()
        newest = (await asyncio.to_thread(self.reader.feed_span)).newest
        made = Webhook(
            id=self.consumers.random.new_id(), consumer=consumer.id, host=host, mode=mode,
            address=self.sender.seal(url), secret=self.sender.seal_secret(keys), position=newest, sending=newest,
            made_by=caller.name, made_ns=now_ns,
        )  # fmt: skip
        entry = self._entry(caller, consumer, made, "webhook added")
        if not await self.queue.write(lambda store: store.add_webhook(made, MOST_OF_A_CONSUMER, entry)):
            raise FeedConflict(f"a consumer has at most {MOST_OF_A_CONSUMER} webhooks; remove one first")
        return await self._asked(made, None), keys

    async def confirm(self, caller: Principal, webhook_id: str) -> Webhook:
        """Ask the receiver for consent again; one that was disabled goes on after its position.

        Raises:
            FeedError: There is no such webhook within the caller's reach.
        """
        webhook, consumer = await self._found(caller, webhook_id)
        return await self._asked(webhook, self._entry(caller, consumer, webhook, "webhook confirmed"))

    async def rotate(self, caller: Principal, webhook_id: str) -> SigningSecret:
        """New keys, which are shown once; messages are signed with those before too for a day.

        Raises:
            FeedError: There is no such webhook within the caller's reach.
        """
        webhook, consumer = await self._found(caller, webhook_id)
        keys, now_ns = SigningSecret.new(self.random), self.sender.clock.wall_ns()
        sealed, entry = self.sender.seal_secret(keys), self._entry(caller, consumer, webhook, "webhook keys replaced")
        await self._change(webhook.id, lambda it: rules.rotated(it, sealed, now_ns), entry)
        return keys

    async def test(self, caller: Principal, webhook_id: str) -> Attempt:
        """Send a test event at once; it is no event of the feed.

        Raises:
            FeedError: There is no such webhook within the caller's reach, or it was never confirmed.
        """
        webhook, consumer = await self._found(caller, webhook_id)
        if webhook.state == "unconfirmed":
            raise FeedConflict("the receiver has not consented yet; confirm the webhook first")
        entry = self._entry(caller, consumer, webhook, "test event")
        await self.queue.write(lambda store: store.append_audit_entries([entry]))
        time = to_rfc3339(self.sender.clock.wall_ns())
        return await self.sender.send(webhook, self.sender.test_message(webhook, self.consumers.random.new_id(), time))

    async def rewind(self, caller: Principal, webhook_id: str, after: int) -> Webhook:
        """Send everything after a cursor again.

        Raises:
            CursorExpired: It is not kept any more.
            FeedError: There is no such webhook within the caller's reach, or no such cursor.
        """
        webhook, consumer = await self._found(caller, webhook_id)
        span = await asyncio.to_thread(self.reader.feed_span)
        if after < span.oldest:
            raise CursorExpired(str(span.oldest))
        if after > span.newest:
            raise FeedError("after: no such cursor was given")
        entry = self._entry(caller, consumer, webhook, "webhook replayed", {"after": str(after)})
        return await self._change(webhook.id, lambda it: rules.rewound(it, after), entry)

    async def remove(self, caller: Principal, webhook_id: str) -> None:
        """Remove a webhook and its dead letters.

        Raises:
            FeedError: There is no such webhook within the caller's reach.
        """
        webhook, consumer = await self._found(caller, webhook_id)
        entry = self._entry(caller, consumer, webhook, "webhook removed")
        if not await self.queue.write(lambda store: store.drop_webhook(webhook.id, entry)):
            raise FeedError("there is no such webhook")

    async def dead_letters(self, caller: Principal, webhook_id: str, before: str | None) -> list[DeadLetter]:
        """Messages that were given up, the newest first.

        Raises:
            FeedError: There is no such webhook within the caller's reach.
        """
        webhook, _ = await self._found(caller, webhook_id)
        return await asyncio.to_thread(self.reader.dead_letters, webhook.id, MOST_LETTERS, before)

    async def replay(self, caller: Principal, webhook_id: str, letter_id: str) -> None:
        """Send a message that was given up once more.

        Raises:
            FeedError: There is no such message within the caller's reach.
        """
        webhook, consumer = await self._found(caller, webhook_id)
        entry = self._entry(caller, consumer, webhook, "dead letter replayed", {"letter": letter_id})
        if not await self.queue.write(lambda store: store.replay_letter(webhook.id, letter_id, entry)):
            raise FeedError("there is no such message that was given up")
        self.wake()

    def _shown(self, consumer_id: str) -> list[ShownWebhook]:
        newest, counts = self.reader.feed_span().newest, self.reader.dead_letter_counts()
        found = self.reader.webhooks(consumer_id)
        return [ShownWebhook(it, max(0, newest - it.position), counts.get(it.id, 0)) for it in found]

    async def _asked(self, webhook: Webhook, entry: AuditEntry | None) -> Webhook:
        """Ask for consent, and keep what came of it."""
        url = self.sender.keys.shown(SEALED, webhook.address)
        try:
            rate = await self.sender.client.handshake(url, self.origin, ASKED_RATE)
        except FeedError as error:
            problem = str(error).removeprefix("url: ")
            return await self._change(webhook.id, lambda it: rules.waiting(it, it.next_ns, problem), entry)
        return await self._change(webhook.id, lambda it: rules.confirmed(it, rate), entry)

    async def _change(self, webhook_id: str, change: Callable[[Webhook], Webhook], entry: AuditEntry | None) -> Webhook:
        """Change a webhook as it is at that moment: its position moves all the time."""

        def job(store: WebhookWriter) -> Webhook | None:
            before = store.webhook_now(webhook_id)
            after = None if before is None else change(before)
            return after if before and after and store.change_webhook(before, after, entry) else None

        after = await self.queue.write(job)
        if after is None:
            raise FeedError("there is no such webhook")
        self.wake()
        return after

    async def _found(self, caller: Principal, webhook_id: str) -> tuple[Webhook, Consumer]:
        webhook = await asyncio.to_thread(self.reader.webhook, webhook_id)
        if webhook is None:
            raise FeedError("there is no such webhook")
        return webhook, await self.consumers.find(caller, webhook.consumer)

    def _entry(
        self, caller: Principal, consumer: Consumer, it: Webhook, what: str, more: dict[str, str] | None = None
    ) -> AuditEntry:
        detail = {"change": what, "consumer": consumer.id, "webhook": it.id, "host": it.host} | (more or {})
        now_ns = self.sender.clock.wall_ns()
        return AuditEntry(time_ns=now_ns, who=caller.name, what="consumer.changed", target=consumer.name, detail=detail)
