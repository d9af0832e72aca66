"""The door's state machine: pure transitions. Monotonic time drives it; wall time only stands in what is told.

Order of every transition: first what has become due until then, then the message. A message that is older than the
last one changes no state; what it tells is told, with its own time.
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
"""So long after a controller came back its contact only says how the door stands; nobody has just opened it."""
REFUSED_EVERY_S = 60.0
"""The same refusal is told once in this time; all of them are counted."""
LOOK_AGAIN_S = 30.0
"""A held-open schedule is looked at this often while a door stands open."""


class Moment(NamedTuple):
    """One moment on both clocks, nanoseconds."""

    mono_ns: int
    wall_ns: int

    def after(self, seconds: float) -> Moment:
        """So much later."""
        return Moment(self.mono_ns + round(seconds * SECOND_NS), self.wall_ns + round(seconds * SECOND_NS))


@dataclass(frozen=True)
class CredentialDecision:
    """A credential after the box has looked at it: `credential` is a pseudonym."""

    verdict: Literal["granted", "denied", "duress"]
    credential: str | None = None
    reason: str = ""


Heard = (
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
"""What the machine takes: what adapters say, with credentials judged."""


@dataclass(frozen=True)
class DoorRules:
    """How a door is judged.

    Attributes:
        door: Its id.
        held_limit_s: Seconds that it may stand open at a wall time (UTC nanoseconds); None: as long as it likes.
        open_within_s: A grant or an exit explains an opening so long after it.
        debounce_s: The contact must stay for so long.
        grace_s: A grant may come so long after the opening that it explains.
        free_exit: It opens from inside without a signal, so an opening without a grant says nothing.
    """

    door: str
    held_limit_s: Callable[[int], float | None]
    open_within_s: float = 10.0
    debounce_s: float = 0.15
    grace_s: float = 0.5
    free_exit: bool = False


@dataclass(frozen=True)
class DoorState:
    """All that is known of a door; None: not yet."""

    online: bool | None = None
    lost: Moment | None = None
    reasons: tuple[str, ...] = ()
    resync_until_ns: int = -(2**62)
    locked: bool | None = None
    open: bool | None = None
    bouncing: Moment | None = None
    opened: Moment | None = None
    unexplained: bool = False
    explained_at: Moment | None = None
    forced: bool = False
    held: bool = False
    tampered: bool = False
    refused: tuple[tuple[str, int], ...] = ()
    last_ns: int = -(2**62)


@dataclass(frozen=True)
class Transition:
    """The next state, what is told (with wall time), what the tailgate rule hears, and whether the message was late."""

    state: DoorState
    events: tuple[tuple[DoorData, int], ...] = ()
    moves: tuple[Move, ...] = ()
    late: bool = False


@dataclass
class _Step:
    """A transition under way."""

    state: DoorState
    rules: DoorRules
    events: list[tuple[DoorData, int]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def become(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]

    def emit(
        self,
        kind: type[DoorData],
        when: Moment,
        *,
        reason: str = "",
        credential: str | None = None,
        seconds: float | None = None,
    ) -> None:
        data = kind(door=self.rules.door, reason=reason or None, credential=credential, seconds=seconds)
        self.events.append((data, when.wall_ns))


def transition(state: DoorState, signal: Heard, at: Moment, rules: DoorRules) -> Transition:
    """Take one message.

    Args:
        state: Before it.
        signal: Of the controller or the credential policy.
        at: When, by the controller's own time where it has one.
        rules: Of this door.
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
            step.become(last_ns=at.mono_ns)
        _apply(step, signal, at)
        _run_due(step, at)
    return Transition(step.state, tuple(step.events), tuple(step.moves), late)


def tick(state: DoorState, now: Moment, rules: DoorRules) -> Transition:
    """Let time pass: debounced contacts, openings that nobody explained, doors that stand open."""
    step = _Step(state, rules)
    _run_due(step, now)
    return Transition(step.state, tuple(step.events), tuple(step.moves))


def due_ns(state: DoorState, now: Moment, rules: DoorRules) -> int | None:
    """Monotonic time at which `tick` has something to do; None: only a message can change anything."""
    times = []
    if state.bouncing is not None:
        times.append(state.bouncing.after(rules.debounce_s).mono_ns)
    if state.opened is not None and state.unexplained:
        times.append(state.opened.after(rules.grace_s).mono_ns)
    if state.opened is not None and not state.held:
        limit_s, again = rules.held_limit_s(now.wall_ns), now.after(LOOK_AGAIN_S).mono_ns
        times.append(again if limit_s is None else min(again, state.opened.after(limit_s).mono_ns))
    return min(times, default=None)


def _run_due(step: _Step, now: Moment) -> None:
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
        step.become(held=True)
        step.emit(DoorHeld, now, seconds=open_s)


def _settle_contact(step: _Step, is_open: bool, since: Moment) -> None:
    """The contact has stayed: the door has been open, or closed, `since`."""
    state = step.state
    step.become(open=is_open, bouncing=None)
    if is_open:
        resync = since.mono_ns <= state.resync_until_ns
        free = state.locked is False and not _explains(step, since)
        known = resync or free or step.rules.free_exit or _explains(step, since)
        step.become(opened=since, unexplained=not known)
        step.moves.append(Opened(since.wall_ns, free or resync))
    elif state.opened is not None:
        _close(step, since)


