"""Publishes the outbox to the broker, over MQTT QoS 1, until the aggregator's receipt confirms each event.

    outbox → (window) → publish → PUBACK: the broker has it → receipt: the aggregator has committed it → forget

A PUBACK only moves the window on. What a receipt leaves out below its highest number is published again at once;
what no receipt names within `RECEIPT_S` is published again too. Duplicates have no effect at the aggregator, so every
doubt is settled by sending again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import BrokerError, ContractError, OutboxError
from common.running.backoff import exponential_s
from common.running.threads import Worker
from edge.messaging.mqtt_client import BrokerLink
from edge.messaging.outbox import Outbox
from edge.messaging.outbox_store import PendingEvent
from protocol.ranges import Ranges
from protocol.receipts import RECEIPT_RANGES, decode_receipt
from protocol.topics import BoxTopics

WINDOW = 500
"""Most events between publish and PUBACK."""
AHEAD = 20_000
"""Most events between PUBACK and receipt."""
RECEIPT_S = 30.0
"""After this long without a receipt an event is published again; doubles up to `RECEIPT_CAP_S`."""
RECEIPT_CAP_S = 600.0
CHECK_S = 0.5
GAP_S = 2.0
"""A gap in the receipt is accepted when the event was published at least this long ago."""


@dataclass
class _Sent:
    """One published event."""

    at_ns: int
    attempts: int = 1
    acknowledged: bool = False


@dataclass
class InFlightTracker:
    """What has been sent and not yet receipted. Pure: the publisher's decisions without its I/O."""

    sent: dict[int, _Sent] = field(default_factory=dict)
    in_flight: int = 0
    resent: int = 0
    _receipt: tuple[int, int] = (0, 0)

    def published(self, sequence: int, now_ns: int) -> None:
        """An event was handed to the broker."""
        before = self.sent.get(sequence)
        if before is None:
            self.sent[sequence] = _Sent(now_ns)
            self.in_flight += 1
            return
        self.in_flight += before.acknowledged
        self.resent += 1
        self.sent[sequence] = _Sent(now_ns, before.attempts + 1)

    def acknowledged(self, sequence: int) -> None:
        """The broker has it."""
        sent = self.sent.get(sequence)
        if sent is not None and not sent.acknowledged:
            sent.acknowledged = True
            self.in_flight -= 1

    def receipted(self, committed: Ranges) -> list[int]:
        """The aggregator has committed these.

        Returns:
            Those of them that were sent, in order: only they may be forgotten, whatever else a receipt names.
        """
        spans = list(committed)
        is_complete = len(spans) < RECEIPT_RANGES
        self._receipt = (0 if is_complete else spans[0][0], spans[-1][1]) if spans else (0, 0)
        covered = sorted(number for number in self.sent if number in committed)
        for sequence in covered:
            if not self.sent.pop(sequence).acknowledged:
                self.in_flight -= 1
        return covered

    def disconnected(self) -> None:
        """The connection is lost: events without PUBACK must be published again."""
        for sequence in [number for number, sent in self.sent.items() if not sent.acknowledged]:
            del self.sent[sequence]
        self.in_flight = 0

    def overdue(self, now_ns: int) -> list[int]:
        """Events to publish again."""
        return [number for number, sent in self.sent.items() if self._is_overdue(number, sent, now_ns)]

    def _is_overdue(self, number: int, sent: _Sent, now_ns: int) -> bool:
        waited_s = (now_ns - sent.at_ns) / SECOND_NS
        patience_s = exponential_s(RECEIPT_S, RECEIPT_CAP_S, sent.attempts - 1)
        if self._receipt[0] <= number < self._receipt[1]:
            patience_s = min(patience_s, exponential_s(GAP_S, 32 * GAP_S, sent.attempts - 1))
        return sent.acknowledged and waited_s >= patience_s


