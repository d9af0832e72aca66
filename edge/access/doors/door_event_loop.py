"""The desk: one thread that takes what all doors say, in order, and makes it into events.

What is told goes to the outbox first, then to the tailgate rule. The queue into it is bounded; an adapter that is
faster waits, so nothing is dropped.
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
from edge.access.doors.door_state_machine import DoorRules, DoorState, Moment
from edge.access.doors.reorder_buffer import ReorderBuffer
from pipelines.rules.tailgate import Crossing, Move, Tailgate
from protocol.envelope import UnsequencedEvent

QUEUE = 4_096
GROUP = 500
"""Most messages that share a commit."""
IDLE_S = 1.0
UNLOCK_WITHIN_S = 10.0
"""A credential that was shown longer ago than this unlocks nothing: whoever showed it may have left."""

STEP_NS = 5_000_000
"""The two clocks are read one after the other; what they differ by more has stepped."""

Done = Callable[[], None]


@dataclass(frozen=True)
class _Message:
    door: str
    what: DoorSignal
    at: Moment
    done: Done | None


@dataclass(frozen=True)
class _Seen:
    door: str
    crossing: Crossing


@dataclass
class Door:
    """A door on the desk.

    Attributes:
        rules: How it is judged.
        window_s: Messages with their own time wait so long for older ones.
        unlock: Lets somebody in, where the box decides.
        allowed: Who is let in, where the box decides.
        tailgate: The rule for its line; None: nobody is counted.
    """

    rules: DoorRules
    window_s: float
    unlock: Callable[[], None]
    allowed: Allowlist | None = None
    tailgate: Tailgate | None = None
    state: DoorState = field(default_factory=DoorState)
    waiting: ReorderBuffer[tuple[Moment, DoorSignal, Done | None]] = field(init=False)
    due_ns: int = 0

    def __post_init__(self) -> None:
        self.waiting = ReorderBuffer(round(self.window_s * SECOND_NS))


@dataclass
class Counts:
    """What the metrics read."""

    messages: int = 0
    refused: int = 0
    late: int = 0
    stale: int = 0
    failures: int = 0


@dataclass
class _Round:
    """What one round has gathered."""

    now: Moment
    drafts: list[UnsequencedEvent] = field(default_factory=list)
    moves: list[tuple[Door, Move]] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)


class DoorEventLoop:
    """Takes messages from any thread; `run` is the thread that judges them.

    Args:
        doors: Id → door.
        judge: Looks at credentials.
        clock: Wall and monotonic.
        send: Puts drafts into the outbox and returns when they are there.
        stop: Ends `run`, after what waits has been judged.
    """

    def __init__(
        self,
        doors: Mapping[str, Door],
        judge: CredentialPolicy,
        clock: Clock,
        send: Callable[[list[UnsequencedEvent]], None],
        stop: threading.Event,
    ) -> None:
        self.doors, self.counts = dict(doors), Counts()
        self._judge, self._clock, self._send, self._stop = judge, clock, send, stop
        self._queue: queue.Queue[_Message | _Seen | None] = queue.Queue(QUEUE)
        self._log = logging_setup.get("doors")
        self._apart_ns = 0

    def submit(self, door: str, what: DoorSignal, time_ns: int | None = None, done: Done | None = None) -> None:
        """Queue a door's signal; waits while the queue is full. See `edge.access.doors.adapters.base.EventSink`."""
        at = Moment(self._clock.monotonic_ns(), self._clock.wall_ns())
        if time_ns is not None:
            own_ns = min(time_ns, at.wall_ns)
            at = Moment(own_ns + self._apart(at), own_ns)
        self._queue.put(_Message(door, what, at, done))

    def _apart(self, now: Moment) -> int:
        """Monotonic less wall time: the same until the wall clock steps, so that equal times stay in order."""
        apart_ns = now.mono_ns - now.wall_ns
        if abs(apart_ns - self._apart_ns) > STEP_NS:
            self._apart_ns = apart_ns
        return self._apart_ns

    def see(self, door: str, crossings: Iterable[Crossing]) -> None:
        """Take crossings of a door's line in the direction of going in."""
        for crossing in crossings:
            self._queue.put(_Seen(door, crossing))

    def wake(self) -> None:
        """Have `run` look at the stop now."""
        self._queue.put(None)

    def run(self) -> None:
        """Judge until the stop, and then what is still there."""
        while not self._stop.is_set():
            self.round(self._gather())
        while items := self._gather(wait=False):
            self.round(items)
        self.round([], last=True)

    def round(self, items: Sequence[_Message | _Seen], last: bool = False) -> None:
        """One round: order, judge, store, then count people.

        Args:
            items: What has come.
            last: Nothing more will come: nothing waits for it.
        """
        step = _Round(Moment(self._clock.monotonic_ns(), self._clock.wall_ns()))
        for item in items:
            self._sort_in(step, item)
        for name, door in self.doors.items():
            if last or step.now.mono_ns >= door.due_ns:
                try:
                    self._advance(step, name, door, last)
                except Exception:  # a mistake of ours about one door must not silence the others
                    self.counts.failures += 1
                    self._log.exception("a door was not judged", door=name)
                    door.due_ns = step.now.mono_ns + SECOND_NS
        if step.drafts:
            self._send(step.drafts)
        for done in step.done:
            done()
        self._count_people(step)

    def _gather(self, wait: bool = True) -> list[_Message | _Seen]:
        items: list[_Message | _Seen] = []
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

    def _sort_in(self, step: _Round, item: _Message | _Seen) -> None:
        door = self.doors[item.door]
        door.due_ns = 0
        if isinstance(item, _Seen):
            step.moves.append((door, item.crossing))
            return
        self.counts.messages += 1
        self.counts.refused += isinstance(item.what, Refused)
        if isinstance(item.what, Stale):
            self.counts.stale += 1
            step.done += [item.done] if item.done is not None else []
            return
        door.waiting.push(item.at.mono_ns, (item.at, item.what, item.done))

    def _advance(self, step: _Round, name: str, door: Door, last: bool) -> None:
        horizon = step.now if last else step.now.after(-door.window_s)
        for at, what, done in door.waiting.ready(2**62 if last else step.now.mono_ns):
            assert not isinstance(what, Stale)  # `_sort_in` counted it
            heard = self._decide(name, door, what, at) if isinstance(what, CredentialPresented) else what
            self._take(step, name, door, door_state_machine.transition(door.state, heard, at, door.rules))
            if done is not None:
                step.done.append(done)
        self._take(step, name, door, door_state_machine.tick(door.state, horizon, door.rules))
        own_ns = door_state_machine.due_ns(door.state, horizon, door.rules)
        times = [door.waiting.due_ns(), None if own_ns is None else own_ns + round(door.window_s * SECOND_NS)]
        if door.tailgate is not None and (wall_ns := door.tailgate.due_ns()) is not None:
            times.append(step.now.mono_ns + wall_ns - step.now.wall_ns)
        door.due_ns = min((time for time in times if time is not None), default=2**62)

    def _take(self, step: _Round, name: str, door: Door, outcome: door_state_machine.Transition) -> None:
        door.state = outcome.state
        self.counts.late += outcome.late
        step.drafts += [UnsequencedEvent(name, data, wall_ns) for data, wall_ns in outcome.events]
        step.moves += [(door, move) for move in outcome.moves]

    def _decide(
        self, name: str, door: Door, card: CredentialPresented, at: Moment
    ) -> door_state_machine.CredentialDecision:
        """Judge a credential, and let its bearer in where that is the box's to do: before anything is written."""
        judged = self._judge.judge(card, door.allowed, self._clock.wall_ns())
        if card.verdict == "shown" and judged.verdict != "denied":
            if not card.fresh or self._clock.monotonic_ns() - at.mono_ns > UNLOCK_WITHIN_S * SECOND_NS:
                return door_state_machine.CredentialDecision("denied", judged.credential, "too late")
            try:
                door.unlock()
            except DoorError as error:
                self._log.warning("a door was not unlocked", door=name, reason=str(error))
                return door_state_machine.CredentialDecision("denied", judged.credential, "the lock does not answer")
        return judged

    def _count_people(self, step: _Round) -> None:
        for door, move in step.moves:
            if door.tailgate is not None:
                door.tailgate.hear(move)
                door.due_ns = 0
        now_ns = step.now.wall_ns
        found: list[UnsequencedEvent] = []
        for name, door in self.doors.items():
            if door.tailgate is not None and (door.tailgate.due_ns() or now_ns + 1) <= now_ns:
                found += [UnsequencedEvent(name, data, time_ns) for data, time_ns in door.tailgate.judge(now_ns)]
        if found:
            self._send(found)
