"""The door's state machine: pure transitions. Monotonic time drives it; wall time appears only in events.

Order of every transition: first the timers that are due, then the message. A message that is older than the last one
changes no state; its event is emitted with its own time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from common.clock import SECOND_NS
from edge.access.doors import door_signals
from pipelines.rules.tailgate import Closed, Grant, Move, Opened
from protocol.event_types import (
    DoorClosed,
    DoorData,
    DoorDenied,
    DoorDuress,
    DoorForced,
    DoorGranted,
    DoorHeld,
    DoorOffline,
    DoorOnline,
)

RESYNC_S = 5.0
"""For this long after a controller is restored, its contact only reports the current state, not a new opening."""
REFUSED_EVERY_S = 60.0
"""The same refusal is reported once in this time; all of them are counted."""
RECHECK_HELD_S = 30.0
"""Interval at which the held-open schedule is checked while a door is open."""


class Timestamp(NamedTuple):
    """One point in time on both clocks, nanoseconds."""

    mono_ns: int
    wall_ns: int

    def after(self, seconds: float) -> Timestamp:
        """This many seconds later."""
        return Timestamp(self.mono_ns + round(seconds * SECOND_NS), self.wall_ns + round(seconds * SECOND_NS))


@dataclass(frozen=True)
class CredentialDecision:
    """The decision about a credential: `credential` is a pseudonym."""

    verdict: Literal["granted", "denied", "duress"]
    credential: str | None = None
    reason: str = ""


DoorInput = (
    CredentialDecision
    | door_signals.RequestToExit
    | door_signals.DoorContact
    | door_signals.Lock
    | door_signals.Forced
    | door_signals.Held
    | door_signals.Tamper
    | door_signals.ControllerLost
    | door_signals.ControllerRestored
    | door_signals.Refused
)
"""Input of the state machine: the adapters' signals, with credentials already decided."""


@dataclass(frozen=True)
class DoorRules:
    """Parameters of a door's state machine.

    Attributes:
        door: Its id.
        held_limit_s: Seconds that it may stay open at a wall time (UTC nanoseconds); None: without limit.
        open_within_s: A grant or an exit explains an opening up to this long after it.
        debounce_s: The contact must be stable for this long.
        grace_s: A grant may come this long after the opening that it explains.
        free_exit: It opens from inside without a signal, so an opening without a grant is not forced.
    """

    door: str
    held_limit_s: Callable[[int], float | None]
    open_within_s: float = 10.0
    debounce_s: float = 0.15
    grace_s: float = 0.5
    free_exit: bool = False


@dataclass(frozen=True)
class DoorState:
    """The state of a door; None: not yet known."""

    online: bool | None = None
    lost: Timestamp | None = None
    reasons: tuple[str, ...] = ()
    resync_until_ns: int = -(2**62)
    locked: bool | None = None
    open: bool | None = None
    bouncing: Timestamp | None = None
    opened: Timestamp | None = None
    unexplained: bool = False
    explained_at: Timestamp | None = None
    forced: bool = False
    held: bool = False
    tampered: bool = False
    refused: tuple[tuple[str, int], ...] = ()
    last_ns: int = -(2**62)


@dataclass(frozen=True)
class Transition:
    """The next state, events with wall time, inputs of the tailgating rule, and whether the message was late."""

    state: DoorState
    events: tuple[tuple[DoorData, int], ...] = ()
    moves: tuple[Move, ...] = ()
    late: bool = False


