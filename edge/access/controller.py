"""Who may come in: gates, doors, the site's lists, and a person's hand from afar, put together from the settings."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from common.clock import Clock
from common.errors import RelayError
from edge.access.doors.credential_policy import CredentialPolicy
from edge.access.doors.factory import BoxContext, Doors
from edge.access.gates.factory import Folders, Gates, Readers
from edge.access.gates.plate_reader_worker import VehicleList
from edge.access.pseudonyms import DailyPseudonyms
from edge.access.site_lists.site_list_store import ListStore, ListView
from edge.messaging.command_handler import Action, CommandDispatcher
from edge.messaging.event_reporter import EventReporter
from edge.messaging.mqtt_client import BrokerLink
from edge.messaging.witness import Witness
from edge.monitoring.metrics import Metrics
from edge.settings.node import BoxSettings
from edge.video.tracking_stage import FrameObserver
from pipelines.rules.schedule import Schedule
from protocol import site_lists
from protocol.commands import Command
from protocol.receipts import DoorStatus, GateStatus
from protocol.signing import checkpoints, trust_anchor
from protocol.topics import BoxTopics

RELAY_S = 8.0
"""Less than the aggregator's time-out for a reply."""


class AccessControl:
    """Gates and doors of a box.

    Args:
        settings: The box's.
        base: Folder that their files are relative to.
        link: The broker connection; delivers lists, checkpoints and commands.
        clock: Wall and monotonic.
        reporter: Writes events to the outbox.
        readers: Models that read plates; None where no camera is a gate.
        more: Handlers of the box's other commands.

    Raises:
        SettingsError: A file of the settings cannot be used.
        ListError: The stored lists cannot be read.
    """

    def __init__(
        self,
        settings: BoxSettings,
        base: Path,
        link: BrokerLink,
        *,
        clock: Clock,
        reporter: EventReporter,
        readers: Readers | None,
        more: Mapping[str, Action],
    ) -> None:
        self._settings, self._clock, self._reporter = settings, clock, reporter
        data, site = base / settings.data, settings.site
        trusted = trust_anchor.load(base / settings.trust_file, site) if settings.trust_file else None
        self.lists = ListStore(data, site, trusted)
        link.subscribe(site_lists.topic(site), self.lists.take)
        self.witness = Witness(data, trusted)
        link.subscribe(checkpoints.topic(site), self.witness.take)
        pseudonyms = DailyPseudonyms(data, clock, os.urandom)
        self.doors = self._doors(base, pseudonyms)
        self.gates = self._gates(base, readers, partial(pseudonyms, "vehicle")) if readers is not None else None
        actions = {"open-gate": self._open_gate, "unlock-door": self._unlock, **more}
        self._remote = CommandDispatcher(link, BoxTopics(site, settings.box), trusted, clock, actions)

    def start(self) -> None:
        """Start every part."""
        self._remote.start()
        self.doors.start()
        if self.gates is not None:
            self.gates.start()

    def stop(self) -> None:
        """Stop every part; their events have been passed to the reporter."""
        if self.gates is not None:
            self.gates.stop()
        self.doors.stop()
        self._remote.stop()

    def frame_observer(self, camera: str) -> FrameObserver | None:
        """The plate reader of a camera; None if the camera is not a gate."""
        return self.gates.plate_readers.get(camera) if self.gates is not None else None

    def bind_metrics(self, metrics: Metrics) -> None:
        """Register the counters of doors and gates."""
        self.doors.bind_metrics(metrics.doors)
        if self.gates is not None:
            self.gates.bind_metrics(metrics.gates)

    def door_statuses(self) -> list[DoorStatus]:
        """The status of every door."""
        return self.doors.statuses()

    def gate_statuses(self) -> list[GateStatus]:
        """The gates and their cameras."""
        return [GateStatus(name=it.gate.name, camera=it.id) for it in self._settings.cameras if it.gate is not None]

    def _gates(self, base: Path, readers: Readers, pseudonym: Callable[[str], str]) -> Gates:
        return Gates(
            {camera.id: camera.gate for camera in self._settings.cameras if camera.gate is not None},
            Folders(base, base / self._settings.data),
            readers=readers,
            vehicle_list=VehicleList(ListView(self.lists, "vehicle"), pseudonym),
            clock=self._clock,
            report=self._reporter.report,
            outputs=self.doors.outputs,
        )

    def _doors(self, base: Path, pseudonyms: DailyPseudonyms) -> Doors:
        settings, zone = self._settings, ZoneInfo(self._settings.timezone)
        schedules = {name: Schedule(windows, zone) for name, windows in settings.schedules.items()}
        return Doors(
            settings.doors,
            BoxContext(base, schedules, f"{settings.site}/{settings.box}"),
            CredentialPolicy(pseudonyms, ListView(self.lists, "credential")),
            clock=self._clock,
            send=self._reporter.send,
            random=random.random,
        )

    def _open_gate(self, command: Command) -> None:
        if self.gates is None:
            raise RelayError("this box has no gates", sentence="gate.unknown")
        self.gates.open_manually(command.target, RELAY_S)

    def _unlock(self, command: Command) -> None:
        self.doors.unlock(command.target)
