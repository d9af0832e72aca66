"""Turns a batch of messages into one commit: events, alerts, quarantine, positions and statuses, all or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aggregator.audit import from_event
from aggregator.domain.alerts import decisions
from aggregator.domain.alerts.decisions import Allowed, Request
from aggregator.domain.alerts.rules import DEFAULTS, AlertRules
from aggregator.domain.alerts.types import Alert, Decision, Effect
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import request_for_alert
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.read_models import Batch, Position, ReceivedEvent, StatusSeen
from aggregator.domain.store_port.alerts import IngestWriter
from aggregator.ingest import message_validator
from aggregator.ingest.alert_decider import AlertDecider
from aggregator.ingest.alert_engine import AlertEngine
from aggregator.ingest.message_validator import InvalidMessage, StatusReceived, Verdict
from aggregator.ingest.quiet.quiet_engine import QuietEngine, QuietPlaces
from aggregator.ingest.state_watch import StateWatch
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.messaging.outbound_queue import ReplyReceived
from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import StoreError
from protocol.envelope import Event
from protocol.event_types import OutboxLost
from protocol.ranges import Range, Ranges
from protocol.receipts import RECEIPT_RANGES, Receipt

_log = logging_setup.get("batch_processor")
BoxKey = tuple[str, str]
TURN_NS = SECOND_NS
"""How often the lifecycle of alerts is looked at."""
POSITION_RANGES = 50_000
"""Most ranges of one position, about 1 MB in the database. A number that would make one more is not settled: its event
is committed, and sent again until a hole has closed."""


@dataclass
class BatchResult:
    """What a commit has done."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    effects: Counter[Effect] = field(default_factory=Counter)
    committed: int = field(default=0, init=False)
    duplicates: int = field(default=0, init=False)
    quarantined: int = 0
    boxes: set[BoxKey] = field(default_factory=set, init=False)
    statuses: int = field(default=0, init=False)
    states: set[str] = field(default_factory=set, init=False)
    replies: list[ReplyReceived] = field(default_factory=list, init=False)
    passages: bool = field(default=False, init=False)

    def add(self, other: BatchResult) -> None:
        """Count `other` in."""
        self.alerts.update(other.alerts)
        self.effects.update(other.effects)
        self.committed += other.committed
        self.duplicates += other.duplicates
        self.quarantined += other.quarantined
        self.boxes |= other.boxes
        self.statuses += other.statuses
        self.states |= other.states
        self.replies += other.replies
        self.passages |= other.passages


