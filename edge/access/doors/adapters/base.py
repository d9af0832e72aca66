"""The protocol of door adapters, and their dependencies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common import logging_setup, text_file
from common.clock import Clock
from common.errors import DoorError, SettingsError
from common.running.backoff import Backoff, run_with_retries
from edge.access.doors.door_signals import ControllerLost, DoorSignal


class EventSink(Protocol):
    """Takes the signals of doors; any thread."""

    def __call__(
        self, door: str, what: DoorSignal, time_ns: int | None = None, done: Callable[[], None] | None = None
    ) -> None:
        """Report a signal.

        Args:
            door: The door's id.
            what: The signal.
            time_ns: The controller's own time, UTC nanoseconds; None: now.
            done: Called when all resulting events are on disk.
        """


class Outputs(Protocol):
    """Outputs of a controller, for the gate's relay too."""

    def pulse(self, output: int, seconds: float) -> None:
        """Switch an output on for so long.

        Raises:
            DoorLost: The controller does not answer; nothing was switched.
            DoorRefused: It has no such output.
        """


@dataclass(frozen=True)
class AdapterContext:
    """Dependencies of an adapter.

    Attributes:
        base: Folder that the settings' files are relative to.
        report: Takes door signals.
        clock: Wall and monotonic.
        stop: Ends the adapter.
        random: Uniform in [0, 1), for back-off.
        box: `SITE/BOX`: distinguishes this box from others at a shared broker.
    """

    base: Path
    report: EventSink
    clock: Clock
    stop: threading.Event
    random: Callable[[], float]
    box: str = ""


class Adapter(Protocol):
    """One connection to one controller, or one listener, for one door or several."""

    doors: tuple[str, ...]

    def run_once(self) -> None:
        """Connect and listen until the stop is set.

        Raises:
            DoorError: The connection is not there, or not any more.
        """

    def unlock(self, door: str) -> None:
        """Unlock for the time in the settings. Any thread.

        Raises:
            DoorLost: The controller does not answer.
            DoorRefused: It cannot be unlocked from here.
        """

    def outputs(self, door: str) -> Outputs:
        """The controller's outputs other than the door's lock.

        Raises:
            DoorRefused: This kind of controller has none.
        """


STEADY_NS = 60_000_000_000
"""A connection that lasted longer counts as a success: the next delay is the shortest."""


def supervise(adapter: Adapter, context: AdapterContext) -> None:
    """Run an adapter until the stop; what ends it is reported as `ControllerLost`, and it is started again."""
    log = logging_setup.get("doors").bind(doors=list(adapter.doors))
    backoff = Backoff(context.random, 0.5, 8.0)
    began_ns = 0

    def attempt() -> None:
        nonlocal began_ns
        began_ns = context.clock.monotonic_ns()
        adapter.run_once()

    def failed(error: Exception | None) -> None:
        reason = str(error) if isinstance(error, DoorError) else "a fault in the box" if error else "it ended"
        if error is not None and not isinstance(error, DoorError):
            log.error("a door's adapter failed", kind=type(error).__name__, exc_info=error)
        log.warning("door controller lost", reason=reason)
        for door in adapter.doors:
            context.report(door, ControllerLost(reason[:120]))
        if context.clock.monotonic_ns() - began_ns > STEADY_NS:
            backoff.reset()

    run_with_retries(attempt, backoff, context.stop, failed)


def secret_line(base: Path, name: str, key: str) -> str:
    """The one line of a secret's file.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        return text_file.read(base / name).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(base / name), key, f"cannot be read: {error}") from error


def secret_bytes(base: Path, name: str, key: str, least: int) -> bytes:
    """A key's file: hexadecimal digits.

    Raises:
        SettingsError: It cannot be read, is not hexadecimal, or is too short.
    """
    text = secret_line(base, name, key)
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) < least:
        raise SettingsError(str(base / name), key, f"needs at least {2 * least} hexadecimal digits") from None
    return found
