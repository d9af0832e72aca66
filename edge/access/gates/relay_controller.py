"""The hand on the relay: one thread a gate, rate limits, tries within bounds, and never a late opening."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import RelayError
from common.running.threads import Worker
from edge.access.gates.relays import Relay

TRIES = 3
WAIT_S = 0.2
LATE_S = 3.0
"""A command that was not executed within this is dropped: by then another vehicle may be at the barrier."""
WAITING = 4


@dataclass
class RateLimit:
    """Limits how often a barrier opens. Pure.

    Attributes:
        hold_off_s: Minimum time between two openings.
        most_per_minute: Maximum number of openings in any minute.
    """

    hold_off_s: float
    most_per_minute: int
    _opened: deque[int] = field(default_factory=deque)

    def allows(self, mono_ns: int) -> bool:
        """Whether it may open now; counts it if so."""
        while self._opened and mono_ns - self._opened[0] >= 60 * SECOND_NS:
            self._opened.popleft()
        is_too_soon = bool(self._opened) and mono_ns - self._opened[-1] < self.hold_off_s * SECOND_NS
        if is_too_soon or len(self._opened) >= self.most_per_minute:
            return False
        self._opened.append(mono_ns)
        return True


@dataclass(frozen=True)
class _Command:
    requested_ns: int
    manual: bool
    done: Callable[[bool], None]


class RelayController:
    """Sends commands to one relay.

    A command within the hold-off or above the rate limit is not sent and not done. Manual openings are not limited.

    Args:
        gate: The gate's name, for the log.
        relay: The relay.
        limits: The rate limit.
        pulse_s: For how long the output is on.
        clock: Monotonic.

    Attributes:
        gate: The gate's name.
        commands: Pulses that the relay accepted.
        failures: Commands that failed after all attempts.
        limited: Commands that the rate limit rejected.
    """

    def __init__(self, gate: str, relay: Relay, limits: RateLimit, pulse_s: float, clock: Clock) -> None:
        self.gate = gate
        self._relay, self._limits, self._pulse_s, self._clock = relay, limits, pulse_s, clock
        self._log = logging_setup.get("gate").bind(gate=gate)
        self._queue: queue.Queue[_Command | None] = queue.Queue(WAITING)
        self._thread = Worker(self._run, f"relay-{gate}")
        self._stopping = threading.Event()
        self.commands = self.failures = self.limited = 0
        self.last_pulse_ns = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Execute the queued commands, then stop."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    def open(self, done: Callable[[bool], None], manual: bool = False) -> None:
        """Request an opening; `done` is called in another thread with whether the relay accepted the command."""
        try:
            self._queue.put_nowait(_Command(self._clock.monotonic_ns(), manual, done))
        except queue.Full:
            self.failures += 1
            done(False)

    def _run(self) -> None:
        while (command := self._queue.get()) is not None:
            try:
                self._execute(command)
            except Exception as error:  # an internal error must not end the relay's thread
                self.failures += 1
                self._log.exception("relay failed", kind=type(error).__name__)
                command.done(False)

    def _execute(self, command: _Command) -> None:
        if not command.manual and not self._limits.allows(self._clock.monotonic_ns()):
            self.limited += 1
            command.done(False)
            return
        for _ in range(TRIES):
            if self._clock.monotonic_ns() - command.requested_ns > LATE_S * SECOND_NS:
                break
            try:
                self._pulse(command)
                return
            except RelayError as error:
                self._log.warning("relay did not accept the command", error=str(error))
                self._stopping.wait(WAIT_S)
        self.failures += 1
        command.done(False)

    def _pulse(self, command: _Command) -> None:
        self._relay.pulse(self._pulse_s)
        self.commands += 1
        self.last_pulse_ns = self._clock.monotonic_ns()
        command.done(True)
