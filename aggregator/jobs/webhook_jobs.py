"""Sends the feed to webhooks: several at the same time, one message of each.

Crash procedure: an attempt begins with a lease in the webhook's row, which names the entries of the message, and ends
with what came of it. Where the process ends in between, the same message is sent again after the lease, under the same
id: a receiver that has it knows it by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aggregator.domain.feeds import webhook as rules
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.feed_entry import Receipt
from aggregator.domain.feeds.webhook import Attempt, DeadLetter, Webhook
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import WebhookReader, WebhookWriter
from aggregator.jobs.job_runner import JobRunner
from aggregator.notifications.circuit_breaker import CircuitBreaker
from aggregator.notifications.webhook_client import WebhookClient
from aggregator.services.feeds.webhook_sender import Message, Passed, WebhookSender
from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import JobQueueFull, ListError
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Job, Policy
from common.jobs.queue import JobQueue

_log = logging_setup.get("webhooks")
SEND = "webhook"
PARALLEL = 8
MOST_DUE = 200
MOST_IN_A_JOB = 200
"""Messages of one webhook before others have their turn."""
HOUR_NS = 3600 * SECOND_NS
LOST = "the entries were erased before they could be sent"


@dataclass
class WebhookJobs:
    """An `aggregator.jobs.job_runner.JobSource`.

    Args:
        reader: Webhooks and the feed.
        queue: Of the store's writer.
        sender: Makes and sends messages.
        clock: Wall and monotonic.
        random: Uniform in [0, 1).
        new_id: Makes a UUIDv7.
    """

    reader: WebhookReader
    queue: WriteJobs[WebhookWriter]
    sender: WebhookSender
    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    breaker: CircuitBreaker = field(init=False)

    def __post_init__(self) -> None:
        self.breaker = CircuitBreaker(self.clock, slow=PARALLEL // 2)

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """Sending."""
        return {SEND: (Policy(parallel=PARALLEL, most_open=PARALLEL, life_s=3600.0), self.send)}

    async def plan(self, queue: JobQueue) -> None:
        """Submit the webhooks that have something to send.

        Raises:
            StoreError: The store cannot be reached.
        """
        due = await asyncio.to_thread(self._due)
        closed = set(self.breaker.closed())
        for it in due:
            if it.id in closed or not self.breaker.take(it.id):
                continue
            try:
                queue.submit(f"{SEND}/{it.id}/{self.clock.monotonic_ns()}", SEND, it.id)
            except JobQueueFull:
                self.breaker.release(it.id, None)
                return

    async def send(self, job: Job) -> None:
        """Send messages of one webhook until there is none, one fails, or it is the turn of others."""
        good: bool | None = None
        try:
            for _ in range(MOST_IN_A_JOB):
                done = await self._step(job.key)
                good = done if done is not None else good
                if not done:
                    return
        except ListError as error:  # the keys are missing: nothing is lost, a person must restore them
            good = False
            _log.error("webhook not sent", webhook=job.key, problem=str(error))
        finally:
            self.breaker.release(job.key, good)

    def _due(self) -> list[Webhook]:
        return self.reader.due_webhooks(self.clock.wall_ns(), self.reader.feed_span().newest, MOST_DUE)

    async def _step(self, webhook_id: str) -> bool | None:
        """One message; True: it was sent, False: it was not, None: there is nothing to send now."""
        found = await asyncio.to_thread(self._prepare, webhook_id)
        if found is None:
            return None
        webhook, consumer, letter, what = found
        if letter is not None:
            return await self._replay(webhook, letter, what if isinstance(what, Message) else None)
        if isinstance(what, Passed):
            return await self._pass(webhook, what)
        return await self._deliver(webhook, consumer, what) if what is not None else None

    def _prepare(self, webhook_id: str) -> tuple[Webhook, Consumer, DeadLetter | None, Message | Passed | None] | None:
        webhook, now_ns = self.reader.webhook(webhook_id), self.clock.wall_ns()
        if webhook is None or webhook.state != "active" or webhook.next_ns > now_ns:
            return None
        consumer = self.reader.consumer(webhook.consumer)
        if consumer is None or not consumer.serves(now_ns):
            return None
        letter = self.reader.next_replay(webhook_id)
        if letter is not None:
            return webhook, consumer, letter, self.sender.again(letter, webhook, consumer)
        return webhook, consumer, None, self.sender.next(webhook, consumer)

    async def _pass(self, webhook: Webhook, passed: Passed) -> bool | None:
        """Move on over entries that are not for the consumer, or are lost."""
        letter = None
        if passed.lost:
            letter = self._letter(webhook, "", (webhook.position + 1, passed.position), LOST)
        after = rules.moved(webhook, passed.position)
        return await self.queue.write(lambda store: store.change_webhook(webhook, after, None, letter)) or None

    async def _deliver(self, before: Webhook, consumer: Consumer, message: Message) -> bool | None:
        now_ns = self.clock.wall_ns()
        begun = rules.begun(before, message.last, now_ns)
        receipt = None
        if before.sending <= before.position:  # else it was counted when it was first begun
            receipt = Receipt(
                consumer=consumer.id, hour=now_ns // HOUR_NS, events=message.events, position=message.last,
                now_ns=now_ns,
            )  # fmt: skip
        most = consumer.events_per_hour
        may = await self.queue.write(lambda store: store.begin_webhook(before, begun, receipt, most))
        if may is None and (await asyncio.to_thread(self._prepare, before.id)) is not None:  # else it was paused
            held = rules.waiting(before, (now_ns // HOUR_NS + 1) * HOUR_NS, "the events of this hour are used up")
            await self.queue.write(lambda store: store.change_webhook(before, held))
        if not may:
            return None
        attempt = await self.sender.send(begun, message)
        return await self._end(begun, message, attempt)

    async def _end(self, begun: Webhook, message: Message, attempt: Attempt) -> bool:
        after, outcome = rules.after_attempt(begun, attempt, self.clock.wall_ns(), self.random())
        letter = None
        if outcome == "dead":
            letter = self._letter(begun, message.id, (message.first, message.last), attempt.problem)
        if outcome in ("dead", "disabled"):
            _log.warning("webhook message given up", webhook=begun.id, outcome=outcome, problem=attempt.problem)
        kept = await self.queue.write(lambda store: store.change_webhook(begun, after, None, letter))
        return outcome == "sent" and kept

    async def _replay(self, webhook: Webhook, letter: DeadLetter, message: Message | None) -> bool | None:
        """Send a dead letter once more."""
        attempt = Attempt(False, LOST, refused=True) if message is None else await self.sender.send(webhook, message)
        problem = None if attempt.sent else attempt.problem
        await self.queue.write(lambda store: store.end_replay(letter.id, problem))
        return attempt.sent if message is not None else None

    def _letter(self, it: Webhook, message: str, span: tuple[int, int], problem: str) -> DeadLetter:
        return DeadLetter(
            id=self.new_id(), webhook=it.id, message=message, first=span[0], last=span[1],
            made_ns=self.clock.wall_ns(), tries=it.tries + 1, problem=problem,
        )  # fmt: skip


@dataclass
class FeedRunner(JobRunner):
    """The work of feeds, apart from clips and notifications: a slow receiver delays neither.

    Args:
        client: Its connections end with the runner.
    """

    client: WebhookClient | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await super().run()
        finally:
            if self.client is not None:
                await self.client.close()
