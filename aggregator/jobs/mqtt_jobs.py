"""Publishes the feed of consumers at the broker: several consumers at the same time, one batch of each.

Crash procedure: the position is stored after the broker has acknowledged everything up to it. Where the process ends in
between, the same messages are published again, under the same CloudEvents ids: who has one knows it by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.feeds import mqtt_output as rules
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.feed_entry import ConsumerUse, FeedEntry, Receipt, cloud_event, shown_to
from aggregator.domain.feeds.mqtt_output import MOST_IN_FLIGHT, MqttMessage, MqttOutput, topic_of
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import MqttReader, MqttWriter
from aggregator.jobs.mqtt_states import MqttStates
from aggregator.messaging.feed_link import FeedPublisher
from common import logging_setup
from common.clock import HOUR_NS, Clock
from common.errors import BrokerError, JobQueueFull
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Job, Policy
from common.jobs.queue import JobQueue

_log = logging_setup.get("mqtt out")
PUBLISH = "mqtt"
PARALLEL = 8
SCAN = 1_000
"""Entries that one query reads."""
MOST_IN_A_JOB = 50
"""Batches of one consumer before others have their turn."""
LOST = "entries were erased before they could be published"
USED_UP = "the events of this hour are used up"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class _Batch:
    """Entries that are for the consumer, and the position after everything that was read."""

    entries: list[FeedEntry]
    until: int
    problem: str = ""


@dataclass
class MqttJobs:
    """An `aggregator.jobs.job_runner.JobSource`.

    Args:
        reader: Outputs and the feed.
        queue: Of the store's writer.
        connect: Connects as the publisher of a consumer; blocks.
        areas: The areas of each place.
        clock: Wall and monotonic.
        states: What is retained for Home Assistant.
        wake: Called where a consumer has more to get.
    """

    reader: MqttReader
    queue: WriteJobs[MqttWriter]
    connect: Callable[[str], FeedPublisher]
    areas: Areas
    clock: Clock
    states: MqttStates
    wake: Callable[[], None] = lambda: None
    _links: dict[str, FeedPublisher] = field(default_factory=dict, init=False)
    _busy: set[str] = field(default_factory=set, init=False)

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """Publishing."""
        return {PUBLISH: (Policy(parallel=PARALLEL, most_open=PARALLEL, life_s=3600.0), self.publish)}

    async def plan(self, queue: JobQueue) -> None:
        """Submit the outputs that have something to publish, and end the connections of those that may not.

        Raises:
            StoreError: The store cannot be reached.
        """
        due, kept = await asyncio.to_thread(self._due)
        for consumer_id in set(self._links) - kept - self._busy:
            await asyncio.to_thread(self._links.pop(consumer_id).close)
        for it in due:
            if it.consumer in self._busy:
                continue
            try:
                queue.submit(f"{PUBLISH}/{it.consumer}/{self.clock.monotonic_ns()}", PUBLISH, it.consumer)
            except JobQueueFull:
                return
            self._busy.add(it.consumer)

    async def publish(self, job: Job) -> None:
        """Publish batches of one consumer until there is none, one fails, or it is the turn of others."""
        try:
            await self._publish_states(job.key)
            for _ in range(MOST_IN_A_JOB):
                if not await self._step(job.key):
                    return
            self.wake()
        finally:
            self._busy.discard(job.key)

    def _due(self) -> tuple[list[MqttOutput], set[str]]:
        newest = self.reader.feed_span().newest
        active = self.reader.due_mqtt_outputs(self.clock.wall_ns(), rules.MOST_OUTPUTS)
        due = [it for it in active if it.position < newest or self.states.due(it)]
        return due, {it.consumer for it in active}

    async def _publish_states(self, consumer_id: str) -> None:
        """Publish what has changed of what is retained for Home Assistant. It counts for no quota: it is no event."""
        found = await asyncio.to_thread(self._changes, consumer_id)
        if found is None:
            return
        output, messages = found
        problem = await asyncio.to_thread(self._send, consumer_id, messages) if messages else ""
        after = rules.failed(output, problem, self.clock.wall_ns()) if problem else output
        if not problem:
            self.states.published(consumer_id, messages)
            if output.home_assistant == "ending":
                after = rules.with_home_assistant(output, "off")
        if after is not output:
            await self.queue.write(lambda store: store.change_mqtt_output(output, after))

    def _changes(self, consumer_id: str) -> tuple[MqttOutput, list[MqttMessage]] | None:
        found = self._serving(consumer_id)
        if found is None or not self.states.due(found[0]):
            return None
        return found[0], self.states.changes(*found)

    def _serving(self, consumer_id: str) -> tuple[MqttOutput, Consumer] | None:
        """The output and its consumer; None where nothing may be published now."""
        output, consumer = self.reader.mqtt_output(consumer_id), self.reader.consumer(consumer_id)
        now_ns = self.clock.wall_ns()
        if output is None or output.next_ns > now_ns or consumer is None or not consumer.serves(now_ns):
            return None
        return output, consumer

    async def _step(self, consumer_id: str) -> bool:
        """One batch; whether there may be more."""
        found = await asyncio.to_thread(self._read, consumer_id)
        if found is None:
            return False
        output, consumer, batch = found
        if not batch.entries:
            after = rules.passed(output, batch.until, batch.problem or output.problem)
            return await self.queue.write(lambda store: store.change_mqtt_output(output, after))
        receipt = self._receipt(consumer, batch)
        if not await self.queue.write(lambda store: store.take_from_feed(receipt, consumer.events_per_hour)):
            await self._hold(output)
            return False
        return await self._deliver(output, consumer, batch, receipt)

    async def _deliver(self, output: MqttOutput, consumer: Consumer, batch: _Batch, receipt: Receipt) -> bool:
        messages = [MqttMessage(topic_of(consumer.id, it), _encode(cloud_event(consumer, it))) for it in batch.entries]
        problem = await asyncio.to_thread(self._send, consumer.id, messages)
        now_ns = self.clock.wall_ns()
        if problem:
            _log.warning("feed not published, will try again", consumer=consumer.name, problem=problem)
            after = rules.failed(output, problem, now_ns)
        else:
            after = rules.delivered(output, batch.until, now_ns)
        unused = receipt if problem else None
        return await self.queue.write(lambda store: store.end_mqtt_attempt(output, after, unused)) and not problem

    def _send(self, consumer_id: str, messages: list[MqttMessage]) -> str:
        """Publish; the problem, or none. A connection that failed is not used again."""
        link = self._links.pop(consumer_id, None)
        try:
            if link is None:
                link = self.connect(consumer_id)
                self.states.forget(consumer_id)
            link.deliver(messages)
        except BrokerError as error:
            if link is not None:
                link.close()
            return str(error)
        self._links[consumer_id] = link
        return ""

    def _read(self, consumer_id: str) -> tuple[MqttOutput, Consumer, _Batch] | None:
        """What is next for a consumer; None: nothing, now."""
        serving = self._serving(consumer_id)
        if serving is None:
            return None
        output, consumer = serving
        found, span = self.reader.feed_entries(output.position, SCAN), self.reader.feed_span()
        if output.position < span.oldest:
            return output, consumer, _Batch([], span.oldest, LOST)
        if not found:
            return None
        used = self.reader.consumer_uses(self.clock.wall_ns() // HOUR_NS).get(consumer.id, ConsumerUse()).events
        most = min(MOST_IN_FLIGHT, max(1, consumer.events_per_hour - used))
        within = consumer.selection.within(self.areas)
        chosen = [it for it in found if shown_to(consumer, within, it)]
        until = chosen[most - 1].position if len(chosen) > most else found[-1].position
        return output, consumer, _Batch(chosen[:most], until)

    async def _hold(self, output: MqttOutput) -> None:
        """Wait for the next hour, unless it is the consumer that gets nothing now."""
        consumer, now_ns = await asyncio.to_thread(self.reader.consumer, output.consumer), self.clock.wall_ns()
        if consumer is None or not consumer.serves(now_ns):
            return
        held = rules.waiting(output, (now_ns // HOUR_NS + 1) * HOUR_NS, USED_UP)
        await self.queue.write(lambda store: store.change_mqtt_output(output, held))

    def _receipt(self, consumer: Consumer, batch: _Batch) -> Receipt:
        now_ns = self.clock.wall_ns()
        return Receipt(
            consumer=consumer.id, hour=now_ns // HOUR_NS, events=len(batch.entries), position=batch.until, now_ns=now_ns
        )