class OutboxPublisher:
    """Sends the outbox's events. One thread of its own; `stop()` ends it.

    Args:
        outbox: The durable queue.
        link: The connection to the broker.
        topics: The box's topics.
        clock: Monotonic clock of the patience.
    """

    def __init__(self, outbox: Outbox, link: BrokerLink, topics: BoxTopics, clock: Clock) -> None:
        self._outbox, self._link, self._topics, self._clock = outbox, link, topics, clock
        self._lock = threading.Lock()
        self._work_available = threading.Event()
        self._stopping = threading.Event()
        self._progress = InFlightTracker()
        self._pending: list[PendingEvent] = []
        self._receipt: Ranges | None = None
        self._mids: dict[int, int] = {}
        self._acknowledged_early: set[int] = set()
        self._cursor = 0
        self._connection = 0
        self._lost_first = True
        self._checked_ns = 0
        self._log = logging_setup.get("publisher")
        self._thread = Worker(self._run, "publisher")
        outbox.on_commit(self._work_available.set)
        link.subscribe(topics.receipts, self._on_receipt)
        link.on_state(self._on_state)
        link.on_puback(self._on_puback)

    @property
    def progress(self) -> InFlightTracker:
        """For metrics."""
        return self._progress

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def stop(self, drain_s: float = 0.0) -> None:
        """Stop sending; what waits stays in the outbox.

        Args:
            drain_s: Give what was just committed this long to reach the broker, seconds.
        """
        patience = threading.Event()
        deadline_ns = self._clock.monotonic_ns() + round(drain_s * SECOND_NS)
        while self._link.connected and self._unsent() and self._clock.monotonic_ns() < deadline_ns:
            self._work_available.set()
            patience.wait(0.02)
        self._stopping.set()
        self._work_available.set()
        self._thread.join()

    def _unsent(self) -> bool:
        with self._lock:
            return self._progress.in_flight > 0 or self._cursor < self._outbox.store.last

    def _on_receipt(self, payload: bytes) -> None:
        try:
            epoch, committed = decode_receipt(payload)
        except ContractError as error:
            self._log.warning("receipt refused", error=str(error))
            return
        if epoch == self._outbox.epoch:
            with self._lock:
                self._receipt = committed
            self._work_available.set()

    def _on_state(self, connected: bool) -> None:
        if not connected:
            with self._lock:
                self._connection += 1
                self._begin_again()
        self._work_available.set()

    def _begin_again(self) -> None:
        """What has no PUBACK is read and published again. The caller holds the lock."""
        self._progress.disconnected()
        self._mids.clear()
        self._acknowledged_early.clear()
        self._cursor = 0
        self._lost_first = True

    def _on_puback(self, mid: int) -> None:
        with self._lock:
            sequence = self._mids.pop(mid, None)
            if sequence is None:
                self._acknowledged_early.add(mid)
            else:
                self._progress.acknowledged(sequence)
        self._work_available.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._work_available.wait(timeout=1.0)
            self._work_available.clear()
            self._guarded(self._take_receipts)
            self._guarded(self._send)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (BrokerError, OutboxError) as error:
            self._log.warning("not sent, waiting", error=str(error))
        except Exception:  # whatever it is, the thread must go on: nothing is lost by trying again
            self._log.exception("not sent, waiting")

    def _take_receipts(self) -> None:
        with self._lock:
            committed, self._receipt = self._receipt, None
            covered = self._progress.receipted(committed) if committed is not None else []
        if covered:
            self._outbox.forget(Ranges((number, number) for number in covered))

    def _send(self) -> None:
        """Fill the window."""
        while self._link.connected and not self._stopping.is_set():
            now_ns = self._clock.monotonic_ns()
            with self._lock:
                connection = self._connection
                room = min(WINDOW - self._progress.in_flight, AHEAD - len(self._progress.sent))
                retry = self._overdue(now_ns)[: max(0, WINDOW - self._progress.in_flight)]
            batch = [row for number in retry for row in self._outbox.read(number - 1, 1) if row.sequence == number]
            batch += self._next(room) if room > 0 else []
            if not batch:
                return
            published = False
            try:
                for waiting in batch:
                    self._publish(waiting, now_ns)
                published = True
            finally:
                with self._lock:
                    if not published or connection != self._connection:  # the batch was read for that connection
                        self._begin_again()

    def _overdue(self, now_ns: int) -> list[int]:
        """Looked for once in `CHECK_S` only: there may be thousands under way."""
        if now_ns - self._checked_ns < CHECK_S * SECOND_NS:
            return []
        self._checked_ns = now_ns
        return self._progress.overdue(now_ns)

    def _next(self, limit: int) -> list[PendingEvent]:
        """Waiting events that are not under way, in order; after each connection those that close gaps first.

        Otherwise a position with very many gaps would take no number any more, and the event that closes them, which
        has a higher number, would wait behind those that get no receipt.
        """
        rows: list[PendingEvent] = []
        while not rows:
            with self._lock:
                lost_first, self._lost_first = self._lost_first, False
            if lost_first:
                page = self._outbox.read_lost(limit)
                with self._lock:
                    rows = [row for row in page if row.sequence not in self._progress.sent]
                continue
            page = self._outbox.read(self._cursor, limit)
            if not page:
                break
            with self._lock:
                rows = [row for row in page if row.sequence not in self._progress.sent]
                self._cursor = page[-1].sequence
        return rows

    def _publish(self, waiting: PendingEvent, now_ns: int) -> None:
        with self._lock:
            self._progress.published(waiting.sequence, now_ns)
        mid = self._link.publish(self._topics.events, waiting.body)
        with self._lock:
            if mid in self._acknowledged_early:
                self._acknowledged_early.discard(mid)
                self._progress.acknowledged(waiting.sequence)
            else:
                self._mids[mid] = waiting.sequence
