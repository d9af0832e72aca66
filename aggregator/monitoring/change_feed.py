"""The change feed: changes from the ingest thread to the event loop of the web server; subscribers do not poll."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.domain.alerts.types import Alert
from common import logging_setup

_log = logging_setup.get("change_feed")
PAUSE_S = 0.05
"""At most one round in this time; the first change after a pause goes out at once."""


@dataclass
class ChangeSet:
    """What has changed since the last round: alerts by id (newest state), statuses, the quarantine, gates and doors.

    `clips` are ids of alerts whose clip has come or cannot be made, `states` sites in which a device has another state.
    """

    alerts: dict[str, Alert] = field(default_factory=dict)
    boxes: bool = False
    quarantine: bool = False
    passages: bool = False
    clips: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)

    def joined(self, newer: ChangeSet) -> ChangeSet:
        """This and what has changed since."""
        return ChangeSet(
            self.alerts | newer.alerts,
            self.boxes or newer.boxes,
            self.quarantine or newer.quarantine,
            self.passages or newer.passages,
            self.clips | newer.clips,
            self.states | newer.states,
        )


Listener = Callable[[ChangeSet], None]


class ChangeFeed:
    """Coalesces changes and calls listeners on the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending = ChangeSet()
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[int, Listener] = {}
        self._next_key = 0

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listeners are called on this loop from now on."""
        self._loop = loop
        self._scheduled = False

    def detach(self) -> None:
        """The loop is about to close."""
        self._loop = None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called; the function that comes back ends it. Only on the loop."""
        key = self._next_key
        self._next_key += 1
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None

    def publish(self, update: ChangeSet) -> None:
        """Deliver changes to all subscribers soon. May be called from any thread; never blocks."""
        with self._lock:
            self._pending.alerts.update(update.alerts)
            self._pending.boxes |= update.boxes
            self._pending.quarantine |= update.quarantine
            self._pending.passages |= update.passages
            self._pending.clips |= update.clips
            self._pending.states |= update.states
            loop = self._loop
            if loop is None:  # no event loop, so no subscribers
                self._pending = ChangeSet()
                return
            if self._scheduled:
                return
            self._scheduled = True
        try:
            loop.call_soon_threadsafe(self._round)
        except RuntimeError:  # the loop has closed in the meantime
            self._scheduled = False

    def _round(self) -> None:
        with self._lock:
            update, self._pending = self._pending, ChangeSet()
            if update == ChangeSet():
                self._scheduled = False
                return
        for listener in list(self._listeners.values()):
            try:
                listener(update)
            except Exception as error:
                _log.warning("a listener failed", problem=repr(error))
        asyncio.get_running_loop().call_later(PAUSE_S, self._round)