class BatchProcessor:
    """Commits batches of messages and operators' decisions. All methods run on the writer's thread.

    Args:
        store: The writer.
        clock: Time of reception.
        new_id: Makes ids for new alerts.
        clip_days: How long their clips are kept.
        rules: How alerts of each kind behave.
        places: Areas and time zones, for what keeps alerts out of the queue.
    """

    def __init__(
        self,
        store: IngestWriter,
        clock: Clock,
        new_id: Callable[[], str],
        clip_days: int = 30,
        rules: AlertRules = DEFAULTS,
        *,
        places: QuietPlaces = QuietPlaces(),  # noqa: B008 — immutable
    ) -> None:
        self._store = store
        self._clip_days = clip_days
        self._clock = clock
        self._engine = AlertEngine(store, new_id, rules)
        self._quiet = QuietEngine(store, self._engine, places)
        self._states = StateWatch()
        self._turn_ns: int | None = None
        self._positions: dict[tuple[str, str, str], Position] | None = None
        self._epochs: dict[BoxKey, str] = {}
        self._windows: dict[BoxKey, int] = {}

    def process(self, messages: Sequence[InboundMessage]) -> BatchResult:
        """Commit what is in `messages`; when this returns, they may be acknowledged.

        A message that cannot be stored is quarantined alone and takes no other with it.

        Raises:
            StoreError: The store cannot write now; nothing was committed, nothing may be acknowledged.
        """
        try:
            return self._commit(messages)
        except StoreError:
            self._drop_caches()
            raise
        except Exception as error:
            self._drop_caches()
            _log.warning("a batch could not be stored; trying one by one", problem=repr(error))
        outcome = BatchResult()
        for message in messages:
            outcome.add(self._commit_alone(message))
        return outcome

    def decide(
        self, requests: Sequence[Request], decision: Decision, allowed: Allowed = lambda _: True
    ) -> tuple[list[decisions.Verdict], BatchResult]:
        """Commit a person's decisions about alerts, all together, with their history and audit entries.

        Args:
            requests: What they wish.
            decision: Who decides, and from where.
            allowed: Whether they may work on an alert.

        Returns:
            What came of each request, and what the commit has done.

        Raises:
            StoreError: The store cannot write now; nothing was changed.
        """
        self._begin()
        decider = AlertDecider(self._store, self._engine, (decision, allowed), self._clock.wall_ns())
        try:
            verdicts = decider.decide(requests)
            self._quiet.settle(self._clock.wall_ns())
            return verdicts, self._commit_alerts(Batch(audit_entries=decider.audit_entries, moved=decider.moved))
        except BaseException:
            self._drop_caches()
            raise

    def turn(self) -> BatchResult | None:
        """Do what is due for alerts, at most once a second; None: it is not time.

        Raises:
            StoreError: The store cannot write now.
        """
        now_ns = self._clock.monotonic_ns()
        if self._turn_ns is not None and now_ns - self._turn_ns < TURN_NS:
            return None
        self._turn_ns = now_ns
        self._begin()
        try:
            more = self._engine.turn(self._clock.wall_ns())
            if self._quiet.turn(self._clock.wall_ns()) or more:
                self._turn_ns = None
            return self._commit_alerts(Batch())
        except BaseException:
            self._drop_caches()
            raise

    def apply_quiet(self, changed: QuietDecisions, entries: list[AuditEntry]) -> BatchResult:
        """Commit new or changed silences, windows and shelves with the first alerts that they change.

        Raises:
            StoreError: The store cannot write now; nothing was changed.
        """
        self._begin()
        try:
            self._quiet.decide(changed, self._clock.wall_ns())
            return self._commit_alerts(Batch(audit_entries=entries))
        except BaseException:
            self._drop_caches()
            raise

    def _begin(self) -> None:
        self._engine.begin()
        self._quiet.begin()

    def _commit_alerts(self, batch: Batch) -> BatchResult:
        """Commit what the engine holds, outside a batch of messages."""
        engine = self._engine
        batch.quiet = self._quiet.changed
        if engine.changed or batch.audit_entries or batch.quiet:
            batch.alerts, batch.history = engine.changed, engine.history
            self._store.apply(batch)
        engine.keep()
        return BatchResult(alerts=engine.changed, effects=engine.effects)

    def write_heartbeat(self) -> None:
        """Write something small, to know that writing works.

        Raises:
            StoreError: The store cannot write now.
        """
        self._store.write_heartbeat(self._clock.wall_ns())

    def clean(self, erase: Callable[[], int]) -> int:
        """Erase rows with `erase`; returns how many were erased.

        Cached alerts may be among them, or may name an erased picture: the cache is cleared, also when `erase` fails.

        Raises:
            StoreError: The store cannot write now.
        """
        erased = -1
        try:
            erased = erase()
        finally:
            if erased:
                self._engine.forget()
        return erased

    def receipt(self, key: BoxKey) -> Receipt | None:
        """The sequence numbers of a box's present outbox that are settled; None before its first event."""
        position = self._known_positions().get((*key, self._epochs.get(key, "")))
        if position is None:
            return None
        return Receipt(epoch=position.epoch, ranges=self._window(key, list(position.ranges)))

    def _window(self, key: BoxKey, ranges: list[Range]) -> list[Range]:
        """The ranges, or the next `RECEIPT_RANGES` of them where there are more: each receipt carries the next part."""
        if len(ranges) <= RECEIPT_RANGES:
            self._windows.pop(key, None)
            return ranges
        start = self._windows.get(key, 0)
        start = start if start < len(ranges) else 0
        self._windows[key] = start + RECEIPT_RANGES
        return ranges[start : start + RECEIPT_RANGES]

    def boxes(self) -> list[BoxKey]:
        """All boxes that have an outbox."""
        return sorted({key[:2] for key in self._known_positions()})

    def missing(self) -> int:
        """How many sequence numbers are missing in the present outboxes."""
        positions = self._known_positions()
        present = (positions.get((*key, epoch)) for key, epoch in self._epochs.items())
        return sum(position.missing for position in present if position is not None)

    def _commit_alone(self, message: InboundMessage) -> BatchResult:
        """Commit one message alone. If that fails: quarantine it with its sequence number, else without, else log it.

        A message that failed is not validated again: the same error would be raised.
        """
        verdict: Verdict | None = None
        for _ in range(3):
            try:
                return self._commit([message], verdict)
            except StoreError:
                self._drop_caches()
                raise
            except Exception as error:
                self._drop_caches()
                reason = f"{type(error).__name__}: {error}"
                numbered = verdict is None
                verdict = (
                    message_validator.rejected(message.topic, message.payload, reason)
                    if numbered
                    else InvalidMessage(reason)
                )
        _log.error("message dropped", topic=message.topic[:400], size=len(message.payload))
        return BatchResult(quarantined=1)

    def _drop_caches(self) -> None:
        self._engine.forget()
        self._quiet.forget()
        self._positions = None

    def _commit(self, messages: Sequence[InboundMessage], given: Verdict | None = None) -> BatchResult:
        now_ns = self._clock.wall_ns()
        batch, outcome = Batch(), BatchResult()
        touched: dict[int, Position] = {}
        self._begin()
        events: dict[str, Event] = {}
        for message in messages:
            verdict = given or message_validator.validate(message.topic, message.payload, now_ns)
            if isinstance(verdict, Event):
                outcome.duplicates += verdict.id in events
                events.setdefault(verdict.id, verdict)
                self._settle(verdict, now_ns, touched)
            elif isinstance(verdict, StatusReceived):
                self._add_status(verdict, now_ns, batch)
            elif isinstance(verdict, ReplyReceived):
                outcome.replies.append(verdict)
            else:
                self._reject(message, verdict, now_ns, batch, touched)
        self._store_events(events, now_ns, batch, outcome)
        batch.positions = list(touched.values())
        batch.alerts, batch.history, batch.quiet = self._engine.changed, self._engine.history, self._quiet.changed
        opened = (it for it in self._engine.changed.values() if it.opened_ns == now_ns)
        batch.clips = [clip for it in opened if (clip := request_for_alert(it, now_ns, self._clip_days)) is not None]
        self._store.apply(batch)
        self._engine.keep()
        if batch.quarantine:  # one log line for each batch
            first = batch.quarantine[0]
            _log.warning("quarantined", count=len(batch.quarantine), topic=first.topic, reason=first.reason)
        outcome.alerts, outcome.effects = self._engine.changed, self._engine.effects
        outcome.quarantined, outcome.statuses = len(batch.quarantine), len(batch.statuses)
        outcome.states = self._states.changed(batch.statuses)
        outcome.boxes = {(it.site, it.box) for it in batch.positions}
        return outcome

    def _store_events(self, events: dict[str, Event], now_ns: int, batch: Batch, outcome: BatchResult) -> None:
        """Add the new events to the batch, oldest first, and apply them to the alerts."""
        known = self._store.stored_event_ids(events) if events else set()
        outcome.duplicates += len(known)
        fresh = [event for event in events.values() if event.id not in known]
        fresh.sort(key=lambda event: (event.time_ns, event.sequence))
        self._engine.prepare(fresh)
        batch.events = [ReceivedEvent(event, self._engine.take(event, now_ns), now_ns) for event in fresh]
        batch.audit_entries = [entry for event in fresh if (entry := from_event.entry_of(event)) is not None]
        self._quiet.statuses(batch.statuses, now_ns)
        self._quiet.settle(now_ns)
        outcome.committed = len(fresh)
        outcome.passages = any(event.kind.startswith(("vehicle.", "door.")) for event in fresh)

    def _settle(self, event: Event, now_ns: int, touched: dict[int, Position]) -> None:
        position = self._position(event.site, event.box, event.epoch, now_ns)
        touched[id(position)] = position
        if isinstance(event.data, OutboxLost):
            before = position.ranges.count()
            left = [span for span in event.data.sequences if not _add(position.ranges, *span)]
            position.lost += position.ranges.count() - before
            if left:  # the box sends the event again
                return
        _add(position.ranges, event.sequence, event.sequence)

    def _reject(
        self, message: InboundMessage, verdict: InvalidMessage, now_ns: int, batch: Batch, touched: dict[int, Position]
    ) -> None:
        batch.quarantine.append(message_validator.quarantined(message.topic, message.payload, verdict.reason, now_ns))
        if verdict.sequence:
            position = self._position(verdict.site, verdict.box, verdict.epoch, now_ns)
            touched[id(position)] = position
            position.quarantined += verdict.sequence not in position.ranges
            _add(position.ranges, verdict.sequence, verdict.sequence)

    def _add_status(self, received: StatusReceived, now_ns: int, batch: Batch) -> None:
        batch.statuses.append(StatusSeen(received.site, received.box, received.status, now_ns))
        if received.status.epoch:
            self._known_positions()
            self._epochs[received.site, received.box] = received.status.epoch

    def _position(self, site: str, box: str, epoch: str, now_ns: int) -> Position:
        positions = self._known_positions()
        position = positions.get((site, box, epoch))
        if position is None:
            position = positions[site, box, epoch] = Position(site, box, epoch, Ranges(), now_ns)
            if (site, box) in self._epochs and self._epochs[site, box] != epoch:
                _log.warning("a box has a new outbox", site=site, box=box, epoch=epoch)
            self._epochs[site, box] = epoch
        return position

    def _known_positions(self) -> dict[tuple[str, str, str], Position]:
        if self._positions is None:
            rows = sorted(self._store.positions(), key=lambda it: it.first_seen_ns)
            self._epochs = {(it.site, it.box): it.epoch for it in rows}
            epochs = self._store.status_epochs()
            self._epochs.update({key: epoch for key, epoch in epochs.items() if epoch})
            self._positions = {(it.site, it.box, it.epoch): it for it in rows}
        return self._positions


def _add(ranges: Ranges, first: int, last: int) -> bool:
    """Add sequence numbers if the position stays within its bound; returns whether they were added."""
    fits = ranges.parts() < POSITION_RANGES or ranges.joins(first, last)
    if fits:
        ranges.add_range(first, last)
    return fits
