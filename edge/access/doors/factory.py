"""A box's doors, put together from their settings; `edge/app.py` uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from common.clock import Clock
from common.errors import DoorRefused
from common.threads import Worker
from edge.access.doors.adapters import DOORS
from edge.access.doors.adapters.base import Adapter, AdapterContext, Outputs, supervise
from edge.access.doors.credential_policy import Allowlist, CredentialPolicy, Pseudonym
from edge.access.doors.door_event_loop import Counts, Door, DoorEventLoop
from edge.access.doors.door_state_machine import DoorRules, DoorState
from edge.access.site_lists.matching import SiteList
from edge.monitoring.metrics import DoorMetrics
from edge.settings.doors import DoorSettings, HeldLimit, MqttDoor, OnvifDoor, WebhookDoor
from edge.video.frame_analyzer import Passing
from pipelines.findings import Finding
from pipelines.rules.schedule import Schedule
from pipelines.rules.tailgate import Crossing, Tailgate
from pipelines.settings import Window
from protocol.envelope import UnsequencedEvent
from protocol.event_types import LineCrossed
from protocol.identifiers import to_rfc3339
from protocol.receipts import DoorStanding, DoorStatus

_OWN_TIME = (OnvifDoor, WebhookDoor, MqttDoor)
"""Controllers that say when something happened."""


class Doors:
    """All doors of a box: the desk's thread and a thread for each adapter.

    Args:
        settings: The doors' settings.
        base: Folder that their files are relative to.
        clock: Wall and monotonic.
        send: Puts drafts into the outbox and returns when they are there.
        pseudonym: Makes daily pseudonyms.
        random: Uniform in [0, 1), for back-off.
        schedules: The box's schedules, by name.
        zone: Its time zone.
        revoked: The site's revoked credentials; None: there is no list.
        box: `SITE/BOX`: what tells this box from others at a broker that they share.

    Raises:
        SettingsError: A file of the settings cannot be used.
    """

    def __init__(
        self,
        settings: Iterable[DoorSettings],
        base: Path,
        *,
        clock: Clock,
        send: Callable[[list[UnsequencedEvent]], None],
        pseudonym: Pseudonym,
        random: Callable[[], float],
        schedules: Mapping[str, tuple[Window, ...]],
        zone: ZoneInfo,
        revoked: SiteList | None = None,
        box: str = "",
    ) -> None:
        self._settings = {door.id: door for door in settings}
        self._ending, self._ended = threading.Event(), threading.Event()
        self._held = {name: Schedule(windows, zone) for name, windows in schedules.items()} | {"": Schedule((), zone)}
        self._of_line: dict[tuple[str, str, str], list[str]] = {}
        for door in self._settings.values():
            if door.passage is not None:
                self._of_line.setdefault((door.camera, door.passage.line, door.passage.entry), []).append(door.id)
        self._clock = clock
        doors = {door.id: self._door(door, base) for door in self._settings.values()}
        self.desk = DoorEventLoop(doors, CredentialPolicy(pseudonym, revoked), clock, send, self._ended)
        context = AdapterContext(base, self.desk.submit, clock, self._ending, random, box)
        self.adapters = self._adapters(context)
        self._threads = [
            threading.Thread(target=supervise, args=(adapter, context), name=f"doors-{adapter.doors[0]}", daemon=True)
            for adapter in self.adapters
        ]
        self._desk = Worker(self.desk.run, "doors")

    def bind_metrics(self, metrics: DoorMetrics) -> None:
        """Have the metrics read all doors."""
        counts = self.counts
        metrics.messages.set_function(lambda: counts.messages)
        metrics.refused.set_function(lambda: counts.refused)
        metrics.stale.set_function(lambda: counts.stale)
        metrics.late.set_function(lambda: counts.late)
        metrics.failures.set_function(lambda: counts.failures)

    @property
    def counts(self) -> Counts:
        """What the metrics read."""
        return self.desk.counts

    def start(self) -> None:
        """Start every thread; a box without doors has none."""
        if self._settings:
            self._desk.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the adapters, then the desk, after all that they said has been judged and stored."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self.stop_desk()
        if self._desk.is_alive():
            self._desk.join()

    def stop_desk(self) -> None:
        """Have the desk end, after what waits."""
        self._ended.set()
        self.desk.wake()

    def unlock(self, door: str) -> None:
        """Let somebody in.

        Raises:
            DoorError: It cannot be done.
        """
        self._adapter(door).unlock(door)

    def outputs(self, door: str) -> Outputs:
        """The outputs of a door's controller, for a gate's relay.

        Raises:
            DoorRefused: There is no such door, or it has no outputs.
        """
        return self._adapter(door).outputs(door)

    def see(self, camera: str, findings: Iterable[Finding | Passing]) -> None:
        """Take what a camera's rules found: people over the line of a door of that camera."""
        for finding in findings:
            data = finding.data
            if isinstance(data, LineCrossed) and data.object == "person":
                for door in self._of_line.get((camera, data.line, data.direction), ()):
                    self.desk.see(door, [Crossing(finding.time_ns, data.track)])

    def statuses(self) -> list[DoorStatus]:
        """How every door stands, for the box's status."""
        return [self._status(settings, self.desk.doors[name].state) for name, settings in self._settings.items()]

    def _status(self, settings: DoorSettings, state: DoorState) -> DoorStatus:
        opened = to_rfc3339(state.opened.wall_ns) if state.opened is not None else ""
        limit_s = self._limit(settings)(self._clock.wall_ns())
        return DoorStatus(
            id=settings.id,
            name=settings.name or settings.id,
            state=standing(state),
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
            for limit in settings.held or (HeldLimit(),):
                if self._held[limit.schedule].open_at(wall_ns):
                    return limit.limit_s
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
        raise DoorRefused(f"there is no door '{door}' on this box")


def standing(state: DoorState) -> DoorStanding:
    """How a door stands, in one word: the worst first.

    >>> standing(DoorState(online=True, open=False))
    'closed'
    """
    if state.online is False:
        return "offline"
    if state.forced or state.held:
        return "forced" if state.forced else "held"
    if state.open is None:
        return "unknown"
    return "open" if state.open else "closed"
