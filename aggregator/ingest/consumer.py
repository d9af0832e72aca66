"""Broker → store: take what has arrived, commit it, then acknowledge and issue receipts.

One thread does all of it and owns the store's writer; whatever else wants to write sends it a job (`Mailbox`).
Crash procedure: nothing is acknowledged before it is committed, and nothing is receipted before it is committed; what
was committed and not acknowledged comes again and has no effect.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aggregator.domain.alert import Alert, Change
from aggregator.ingest.batch_processor import BatchProcessor, BatchResult, BoxKey
from aggregator.messaging.mqtt_client import BrokerLink, InboundMessage
from aggregator.messaging.outbound_queue import OutboundQueue
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.storage.write_queue import WriteQueue
from common import logging_setup
from common.backoff import Backoff
from common.clock import SECOND_NS, Clock
from common.errors import BrokerError, StoreError
from protocol import receipts
from protocol.topics import BoxTopics

_log = logging_setup.get("ingest")
BATCH_MESSAGES = 500
LINGER_S = 0.004
"""How long to wait for more while messages come in quick succession; a lone message never waits."""
BUSY_MESSAGES = 64
"""A batch at least this large means that messages come in quick succession."""
RECEIPT_PAUSE_S = 0.1
BEAT_S = 10.0
TURN_S = 1.0
STEADY_S = 10.0


class _File(Protocol):
    def fileno(self) -> int: ...


def wait_readable(timeout_s: float, *files: _File) -> bool:
    """Wait until one of `files` is readable; `poll` and not `select`, which ends at 1,024 descriptors."""
    poll = select.poll()
    for file in files:
        poll.register(file.fileno(), select.POLLIN)
    return bool(poll.poll(max(0.0, timeout_s) * 1000))


@dataclass
class AckScheduler:
    """Which boxes are owed a receipt; one box gets one at most every `RECEIPT_PAUSE_S`, and always the last one."""

    owed: dict[BoxKey, None] = field(default_factory=dict)
    sent_ns: dict[BoxKey, int] = field(default_factory=dict)

    def owe(self, keys: set[BoxKey]) -> None:
        """These have news."""
        self.owed.update(dict.fromkeys(keys))

    def due(self, now_ns: int) -> list[BoxKey]:
        """Whom to send one now; they count as sent."""
        pause_ns = round(RECEIPT_PAUSE_S * SECOND_NS)
        ready = [key for key in self.owed if now_ns - self.sent_ns.get(key, -pause_ns) >= pause_ns]
        for key in ready:
            del self.owed[key]
            self.sent_ns[key] = now_ns
        return ready


class EventConsumer:
    """The loop.

    Args:
        connect: Opens a link or raises `BrokerError`.
        ledger: Commits; belongs to this thread while `run` runs.
        mailbox: Jobs from other threads for the store's writer.
        clock: Monotonic durations.
        backoff: Delays after failures.
        health: Told what works.
        metrics: Told what happened.
        broadcast: Told what has changed.
        posts: What boxes are told.
        chore: Other work for the writer's thread, each turn; must be quick.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], BrokerLink],
        ledger: BatchProcessor,
        mailbox: WriteQueue[Any],
        clock: Clock,
        backoff: Backoff,
        health: Health,
        metrics: Metrics,
        broadcast: ChangeFeed,
        posts: OutboundQueue | None = None,
        chore: Callable[[], object] = lambda: None,
    ) -> None:
        self._connect = connect
        self._ledger = ledger
        self._mailbox = mailbox
        self._clock = clock
        self._backoff = backoff
        self._health = health
        self._metrics = metrics
        self._broadcast = broadcast
        self.posts = posts or OutboundQueue(mailbox.wake)
        self._chore = chore
        self._receipts = AckScheduler()
        self._beaten_ns: int | None = None
        self._busy = False

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; failures are retried with back-off. Wake with `mailbox.wake()`."""
        while not stop.is_set():
            try:
                self.run_once(stop)
            except Exception as error:  # whatever it is, the loop must go on: nothing is lost by trying again
                self._failed(error)
                self._pause(stop, self._backoff.next_s())
        self._mailbox.serve()

    def run_once(self, stop: threading.Event) -> None:
        """One connection, from log-in to loss.

        Raises:
            BrokerError: There is no connection, or it is gone.
            StoreError: The store cannot write now.
        """
        link = self._connect()
        self._connected(True)
        try:
            since_ns = self._clock.monotonic_ns()
            self._receipts.owe(set(self._ledger.boxes()))  # a broker may have lost what it retained
            self.posts.restore()
            while not stop.is_set():
                self._turn(link)
                if self._clock.monotonic_ns() - since_ns > STEADY_S * SECOND_NS:
                    self._backoff.reset()
            self._issue(link, everything=True)
        finally:
            self._connected(False)
            link.close()

    def _turn(self, link: BrokerLink) -> None:
        """Wait for something to do, and do it."""
        timeout_s = 0.0 if self._busy else RECEIPT_PAUSE_S if self._receipts.owed else TURN_S
        if link.backlogged:
            timeout_s = min(timeout_s, LINGER_S)
        wait_readable(timeout_s, link, self._mailbox)
        self._idle_work()
        self.posts.send(link)
        messages = self._gather(link)
        self._busy = len(messages) >= BATCH_MESSAGES
        if messages:
            self._commit(link, messages)
        self._issue(link)

    def _gather(self, link: BrokerLink) -> list[InboundMessage]:
        """A batch: what is here, and in a stream also what comes within `LINGER_S`."""
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
        outcome = self._ledger.process(messages)
        self._metrics.commit_s.observe((self._clock.monotonic_ns() - started_ns) / SECOND_NS)
        self._metrics.batch.observe(len(messages))
        self._store_works()
        self.announce(outcome)
        self.posts.answered(outcome.replies)
        link.acknowledge(messages)
        self._receipts.owe(outcome.boxes)
        self._backoff.reset()

    def change(self, alert_id: str, change: Change) -> Alert | None:
        """A person's decision about an alert, announced; for jobs of the mailbox. None if there is no such alert.

        Raises:
            StoreError: The store cannot write now.
        """
        outcome = self._ledger.change(alert_id, change)
        if outcome is None:
            return None
        self.announce(outcome)
        return outcome.alerts[alert_id]

    def announce(self, outcome: BatchResult) -> None:
        """Count what a commit has done, and tell the browsers."""
        metrics = self._metrics
        metrics.committed.inc(outcome.committed)
        metrics.duplicates.inc(outcome.duplicates)
        metrics.quarantined.inc(outcome.quarantined)
        metrics.statuses.inc(outcome.statuses)
        for effect, count in outcome.effects.items():
            metrics.alerts.labels(effect.value).inc(count)
        self._broadcast.publish(
            ChangeSet(
                outcome.alerts,
                boxes=outcome.statuses > 0,
                quarantine=outcome.quarantined > 0,
                passages=outcome.passages,
            )
        )

    def _issue(self, link: BrokerLink, everything: bool = False) -> None:
        due = list(self._receipts.owed) if everything else self._receipts.due(self._clock.monotonic_ns())
        for key in due:
            receipt = self._ledger.receipt(key)
            if receipt is not None:
                link.publish(BoxTopics(*key).receipts, receipts.encode(receipt))
                self._metrics.receipts.inc()
        if due:
            self._metrics.gaps.set(self._ledger.missing())

    def _idle_work(self) -> None:
        """What must go on whether or not there is a broker: jobs from other threads, the sign of life."""
        self._health.turn()
        self._mailbox.serve()
        self._chore()
        now_ns = self._clock.monotonic_ns()
        if self._beaten_ns is None or now_ns - self._beaten_ns > BEAT_S * SECOND_NS:
            self._beaten_ns = now_ns
            self._ledger.write_heartbeat()
            self._store_works()

    def _pause(self, stop: threading.Event, seconds: float) -> None:
        deadline_ns = self._clock.monotonic_ns() + round(seconds * SECOND_NS)
        while not stop.is_set() and (left_ns := deadline_ns - self._clock.monotonic_ns()) > 0:
            wait_readable(min(left_ns / SECOND_NS, TURN_S), self._mailbox)
            try:
                self._idle_work()
            except Exception as error:  # as in `run`
                self._failed(error)

    def _connected(self, yes: bool) -> None:
        self._health.broker = yes
        self._metrics.connected.set(yes)
        if yes:
            self._health.problem = ""
            _log.info("connected to the broker")

    def _store_works(self) -> None:
        self._health.store = True

    def _failed(self, error: Exception) -> None:
        if isinstance(error, StoreError):
            self._health.store = False
            self._metrics.store_failures.inc()
        elif isinstance(error, BrokerError):
            self._metrics.reconnects.inc()
        else:
            _log.exception("ingest failed; will try again")
        if self._health.problem != str(error):
            _log.warning("ingest interrupted; will try again", problem=str(error))
        self._health.problem = str(error)
