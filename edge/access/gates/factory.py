"""Builds a box's gates from their settings; used by `edge/app.py` and the command line."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import logging_setup
from common.clock import Clock
from common.errors import RelayError
from common.running.periodic import run_periodically
from common.running.threads import Worker
from edge.access.gates.decision import GatePolicy
from edge.access.gates.plate_reader_worker import PlateReaderWorker, PlateReading, VehicleList
from edge.access.gates.region_of_interest import Region
from edge.access.gates.relay_controller import RateLimit, RelayController
from edge.access.gates.relays import RELAYS, Outputs, RelayContext
from edge.monitoring.metrics import GateMetrics
from edge.settings.gates import GateSettings
from edge.video.report import Report
from models.detector_factory import open_corners, open_readers
from models.files.store import ModelStore
from models.session import Options
from pipelines.plates.ensemble_reader import EnsembleReader
from pipelines.plates.passage_tracker import PassageTracker, Timeouts
from pipelines.plates.plate_pipeline import HINT, PlatePipeline
from pipelines.types import CornerFinder, LineReader
from protocol.plate_grammar import Grammar, choose

OVERRIDE_CHECK_S = 0.5
"""Interval of the check for the override file."""


class Readers:
    """The models of all gates, loaded once.

    Args:
        finder: Finds plates with their corners.
        lines: Models that read a plate's text.
        fallback: Detects any text; None if the model was not fetched.
    """

    def __init__(self, finder: CornerFinder, lines: list[LineReader], fallback: CornerFinder | None) -> None:
        self._finder, self._lines, self._fallback = finder, lines, fallback

    def pipeline(self, grammars: tuple[Grammar, ...]) -> PlatePipeline:
        """A plate pipeline for these grammars."""
        return PlatePipeline(self._finder, EnsembleReader(self._lines, grammars), self._fallback)


def load_readers(store: ModelStore) -> Readers:
    """Open the gates' models.

    Raises:
        ModelUnavailable: A model is missing; the message names the command that fetches it.
    """
    first = store.has("clp_det")
    finder = open_corners(*(("clp_det", store, Options(threshold=HINT)) if first else ("ppocr_det", store)))
    fallback = open_corners("ppocr_det", store) if first and store.has("ppocr_det") else None
    readers = Readers(finder, open_readers(store), fallback)
    readers.pipeline(choose(["mainland"])).read_all_scales(
        np.full((64, 96, 3), 127, np.uint8)
    )  # warm up before the first car
    return readers


@dataclass(frozen=True)
class Folders:
    """Where the files of gates are.

    Attributes:
        base: Folder that the settings' files are relative to.
        data: The box's data folder: `gate-NAME.open` in it opens a gate by hand.
    """

    base: Path
    data: Path


class Gates:
    """All gates of a box.

    Args:
        gates: Camera's id → its gate's settings.
        folders: Of the box.
        readers: Loaded models.
        vehicle_list: The site's vehicle list.
        clock: Wall and monotonic.
        report: Receives each passage.
        outputs: A door's outputs, by the door's id.

    Raises:
        SettingsError: A file of the settings cannot be used.
    """

    def __init__(
        self,
        gates: Mapping[str, GateSettings],
        folders: Folders,
        *,
        readers: Readers,
        vehicle_list: VehicleList,
        clock: Clock,
        report: Callable[[Report], None],
        outputs: Callable[[str], Outputs],
    ) -> None:
        self._stopping = threading.Event()
        self._data = folders.data
        self.relays: dict[str, RelayController] = {}
        self.plate_readers: dict[str, PlateReaderWorker] = {}
        for camera, gate in gates.items():
            context = RelayContext(folders.base, gate.name, clock, outputs, self._stopping.wait)
            limits = RateLimit(gate.hold_off_s, gate.most_per_minute)
            relay = RELAYS[type(gate.relay)](gate.relay, context)
            relay_controller = self.relays[gate.name] = RelayController(gate.name, relay, limits, gate.pulse_s, clock)
            grammars = choose(gate.grammars, gate.patterns)
            self.plate_readers[camera] = PlateReaderWorker(
                camera=camera,
                reading=PlateReading(
                    readers.pipeline(grammars),
                    PassageTracker(grammars, os.urandom(32), Timeouts(certain=gate.confidence)),
                    Region(gate.region),
                ),
                vehicle_list=vehicle_list,
                policy=GatePolicy(gate.confidence, gate.open_on_variant, gate.fail == "safe"),
                relay_controller=relay_controller,
                report=report,
                clock=clock,
            )
        self._override_thread = Worker(
            lambda: run_periodically(
                self._check_override_files, OVERRIDE_CHECK_S, self._stopping.wait, "gates by hand"
            ),
            "gates-by-hand",
        )

    def start(self) -> None:
        """Start every plate reader and relay controller."""
        for relay_controller in self.relays.values():
            relay_controller.start()
        for reader in self.plate_readers.values():
            reader.start()
        self._override_thread.start()

    def stop(self) -> None:
        """Stop them: plate readers first, so that no relay gets another command."""
        self._stopping.set()
        self._override_thread.join()
        for reader in self.plate_readers.values():
            reader.stop()
        for relay_controller in self.relays.values():
            relay_controller.stop()

    def bind_metrics(self, metrics: GateMetrics) -> None:
        """Register the counters of all gates."""
        plate_readers, relays = list(self.plate_readers.values()), list(self.relays.values())
        metrics.inspected.set_function(lambda: sum(reader.inspections for reader in plate_readers))
        metrics.failures.set_function(lambda: sum(reader.failures for reader in plate_readers))
        metrics.passages.set_function(lambda: sum(reader.reported for reader in plate_readers))
        metrics.openings.set_function(lambda: sum(relay_controller.commands for relay_controller in relays))
        metrics.relay_failures.set_function(lambda: sum(relay_controller.failures for relay_controller in relays))
        metrics.limited.set_function(lambda: sum(relay_controller.limited for relay_controller in relays))
        metrics.seconds.set_function(lambda: max((reader.last_s for reader in plate_readers), default=0.0))

    def request_opening(self, gate: str, done: Callable[[bool], None] | None = None) -> bool:
        """Request a manual opening; the caller logs the principal and the reason.

        Args:
            gate: The gate's name.
            done: Called in another thread with whether the relay accepted the command.

        Returns:
            False if there is no such gate.
        """
        relay_controller = self.relays.get(gate)
        if relay_controller is None:
            return False
        logging_setup.get("gate").info("manual opening requested", gate=gate)
        relay_controller.open(done or (lambda _: None), manual=True)
        return True

    def open_manually(self, gate: str, timeout_s: float) -> None:
        """Open a gate manually and wait until the relay has accepted the command.

        Args:
            gate: The gate's name.
            timeout_s: How long to wait.

        Raises:
            RelayError: There is no such gate, or its relay did not accept the command in time.
        """
        confirmed: queue.Queue[bool] = queue.Queue(1)
        if not self.request_opening(gate, confirmed.put_nowait):
            raise RelayError(f"there is no gate '{gate}' at this box", sentence="gate.unknown")
        try:
            if not confirmed.get(timeout=timeout_s):
                raise RelayError(f"the relay of gate '{gate}' did not accept the command")
        except queue.Empty as error:
            raise RelayError(f"the relay of gate '{gate}' does not answer") from error

    def _check_override_files(self) -> None:
        """The override without a network: a file in the data folder requests a manual opening."""
        for name in self.relays:
            path = self._data / f"gate-{name}.open"
            if path.exists():
                path.unlink(missing_ok=True)
                self.request_opening(name)
