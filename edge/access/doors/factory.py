"""Builds a box's doors from their settings; used by `edge/app.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from common.clock import Clock
from common.errors import DoorRefused
from common.running.threads import Worker
from edge.access.doors.adapters import DOORS
from edge.access.doors.adapters.base import Adapter, AdapterContext, Outputs, supervise
from edge.access.doors.credential_policy import Allowlist, CredentialPolicy
from edge.access.doors.door_event_loop import Counts, Door, DoorEventLoop
from edge.access.doors.door_state_machine import DoorRules, DoorState
from edge.monitoring.metrics import DoorMetrics
from edge.settings.doors import DoorSettings, HeldLimit, MqttDoor, OnvifDoor, WebhookDoor
from edge.video.report import Report
from pipelines.rules.schedule import Schedule
from pipelines.rules.tailgate import Crossing, Tailgate
from protocol.envelope import UnsequencedEvent
from protocol.event_types import LineCrossed
from protocol.identifiers import to_rfc3339
from protocol.receipts import DoorStateName, DoorStatus

_OWN_TIME = (OnvifDoor, WebhookDoor, MqttDoor)
"""Controllers whose messages carry their own time."""
ALWAYS = Schedule((), ZoneInfo("UTC"))
"""The schedule without a name: open at all times."""


@dataclass(frozen=True)
class BoxContext:
    """What doors need of their box.

    Attributes:
        base: Folder that the settings' files are relative to.
        schedules: The box's schedules, by name.
        name: `SITE/BOX`: distinguishes this box from others at a shared broker.
    """

    base: Path
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    name: str = ""


class Doors:
    """All doors of a box: the event loop's thread and a thread for each adapter.

    Args:
        settings: The doors' settings.
        box: Their box.
        credentials: Decides about credentials.
        clock: Wall and monotonic.
        send: Stores events in the outbox and returns when they are committed.
        random: Uniform in [0, 1), for back-off.

    Raises:
        SettingsError: A file of the settings cannot be used.
    """

    def __init__(
        self,
        settings: Iterable[DoorSettings],
        box: BoxContext,
        credentials: CredentialPolicy,
        *,
        clock: Clock,
        send: Callable[[list[UnsequencedEvent]], None],
        random: Callable[[], float],
    ) -> None:
        self._settings = {door.id: door for door in settings}
        self._stopping, self._loop_stop = threading.Event(), threading.Event()
        self._schedules = {**box.schedules, "": ALWAYS}
        self._doors_of_line: dict[tuple[str, str, str], list[str]] = {}
        for door in self._settings.values():
            if door.passage is not None:
                self._doors_of_line.setdefault((door.camera, door.passage.line, door.passage.entry), []).append(door.id)
        self._clock = clock
        doors = {door.id: self._door(door, box.base) for door in self._settings.values()}
        self.event_loop = DoorEventLoop(doors, credentials, clock, send, self._loop_stop)
        context = AdapterContext(box.base, self.event_loop.submit, clock, self._stopping, random, box.name)
        self.adapters = self._adapters(context)
        self._threads = [
            threading.Thread(target=supervise, args=(adapter, context), name=f"doors-{adapter.doors[0]}", daemon=True)
            for adapter in self.adapters
        ]
        self._event_loop_thread = Worker(self.event_loop.run, "doors")

    def bind_metrics(self, metrics: DoorMetrics) -> None:
        """Register the counters of all doors."""
        counts = self.counts
        metrics.messages.set_function(lambda: counts.messages)
        metrics.refused.set_function(lambda: counts.refused)
        metrics.stale.set_function(lambda: counts.stale)
        metrics.late.set_function(lambda: counts.late)
        metrics.failures.set_function(lambda: counts.failures)

    @property
    def counts(self) -> Counts:
        """Counters for the metrics."""
        return self.event_loop.counts

    def start(self) -> None:
        """Start every thread; a box without doors has none."""
        if self._settings:
            self._event_loop_thread.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the adapters, then the event loop after it has processed and stored every queued message."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.stop_event_loop()
        if self._event_loop_thread.is_alive():
            self._event_loop_thread.join()

    def stop_event_loop(self) -> None:
        """Let the event loop end after the queued messages."""
        self._loop_stop.set()
        self.event_loop.notify()

    def unlock(self, door: str) -> None:
        """Unlock a door.

        Raises:
            DoorError: It cannot be unlocked.
        """
        self._adapter(door).unlock(door)

    def outputs(self, door: str) -> Outputs:
        """The outputs of a door's controller, for a gate's relay.

        Raises:
            DoorRefused: There is no such door, or it has no outputs.
        """
        return self._adapter(door).outputs(door)

    def take_report(self, report: Report) -> None:
        """Pass crossings of a door's line by persons to the event loop."""
        for finding in report.findings:
            data = finding.data
            if isinstance(data, LineCrossed) and data.object == "person":
                for door in self._doors_of_line.get((report.camera, data.line, data.direction), ()):
                    self.event_loop.submit_crossings(door, [Crossing(finding.time_ns, data.track)])

    def statuses(self) -> list[DoorStatus]:
        """The status of every door."""
        return [self._status(settings, self.event_loop.doors[name].state) for name, settings in self._settings.items()]

    def _status(self, settings: DoorSettings, state: DoorState) -> DoorStatus:
        opened = to_rfc3339(state.opened.wall_ns) if state.opened is not None else ""
        limit_s = self._limit(settings)(self._clock.wall_ns())
        return DoorStatus(
            id=settings.id,
            name=settings.name or settings.id,
            state=door_state_name(state),
            locked=state.locked,
            opened=opened,
            held_limit_s=limit_s,
        )

    def _door(self, settings: DoorSettings, base: Path) -> Door:
        allowed = getattr(settings.control, "allowed_file", "")
        return Door(
            rules=DoorRules(
                door=settings.id,
                held_limit_s=self._limit(settings),
                open_within_s=settings.open_within_s,
                debounce_s=settings.debounce_s,
                grace_s=settings.grace_s,
                free_exit=settings.free_exit,
            ),
            window_s=settings.reorder_s if isinstance(settings.control, _OWN_TIME) else 0.0,
            unlock=lambda: self.unlock(settings.id),
            allowed=Allowlist(base / allowed) if allowed else None,
            tailgate=Tailgate(settings.id, settings.passage) if settings.passage is not None else None,
        )

    def _limit(self, settings: DoorSettings) -> Callable[[int], float | None]:
        def limit_s(wall_ns: int) -> float | None:
            for held_limit in settings.held or (HeldLimit(),):
                if self._schedules[held_limit.schedule].open_at(wall_ns):
                    return held_limit.limit_s
            return None

        return limit_s

    def _adapters(self, context: AdapterContext) -> list[Adapter]:
        kinds: dict[str, list[DoorSettings]] = {}
        for door in self._settings.values():
            kinds.setdefault(str(door.control.__struct_config__.tag), []).append(door)
        return [adapter for kind, doors in kinds.items() for adapter in DOORS[kind](doors, context)]

    def _adapter(self, door: str) -> Adapter:
        for adapter in self.adapters:
            if door in adapter.doors:
                return adapter
        raise DoorRefused(f"there is no door '{door}' on this box", sentence="door.unknown")


def door_state_name(state: DoorState) -> DoorStateName:
    """The state of a door as one name; the most severe state wins.

    >>> door_state_name(DoorState(online=True, open=False))
    'closed'
    """
    if state.online is False:
        return "offline"
    if state.forced or state.held:
        return "forced" if state.forced else "held"
    if state.open is None:
        return "unknown"
    return "open" if state.open else "closed"
