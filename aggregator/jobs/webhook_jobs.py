"""Sends the feed to webhooks: several at the same time, one message of each.

Crash procedure: an attempt begins with a lease in the webhook's row, which names the entries of its messages, and ends
with what came of it. Where the process ends in between, the same messages are sent again after the lease, under the
same ids: a receiver that has one knows it by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aggregator.domain.feeds import webhook as rules
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.feed_entry import Receipt
from aggregator.domain.feeds.webhook import MOST_BATCH, Attempt, DeadLetter, Webhook
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import WebhookReader, WebhookWriter
from aggregator.notifications.circuit_breaker import CircuitBreaker
from aggregator.services.feeds.webhook_sender import Message, Passed, WebhookSender
from common import logging_setup
from common.clock import HOUR_NS, Clock
from common.errors import JobQueueFull, ListError
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Job, Policy
from common.jobs.queue import JobQueue

_log = logging_setup.get("webhooks")
SEND = "webhook"
PARALLEL = 8
MOST_DUE = 200
MOST_IN_A_JOB = 100
"""Steps of one webhook before others have their turn."""
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
        wake: Called where a webhook has more to send.
    """

    reader: WebhookReader
    queue: WriteJobs[WebhookWriter]
    sender: WebhookSender
    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    wake: Callable[[], None] = lambda: None
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
            self.wake()
        except ListError as error:  # the keys are missing: nothing is lost, a person must restore them
            good = False
            _log.error("webhook not sent", webhook=job.key, problem=str(error))
        finally:
            self.breaker.release(job.key, good)

    def _due(self) -> list[Webhook]:
        return self.reader.due_webhooks(self.clock.wall_ns(), self.reader.feed_span().newest, MOST_DUE)

    async def _step(self, webhook_id: str) -> bool | None:
        """One attempt; True: all was sent, False: not all, None: there is nothing to send now."""
        found = await asyncio.to_thread(self._prepare, webhook_id)
        if found is None:
            return None
        webhook, consumer, letter, what = found
        if letter is not None:
            return await self._replay(webhook, letter, what if isinstance(what, Message) else None)
        if isinstance(what, Passed):
            return await self._pass(webhook, what)
        return await self._deliver(webhook, consumer, what) if isinstance(what, list) else None

    def _prepare(
        self, webhook_id: str
    ) -> tuple[Webhook, Consumer, DeadLetter | None, list[Message] | Message | Passed | None] | None:
        webhook, now_ns = self.reader.webhook(webhook_id), self.clock.wall_ns()
        if webhook is None or webhook.state != "active" or webhook.next_ns > now_ns:
            return None
        consumer = self.reader.consumer(webhook.consumer)
        if consumer is None or not consumer.serves(now_ns):
            return None
        letter = self.reader.next_replay(webhook_id)
        if letter is not None:
            return webhook, consumer, letter, self.sender.again(letter, webhook, consumer)
        return webhook, consumer, None, self.sender.next(webhook, consumer, self._most(webhook, consumer, now_ns))

    def _most(self, webhook: Webhook, consumer: Consumer, now_ns: int) -> int:
        """How many events may begin now; what is under way was counted before."""
        if webhook.sending > webhook.position:
            return MOST_BATCH
        use = self.reader.consumer_uses(now_ns // HOUR_NS).get(consumer.id)
        return max(1, consumer.events_per_hour - (use.events if use is not None else 0))

    async def _pass(self, webhook: Webhook, passed: Passed) -> bool | None:
        """Move on over entries that are not for the consumer, or are lost."""
        letter = None
        if passed.lost:
            letter = self._letter(webhook, "", (webhook.position + 1, passed.position), LOST)
        after = rules.moved(webhook, passed.position)
        return await self.queue.write(lambda store: store.change_webhook(webhook, after, None, letter)) or None

    async def _deliver(self, before: Webhook, consumer: Consumer, messages: list[Message]) -> bool | None:
        now_ns = self.clock.wall_ns()
        begun = rules.begun(before, messages[-1].last, now_ns)
        receipt = None
        if before.sending <= before.position:  # else it was counted when it was first begun
            receipt = self._receipt(consumer, messages, now_ns)
        most = consumer.events_per_hour
        may = await self.queue.write(lambda store: store.begin_webhook(before, begun, receipt, most))
        if may is None:
            await self._hold(before, consumer, now_ns)
        if not may:
            return None
        return await self._send_all(begun, consumer, messages, now_ns)

    async def _send_all(
        self, begun: Webhook, consumer: Consumer, messages: list[Message], begun_ns: int
    ) -> bool | None:
        """Send what has begun, up to the first message that fails; the rest is taken back in the hour of its begin."""
        done = begun.position
        for at, message in enumerate(messages):
            now = rules.narrowed(begun, done, message.last)
            if at and not await asyncio.to_thread(self._serves, consumer.id):
                await self._end(begun, rules.halted(now), None, self._receipt(consumer, messages[at:], begun_ns))
                return None
            attempt = await self.sender.send(now, message)
            if not attempt.sent or at == len(messages) - 1:
                unused = self._receipt(consumer, messages[at + 1 :], begun_ns)
                return await self._ended(begun, now, message, attempt, unused)
            done = message.last
        return None

    async def _ended(self, begun: Webhook, now: Webhook, message: Message, attempt: Attempt, unused: Receipt) -> bool:
        after, outcome = rules.after_attempt(now, attempt, self.clock.wall_ns(), self.random())
        letter = None
        if outcome == "dead":
            letter = self._letter(now, message.id, (message.first, message.last), attempt.problem)
        if outcome in ("dead", "disabled"):
            _log.warning("webhook message given up", webhook=begun.id, outcome=outcome, problem=attempt.problem)
        return await self._end(begun, after, letter, unused) and outcome == "sent"

    async def _end(self, begun: Webhook, after: Webhook, letter: DeadLetter | None, unused: Receipt) -> bool:
        return await self.queue.write(lambda store: store.end_webhook(begun, after, letter, unused))

    async def _hold(self, before: Webhook, consumer: Consumer, now_ns: int) -> None:
        """Wait for the next hour, unless it is the consumer that gets nothing now."""
        if not await asyncio.to_thread(self._serves, consumer.id):
            return
        held = rules.waiting(before, (now_ns // HOUR_NS + 1) * HOUR_NS, "the events of this hour are used up")
        await self.queue.write(lambda store: store.change_webhook(before, held))

    def _serves(self, consumer_id: str) -> bool:
        it = self.reader.consumer(consumer_id)
        return it is not None and it.serves(self.clock.wall_ns())

    @staticmethod
    def _receipt(consumer: Consumer, messages: list[Message], now_ns: int) -> Receipt:
        events, last = sum(it.events for it in messages), messages[-1].last if messages else 0
        return Receipt(consumer=consumer.id, hour=now_ns // HOUR_NS, events=events, position=last, now_ns=now_ns)

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
