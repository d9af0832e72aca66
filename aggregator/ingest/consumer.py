"""Broker → store: take what has arrived, commit it, then acknowledge and issue receipts.

One thread does all of it and owns the store's writer; other threads send it jobs (`WriteQueue`).
Crash procedure: nothing is acknowledged before it is committed, and nothing is receipted before it is committed; what
was committed and not acknowledged comes again and has no effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aggregator.domain.alerts.decisions import Allowed, Request, Verdict
from aggregator.domain.alerts.types import Decision
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.ingest.batch_processor import BatchProcessor, BoxKey
from aggregator.ingest.ingest_monitor import IngestMonitor
from aggregator.messaging.mqtt_client import BrokerLink, InboundMessage
from aggregator.messaging.outbound_queue import OutboundQueue
from aggregator.storage.write_queue import WriteQueue
from common.clock import SECOND_NS, Clock
from common.running.backoff import Backoff, run_with_retries
from common.running.readiness import wait_readable
from protocol import receipts
from protocol.topics import BoxTopics

BATCH_MESSAGES = 500
LINGER_S = 0.004
"""How long to wait for more while messages come in quick succession; a lone message never waits."""
BUSY_MESSAGES = 64
"""A batch at least this large means that messages come in quick succession."""
RECEIPT_PAUSE_S = 0.1
HEARTBEAT_S = 10.0
POLL_S = 1.0
STEADY_S = 10.0


@dataclass
class ReceiptScheduler:
    """Boxes that need a receipt. A box gets one at most every `RECEIPT_PAUSE_S`, and always the last one."""

    requested: dict[BoxKey, None] = field(default_factory=dict)
    sent_ns: dict[BoxKey, int] = field(default_factory=dict)

    def request(self, keys: set[BoxKey]) -> None:
        """A receipt is due for these boxes."""
        self.requested.update(dict.fromkeys(keys))

    def due(self, now_ns: int) -> list[BoxKey]:
        """Boxes that are to be sent one now; they count as sent."""
        pause_ns = round(RECEIPT_PAUSE_S * SECOND_NS)
        ready = [key for key in self.requested if now_ns - self.sent_ns.get(key, -pause_ns) >= pause_ns]
        for key in ready:
            del self.requested[key]
            self.sent_ns[key] = now_ns
        return ready


@dataclass(frozen=True)
class BrokerConnection:
    """How the broker is connected to, and connected to again.

    Attributes:
        connect: Opens a link or raises `BrokerError`.
        backoff: Delays after failures.
    """

    connect: Callable[[], BrokerLink]
    backoff: Backoff


class EventConsumer:
    """The consumer's loop.

    Args:
        connection: To the broker.
        processor: Commits; belongs to this thread while `run` runs.
        queue: Jobs from other threads for the store's writer.
        clock: Monotonic durations.
        monitor: Reports results and failures.
        outbound: Messages to boxes.
        maintenance: Other work for the writer's thread, called in each turn; must be quick.
    """

    def __init__(
        self,
        *,
        connection: BrokerConnection,
        processor: BatchProcessor,
        queue: WriteQueue[Any],
        clock: Clock,
        monitor: IngestMonitor,
        outbound: OutboundQueue | None = None,
        maintenance: Callable[[], object] = lambda: None,
    ) -> None:
        self._connect, self._backoff = connection.connect, connection.backoff
        self._processor = processor
        self._queue = queue
        self._clock = clock
        self._monitor, self._metrics = monitor, monitor.metrics
        self.outbound = outbound or OutboundQueue(queue.wake)
        self._maintenance = maintenance
        self._receipts = ReceiptScheduler()
        self._heartbeat_ns: int | None = None
        self._busy = False

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; failures are retried with back-off. Wake with `queue.wake()`."""
        run_with_retries(
            lambda: self.run_once(stop),
            self._backoff,
            stop,
            self._monitor.failed,
            lambda seconds: self._pause(stop, seconds),
        )
        self._queue.serve()

    def run_once(self, stop: threading.Event) -> None:
        """One connection, from log-in to loss.

        Raises:
            BrokerError: There is no connection, or it is gone.
            StoreError: The store cannot write now.
        """
        link = self._connect()
        self._monitor.connected(True)
        try:
            since_ns = self._clock.monotonic_ns()
            self._receipts.request(set(self._processor.boxes()))  # a broker may have lost what it retained
            self.outbound.restore()
            while not stop.is_set():
                self._poll(link)
                if self._clock.monotonic_ns() - since_ns > STEADY_S * SECOND_NS:
                    self._backoff.reset()
            self._send_receipts(link, everything=True)
        finally:
            self._monitor.connected(False)
            link.close()

    def _poll(self, link: BrokerLink) -> None:
        """Wait for messages or jobs, and process them."""
        timeout_s = 0.0 if self._busy else RECEIPT_PAUSE_S if self._receipts.requested else POLL_S
        if link.backlogged:
            timeout_s = min(timeout_s, LINGER_S)
        wait_readable(timeout_s, link, self._queue)
        self._serve_store()
        self.outbound.send(link)
        messages = self._gather(link)
        self._busy = len(messages) >= BATCH_MESSAGES
        if messages:
            self._commit(link, messages)
        self._send_receipts(link)

    def _gather(self, link: BrokerLink) -> list[InboundMessage]:
        """A batch: the messages that are here, and in a stream also those that come within `LINGER_S`."""
        messages = link.collect(BATCH_MESSAGES)
        if BUSY_MESSAGES <= len(messages) < BATCH_MESSAGES:
            deadline_ns = self._clock.monotonic_ns() + round(LINGER_S * SECOND_NS)
            while len(messages) < BATCH_MESSAGES:
                left_s = (deadline_ns - self._clock.monotonic_ns()) / SECOND_NS
                if left_s <= 0 or not wait_readable(left_s, link):
                    break
                messages += link.collect(BATCH_MESSAGES - len(messages))
        return messages

    def _commit(self, link: BrokerLink, messages: list[InboundMessage]) -> None:
        self._metrics.received.inc(len(messages))
        started_ns = self._clock.monotonic_ns()
        outcome = self._processor.process(messages)
        self._metrics.commit_s.observe((self._clock.monotonic_ns() - started_ns) / SECOND_NS)
        self._metrics.batch.observe(len(messages))
        self._monitor.store_works()
        self._monitor.announce(outcome)
        self.outbound.answered(outcome.replies)
        link.acknowledge(messages)
        self._receipts.request(outcome.boxes)
        self._backoff.reset()

    def decide(self, requests: Sequence[Request], decision: Decision, allowed: Allowed) -> list[Verdict]:
        """Commit and publish a person's decisions; called in jobs of the queue. See `BatchProcessor.decide`.

        Raises:
            StoreError: The store cannot write now.
        """
        verdicts, outcome = self._processor.decide(requests, decision, allowed)
        self._monitor.announce(outcome)
        return verdicts

    def apply_quiet(self, changed: QuietDecisions, entries: list[AuditEntry]) -> None:
        """Commit silences, windows and shelves, and publish the alerts that change; called in jobs of the queue.

        Raises:
            StoreError: The store cannot write now.
        """
        self._monitor.announce(self._processor.apply_quiet(changed, entries))

    def _send_receipts(self, link: BrokerLink, everything: bool = False) -> None:
        due = list(self._receipts.requested) if everything else self._receipts.due(self._clock.monotonic_ns())
        for key in due:
            receipt = self._processor.receipt(key)
            if receipt is not None:
                link.publish(BoxTopics(*key).receipts, receipts.encode(receipt))
                self._metrics.receipts.inc()
        if due:
            self._metrics.gaps.set(self._processor.missing())

    def _serve_store(self) -> None:
        """Work that does not need the broker: jobs of other threads, maintenance, the heartbeat."""
        self._monitor.health.turn()
        self._queue.serve()
        self._maintenance()
        due = self._processor.turn()
        if due is not None and due.alerts:
            self._monitor.announce(due)
        now_ns = self._clock.monotonic_ns()
        if self._heartbeat_ns is None or now_ns - self._heartbeat_ns > HEARTBEAT_S * SECOND_NS:
            self._heartbeat_ns = now_ns
            self._processor.write_heartbeat()
            self._monitor.store_works()

    def _pause(self, stop: threading.Event, seconds: float) -> None:
        deadline_ns = self._clock.monotonic_ns() + round(seconds * SECOND_NS)
        while not stop.is_set() and (left_ns := deadline_ns - self._clock.monotonic_ns()) > 0:
            wait_readable(min(left_ns / SECOND_NS, POLL_S), self._queue)
            try:
                self._serve_store()
            except Exception as error:  # as in `run`
                self._monitor.failed(error)
