"""The event loop of all doors: one thread that takes door signals in order and turns them into events.

Events go to the outbox first, then to the tailgating rule. The queue is bounded; a faster adapter blocks, so nothing
is dropped.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import DoorError
from edge.access.doors import door_state_machine
from edge.access.doors.credential_policy import Allowlist, CredentialPolicy
from edge.access.doors.door_signals import CredentialPresented, DoorSignal, Refused, Stale
from edge.access.doors.door_state_machine import DoorRules, DoorState, Timestamp
from edge.access.doors.reorder_buffer import ReorderBuffer
from pipelines.rules.tailgate import Crossing, Move, Tailgate
from protocol.envelope import UnsequencedEvent

QUEUE = 4_096
GROUP = 500
"""Maximum number of messages in one commit."""
IDLE_S = 1.0
UNLOCK_WITHIN_S = 10.0
"""A credential that was presented longer ago unlocks nothing: its bearer may have left."""

STEP_NS = 5_000_000
"""The two clocks are read one after the other; a larger change of their offset is a clock step."""

Done = Callable[[], None]


@dataclass(frozen=True)
class _Message:
    door: str
    what: DoorSignal
    at: Timestamp
    done: Done | None


@dataclass(frozen=True)
class _LineCrossing:
    door: str
    crossing: Crossing


@dataclass
class Door:
    """One door in the event loop.

    Attributes:
        rules: Parameters of its state machine.
        window_s: Messages with the controller's own time wait this long for older ones.
        unlock: Unlocks the door, where the box decides.
        allowed: The allowed credentials, where the box decides.
        tailgate: The rule for its line; None: people are not counted.
    """

    rules: DoorRules
    window_s: float
    unlock: Callable[[], None]
    allowed: Allowlist | None = None
    tailgate: Tailgate | None = None
    state: DoorState = field(default_factory=DoorState)
    waiting: ReorderBuffer[tuple[Timestamp, DoorSignal, Done | None]] = field(init=False)
    due_ns: int = 0

    def __post_init__(self) -> None:
        self.waiting = ReorderBuffer(round(self.window_s * SECOND_NS))


@dataclass
class Counts:
    """Counters for the metrics."""

    messages: int = 0
    refused: int = 0
    late: int = 0
    stale: int = 0
    failures: int = 0


@dataclass
class _Batch:
    """The results of one batch of messages."""

    now: Timestamp
    events: list[UnsequencedEvent] = field(default_factory=list)
    moves: list[tuple[Door, Move]] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)


class DoorEventLoop:
    """Takes messages from any thread; `run` processes them in one thread.

    Args:
        doors: Id → door.
        policy: Decides about credentials.
        clock: Wall and monotonic.
        send: Stores events in the outbox and returns when they are committed.
        stop: Ends `run` after the queued messages have been processed.
    """

    def __init__(
        self,
        doors: Mapping[str, Door],
        policy: CredentialPolicy,
        clock: Clock,
        send: Callable[[list[UnsequencedEvent]], None],
        stop: threading.Event,
    ) -> None:
        self.doors, self.counts = dict(doors), Counts()
        self._policy, self._clock, self._send, self._stop = policy, clock, send, stop
        self._queue: queue.Queue[_Message | _LineCrossing | None] = queue.Queue(QUEUE)
        self._log = logging_setup.get("doors")
        self._clock_offset_ns = 0

    def submit(self, door: str, what: DoorSignal, time_ns: int | None = None, done: Done | None = None) -> None:
        """Queue a door's signal; waits while the queue is full. See `edge.access.doors.adapters.base.EventSink`."""
        at = Timestamp(self._clock.monotonic_ns(), self._clock.wall_ns())
        if time_ns is not None:
            own_ns = min(time_ns, at.wall_ns)
            at = Timestamp(own_ns + self._clock_offset(at), own_ns)
        self._queue.put(_Message(door, what, at, done))

    def _clock_offset(self, now: Timestamp) -> int:
        """Monotonic less wall time: the same until the wall clock steps, so that equal times stay in order."""
        offset_ns = now.mono_ns - now.wall_ns
        if abs(offset_ns - self._clock_offset_ns) > STEP_NS:
            self._clock_offset_ns = offset_ns
        return self._clock_offset_ns

    def submit_crossings(self, door: str, crossings: Iterable[Crossing]) -> None:
        """Queue crossings of a door's line in the direction of entry."""
        for crossing in crossings:
            self._queue.put(_LineCrossing(door, crossing))

    def notify(self) -> None:
        """Make `run` check the stop event now."""
        self._queue.put(None)

    def run(self) -> None:
        """Process messages until the stop, then those that are still queued."""
        while not self._stop.is_set():
            self.process_batch(self._collect())
        while items := self._collect(wait=False):
            self.process_batch(items)
        self.process_batch([], last=True)

    def process_batch(self, items: Sequence[_Message | _LineCrossing], last: bool = False) -> None:
        """Process one batch: order, apply, store, then count people.

        Args:
            items: The messages.
            last: No message follows, so the reordering window is skipped.
        """
        batch = _Batch(Timestamp(self._clock.monotonic_ns(), self._clock.wall_ns()))
        for item in items:
            self._add_message(batch, item)
        for name, door in self.doors.items():
            if last or batch.now.mono_ns >= door.due_ns:
                try:
                    self._process_door(batch, name, door, last)
                except Exception:  # an internal error at one door must not stop the others
                    self.counts.failures += 1
                    self._log.exception("door processing failed", door=name)
                    door.due_ns = batch.now.mono_ns + SECOND_NS
        if batch.events:
            self._send(batch.events)
        for done in batch.done:
            done()
        self._count_people(batch)

    def _collect(self, wait: bool = True) -> list[_Message | _LineCrossing]:
        items: list[_Message | _LineCrossing] = []
        due_ns = min((door.due_ns for door in self.doors.values()), default=0)
        timeout_s = min(IDLE_S, max(0.0, (due_ns - self._clock.monotonic_ns()) / SECOND_NS))
        try:
            first = self._queue.get(block=wait and timeout_s > 0, timeout=timeout_s)
            items += [first] if first is not None else []
            while len(items) < GROUP:
                item = self._queue.get_nowait()
                items += [item] if item is not None else []
        except queue.Empty:
            pass
        return items

    def _add_message(self, batch: _Batch, item: _Message | _LineCrossing) -> None:
        door = self.doors[item.door]
        door.due_ns = 0
        if isinstance(item, _LineCrossing):
            batch.moves.append((door, item.crossing))
            return
        self.counts.messages += 1
        self.counts.refused += isinstance(item.what, Refused)
        if isinstance(item.what, Stale):
            self.counts.stale += 1
            batch.done += [item.done] if item.done is not None else []
            return
        door.waiting.push(item.at.mono_ns, (item.at, item.what, item.done))

    def _process_door(self, batch: _Batch, name: str, door: Door, last: bool) -> None:
        horizon = batch.now if last else batch.now.after(-door.window_s)
        for at, what, done in door.waiting.ready(2**62 if last else batch.now.mono_ns):
            assert not isinstance(what, Stale)  # `_add_message` counted it
            signal = self._decide_credential(name, door, what, at) if isinstance(what, CredentialPresented) else what
            self._apply_transition(batch, name, door, door_state_machine.transition(door.state, signal, at, door.rules))
            if done is not None:
                batch.done.append(done)
        self._apply_transition(batch, name, door, door_state_machine.tick(door.state, horizon, door.rules))
        own_ns = door_state_machine.due_ns(door.state, horizon, door.rules)
        times = [door.waiting.due_ns(), None if own_ns is None else own_ns + round(door.window_s * SECOND_NS)]
        if door.tailgate is not None and (wall_ns := door.tailgate.due_ns()) is not None:
            times.append(batch.now.mono_ns + wall_ns - batch.now.wall_ns)
        door.due_ns = min((time for time in times if time is not None), default=2**62)

    def _apply_transition(self, batch: _Batch, name: str, door: Door, outcome: door_state_machine.Transition) -> None:
        door.state = outcome.state
        self.counts.late += outcome.late
        batch.events += [UnsequencedEvent(name, data, wall_ns) for data, wall_ns in outcome.events]
        batch.moves += [(door, move) for move in outcome.moves]

    def _decide_credential(
        self, name: str, door: Door, card: CredentialPresented, at: Timestamp
    ) -> door_state_machine.CredentialDecision:
        """Decide about a credential; where the box decides, unlock the door before anything is written."""
        decision = self._policy.judge(card, door.allowed, self._clock.wall_ns())
        if card.verdict == "shown" and decision.verdict != "denied":
            if not card.fresh or self._clock.monotonic_ns() - at.mono_ns > UNLOCK_WITHIN_S * SECOND_NS:
                return door_state_machine.CredentialDecision("denied", decision.credential, "too late")
            try:
                door.unlock()
            except DoorError as error:
                self._log.warning("door was not unlocked", door=name, reason=str(error))
                return door_state_machine.CredentialDecision("denied", decision.credential, "the lock does not answer")
        return decision

    def _count_people(self, batch: _Batch) -> None:
        for door, move in batch.moves:
            if door.tailgate is not None:
                door.tailgate.add(move)
                door.due_ns = 0
        now_ns = batch.now.wall_ns
        events: list[UnsequencedEvent] = []
        for name, door in self.doors.items():
            if door.tailgate is not None and (door.tailgate.due_ns() or now_ns + 1) <= now_ns:
                events += [UnsequencedEvent(name, data, time_ns) for data, time_ns in door.tailgate.judge(now_ns)]
        if events:
            self._send(events)