@dataclass
class _Step:
    """A transition in progress."""

    state: DoorState
    rules: DoorRules
    events: list[tuple[DoorData, int]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def update(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]

    def emit(
        self,
        kind: type[DoorData],
        when: Timestamp,
        *,
        reason: str = "",
        credential: str | None = None,
        seconds: float | None = None,
    ) -> None:
        data = kind(door=self.rules.door, reason=reason or None, credential=credential, seconds=seconds)
        self.events.append((data, when.wall_ns))


def transition(state: DoorState, signal: DoorInput, at: Timestamp, rules: DoorRules) -> Transition:
    """Take one message.

    Args:
        state: The state before it.
        signal: From the controller or the credential policy.
        at: When it happened, by the controller's own time where it has one.
        rules: Parameters of this door.
    """
    step = _Step(state, rules)
    of_transport = isinstance(
        signal, door_signals.ControllerLost | door_signals.ControllerRestored | door_signals.Refused
    )
    late = not of_transport and at.mono_ns < state.last_ns
    if late:
        _late(step, signal, at)
    else:
        _run_due(step, at)
        if not of_transport:  # the connection has the box's time, the door may have a coarser one of its own
            step.update(last_ns=at.mono_ns)
        _apply(step, signal, at)
        _run_due(step, at)
    return Transition(step.state, tuple(step.events), tuple(step.moves), late)


def tick(state: DoorState, now: Timestamp, rules: DoorRules) -> Transition:
    """Process the timers: debounced contacts, unexplained openings, doors held open."""
    step = _Step(state, rules)
    _run_due(step, now)
    return Transition(step.state, tuple(step.events), tuple(step.moves))


def due_ns(state: DoorState, now: Timestamp, rules: DoorRules) -> int | None:
    """Monotonic time at which `tick` has something to do; None: only a message can change anything."""
    times = []
    if state.bouncing is not None:
        times.append(state.bouncing.after(rules.debounce_s).mono_ns)
    if state.opened is not None and state.unexplained:
        times.append(state.opened.after(rules.grace_s).mono_ns)
    if state.opened is not None and not state.held:
        limit_s, again = rules.held_limit_s(now.wall_ns), now.after(RECHECK_HELD_S).mono_ns
        times.append(again if limit_s is None else min(again, state.opened.after(limit_s).mono_ns))
    return min(times, default=None)


def _run_due(step: _Step, now: Timestamp) -> None:
    state, rules = step.state, step.rules
    if state.bouncing is not None and now.mono_ns >= state.bouncing.after(rules.debounce_s).mono_ns:
        _settle_contact(step, not state.open, state.bouncing)
    state = step.state
    if state.opened is None:
        return
    if state.unexplained and now.mono_ns >= state.opened.after(rules.grace_s).mono_ns:
        _force(step, state.opened)
    limit_s = rules.held_limit_s(now.wall_ns)
    open_s = (now.mono_ns - state.opened.mono_ns) / SECOND_NS
    if not state.held and limit_s is not None and open_s >= limit_s:
        step.update(held=True)
        step.emit(DoorHeld, now, seconds=open_s)


def _settle_contact(step: _Step, is_open: bool, since: Timestamp) -> None:
    """The contact is stable: the door has been open, or closed, `since`."""
    state = step.state
    step.update(open=is_open, bouncing=None)
    if is_open:
        resync = since.mono_ns <= state.resync_until_ns
        free = state.locked is False and not _explains(step, since)
        is_explained = resync or free or step.rules.free_exit or _explains(step, since)
        step.update(opened=since, unexplained=not is_explained)
        step.moves.append(Opened(since.wall_ns, free or resync))
    elif state.opened is not None:
        _close(step, since)


def _close(step: _Step, at: Timestamp) -> None:
    state = step.state
    assert state.opened is not None
    if state.unexplained:
        _force(step, state.opened)
    if step.state.forced or state.held:
        step.emit(DoorClosed, at, seconds=max(0.0, (at.mono_ns - state.opened.mono_ns) / SECOND_NS))
    is_used = state.explained_at is not None and state.explained_at.mono_ns <= state.opened.mono_ns
    step.update(opened=None, unexplained=False, forced=False, held=False)
    step.update(explained_at=None if is_used else state.explained_at)
    step.moves.append(Closed(at.wall_ns))


def _force(step: _Step, at: Timestamp) -> None:
    step.update(unexplained=False)
    if not step.state.forced:
        step.update(forced=True)
        step.emit(DoorForced, at)


def _explains(step: _Step, opening: Timestamp) -> bool:
    given, rules = step.state.explained_at, step.rules
    return given is not None and (
        given.mono_ns - round(rules.grace_s * SECOND_NS) <= opening.mono_ns <= given.after(rules.open_within_s).mono_ns
    )


def _explain(step: _Step, at: Timestamp) -> None:
    before = step.state.explained_at
    if before is None or before.mono_ns < at.mono_ns:
        step.update(explained_at=at)
    opened = step.state.opened
    if step.state.unexplained and opened is not None and _explains(_replaced(step, at), opened):
        step.update(unexplained=False)


def _replaced(step: _Step, at: Timestamp) -> _Step:
    """The same step as if the door had last been explained at `at`."""
    return _Step(replace(step.state, explained_at=at), step.rules)


def _late(step: _Step, signal: DoorInput, at: Timestamp) -> None:
    """A message older than the last one: emit its event; change only what it explains."""
    match signal:
        case CredentialDecision():
            _apply_decision(step, signal, at)
        case door_signals.RequestToExit():
            _explain(step, at)
        case door_signals.Forced():
            step.emit(DoorForced, at, reason="told late")
        case door_signals.Held():
            step.emit(DoorHeld, at, reason="told late")
        case _:
            return


def _apply(step: _Step, signal: DoorInput, at: Timestamp) -> None:
    state = step.state
    match signal:
        case CredentialDecision():
            _apply_decision(step, signal, at)
        case door_signals.RequestToExit():
            _explain(step, at)
        case door_signals.DoorContact(open=is_open):
            _contact(step, is_open, at)
        case door_signals.Lock(locked=locked):
            step.update(locked=locked)
        case door_signals.Forced():
            _force(step, at)
        case door_signals.Held():
            if not state.held:
                step.update(held=True)
                step.emit(DoorHeld, at)
        case door_signals.Tamper(on=on):
            _tamper(step, on, at)
        case door_signals.ControllerLost(reason=reason):
            _lost(step, reason, at)
        case door_signals.ControllerRestored():
            _restored(step, at)
        case door_signals.Refused(reason=reason):
            _refused(step, reason, at)


def _apply_decision(step: _Step, signal: CredentialDecision, at: Timestamp) -> None:
    if signal.verdict == "denied":
        step.emit(DoorDenied, at, reason=signal.reason, credential=signal.credential)
        return
    if signal.verdict == "duress":
        step.emit(DoorDuress, at, reason=signal.reason, credential=signal.credential)
    step.emit(DoorGranted, at, reason=signal.reason, credential=signal.credential)
    step.moves.append(Grant(at.wall_ns))
    _explain(step, at)


def _contact(step: _Step, is_open: bool, at: Timestamp) -> None:
    state = step.state
    if is_open != (state.open or False):
        step.update(bouncing=state.bouncing or at)
        return
    step.update(open=is_open, bouncing=None)
    if not is_open and (state.forced or state.held):  # the controller reported it without the contact
        step.emit(DoorClosed, at)
        step.update(forced=False, held=False)


def _tamper(step: _Step, on: bool, at: Timestamp) -> None:
    if on and not step.state.tampered:
        step.emit(DoorForced, at, reason="tamper")
    elif not on and step.state.tampered and not step.state.forced:
        step.emit(DoorClosed, at, reason="tamper over")
    step.update(tampered=on)


def _lost(step: _Step, reason: str, at: Timestamp) -> None:
    """Report the loss, and each further reason once; reasons that differ only in numbers are the same."""
    state = step.state
    if state.online is not False:
        step.update(online=False, lost=at, reasons=())
    kind_of_reason = _without_numbers(reason)
    if kind_of_reason not in step.state.reasons:
        step.update(reasons=(*step.state.reasons, kind_of_reason))
        step.emit(DoorOffline, at, reason=reason)


def _without_numbers(reason: str) -> str:
    """A reason without its numbers, so that reasons which differ only in numbers are equal."""
    return re.sub(r"[-\d]+", "", reason)


def _restored(step: _Step, at: Timestamp) -> None:
    state = step.state
    if state.online is True:
        return
    seconds = None if state.lost is None else max(0.0, (at.mono_ns - state.lost.mono_ns) / SECOND_NS)
    step.update(online=True, lost=None, resync_until_ns=at.after(RESYNC_S).mono_ns)
    step.emit(DoorOnline, at, seconds=seconds)


def _refused(step: _Step, reason: str, at: Timestamp) -> None:
    recent = tuple(
        (text, ns) for text, ns in step.state.refused if at.mono_ns - ns < round(REFUSED_EVERY_S * SECOND_NS)
    )
    kind_of_reason = _without_numbers(reason)
    if kind_of_reason not in {text for text, _ in recent}:
        recent = (*recent, (kind_of_reason, at.mono_ns))
        step.emit(DoorDenied, at, reason=f"refused: {reason}")
    step.update(refused=recent)