def _close(step: _Step, at: Moment) -> None:
    state = step.state
    assert state.opened is not None
    if state.unexplained:
        _force(step, state.opened)
    if step.state.forced or state.held:
        step.emit(DoorClosed, at, seconds=max(0.0, (at.mono_ns - state.opened.mono_ns) / SECOND_NS))
    spent = state.explained_at is not None and state.explained_at.mono_ns <= state.opened.mono_ns
    step.become(opened=None, unexplained=False, forced=False, held=False)
    step.become(explained_at=None if spent else state.explained_at)
    step.moves.append(Closed(at.wall_ns))


def _force(step: _Step, at: Moment) -> None:
    step.become(unexplained=False)
    if not step.state.forced:
        step.become(forced=True)
        step.emit(DoorForced, at)


def _explains(step: _Step, opening: Moment) -> bool:
    given, rules = step.state.explained_at, step.rules
    return given is not None and (
        given.mono_ns - round(rules.grace_s * SECOND_NS) <= opening.mono_ns <= given.after(rules.open_within_s).mono_ns
    )


def _explain(step: _Step, at: Moment) -> None:
    before = step.state.explained_at
    if before is None or before.mono_ns < at.mono_ns:
        step.become(explained_at=at)
    opened = step.state.opened
    if step.state.unexplained and opened is not None and _explains(_replaced(step, at), opened):
        step.become(unexplained=False)


def _replaced(step: _Step, at: Moment) -> _Step:
    """The same step as if the door had last been explained at `at`."""
    return _Step(replace(step.state, explained_at=at), step.rules)


def _late(step: _Step, signal: Heard, at: Moment) -> None:
    """Older than what was already judged: tell what happened, change nothing but what it explains."""
    match signal:
        case CredentialDecision():
            _judged(step, signal, at)
        case door_signals.RequestToExit():
            _explain(step, at)
        case door_signals.Forced():
            step.emit(DoorForced, at, reason="told late")
        case door_signals.Held():
            step.emit(DoorHeld, at, reason="told late")
        case _:
            return


def _apply(step: _Step, signal: Heard, at: Moment) -> None:
    state = step.state
    match signal:
        case CredentialDecision():
            _judged(step, signal, at)
        case door_signals.RequestToExit():
            _explain(step, at)
        case door_signals.DoorContact(open=is_open):
            _contact(step, is_open, at)
        case door_signals.Lock(locked=locked):
            step.become(locked=locked)
        case door_signals.Forced():
            _force(step, at)
        case door_signals.Held():
            if not state.held:
                step.become(held=True)
                step.emit(DoorHeld, at)
        case door_signals.Tamper(on=on):
            _tamper(step, on, at)
        case door_signals.ControllerLost(reason=reason):
            _lost(step, reason, at)
        case door_signals.ControllerRestored():
            _found(step, at)
        case door_signals.Refused(reason=reason):
            _refused(step, reason, at)


def _judged(step: _Step, signal: CredentialDecision, at: Moment) -> None:
    if signal.verdict == "denied":
        step.emit(DoorDenied, at, reason=signal.reason, credential=signal.credential)
        return
    if signal.verdict == "duress":
        step.emit(DoorDuress, at, reason=signal.reason, credential=signal.credential)
    step.emit(DoorGranted, at, reason=signal.reason, credential=signal.credential)
    step.moves.append(Grant(at.wall_ns))
    _explain(step, at)


def _contact(step: _Step, is_open: bool, at: Moment) -> None:
    state = step.state
    if is_open != (state.open or False):
        step.become(bouncing=state.bouncing or at)
        return
    step.become(open=is_open, bouncing=None)
    if not is_open and (state.forced or state.held):  # the controller told so without the contact
        step.emit(DoorClosed, at)
        step.become(forced=False, held=False)


def _tamper(step: _Step, on: bool, at: Moment) -> None:
    if on and not step.state.tampered:
        step.emit(DoorForced, at, reason="tamper")
    elif not on and step.state.tampered and not step.state.forced:
        step.emit(DoorClosed, at, reason="tamper over")
    step.become(tampered=on)


def _lost(step: _Step, reason: str, at: Moment) -> None:
    """Lost, or lost for another reason than was told: numbers in a reason make no other reason."""
    state = step.state
    if state.online is not False:
        step.become(online=False, lost=at, reasons=())
    sort = _sort_of(reason)
    if sort not in step.state.reasons:
        step.become(reasons=(*step.state.reasons, sort))
        step.emit(DoorOffline, at, reason=reason)


def _sort_of(reason: str) -> str:
    """A reason without its numbers, which would make each one another."""
    return re.sub(r"[-\d]+", "", reason)


def _found(step: _Step, at: Moment) -> None:
    state = step.state
    if state.online is True:
        return
    seconds = None if state.lost is None else max(0.0, (at.mono_ns - state.lost.mono_ns) / SECOND_NS)
    step.become(online=True, lost=None, resync_until_ns=at.after(RESYNC_S).mono_ns)
    step.emit(DoorOnline, at, seconds=seconds)


def _refused(step: _Step, reason: str, at: Moment) -> None:
    recent = tuple(
        (text, ns) for text, ns in step.state.refused if at.mono_ns - ns < round(REFUSED_EVERY_S * SECOND_NS)
    )
    sort = _sort_of(reason)
    if sort not in {text for text, _ in recent}:
        recent = (*recent, (sort, at.mono_ns))
        step.emit(DoorDenied, at, reason=f"refused: {reason}")
    step.become(refused=recent)
