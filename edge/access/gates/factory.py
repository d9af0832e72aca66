"""A box's gates, put together from their settings; `edge/app.py` and the command's words use it."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from common import logging_setup
from common.clock import Clock
from common.errors import RelayError
from common.periodic import run_periodically
from common.threads import Worker
from edge.access.gates.decision import GatePolicy
from edge.access.gates.plate_reader_worker import PlateReaderWorker
from edge.access.gates.region_of_interest import Region
from edge.access.gates.relay_controller import RateLimit, RelayController
from edge.access.gates.relays import RELAYS, Outputs, RelayContext
from edge.access.site_lists.matching import SiteList
from edge.monitoring.metrics import GateMetrics
from edge.settings.gates import GateSettings
from edge.video.frame_analyzer import Report
from models.detector_factory import open_corners, open_readers
from models.files.store import ModelStore
from models.session import Options
from pipelines.plates.ensemble_reader import EnsembleReader
from pipelines.plates.passage_tracker import PassageTracker, Timeouts
from pipelines.plates.plate_pipeline import HINT, PlatePipeline
from pipelines.types import CornerFinder, LineReader
from protocol.plate_grammar import Grammar, choose

HAND_S = 0.5
"""How often the file of the local override is looked for."""


class Readers:
    """The models of all gates, loaded once.

    Args:
        finder: Finds plates with their corners.
        lines: Read them.
        fallback: Finds any text; None where it was not fetched.
    """

    def __init__(self, finder: CornerFinder, lines: list[LineReader], fallback: CornerFinder | None) -> None:
        self._finder, self._lines, self._fallback = finder, lines, fallback

    def look(self, grammars: tuple[Grammar, ...]) -> PlatePipeline:
        """A reader for these grammars."""
        return PlatePipeline(self._finder, EnsembleReader(self._lines, grammars), self._fallback)


def load_readers(store: ModelStore) -> Readers:
    """Open the gates' models.

    Raises:
        ModelUnavailable: One is missing; tells the command that fetches it.
    """
    first = store.has("clp_det")
    finder = open_corners(*(("clp_det", store, Options(threshold=HINT)) if first else ("ppocr_det", store)))
    fallback = open_corners("ppocr_det", store) if first and store.has("ppocr_det") else None
    readers = Readers(finder, open_readers(store), fallback)
    readers.look(choose(["mainland"])).everything(np.full((64, 96, 3), 127, np.uint8))  # warm up before the first car
    return readers


class Gates:
    """All gates of a box.

    Args:
        told: Camera's id → its gate's settings.
        base: Folder that the settings' files are relative to.
        data: The box's data folder: `gate-NAME.open` in it opens a gate by hand.
        readers: Loaded models.
        site: The site's vehicle list.
        clock: Wall and monotonic.
        pseudonym: Makes the pseudonym of the day from a normalised text.
        report: Takes what was decided.
        outputs: A door's outputs, by the door's id.

    Raises:
        SettingsError: A file of the settings cannot be used.
    """

    def __init__(
        self,
        told: Mapping[str, GateSettings],
        base: Path,
        data: Path,
        *,
        readers: Readers,
        site: SiteList,
        clock: Clock,
        pseudonym: Callable[[str], str],
        report: Callable[[Report], None],
        outputs: Callable[[str], Outputs],
    ) -> None:
        self._ending = threading.Event()
        self._data = data
        self.openers: dict[str, RelayController] = {}
        self.lanes: dict[str, PlateReaderWorker] = {}
        for camera, gate in told.items():
            means = RelayContext(base, gate.name, clock, outputs, self._ending.wait)
            limits = RateLimit(gate.hold_off_s, gate.most_per_minute)
            relay = RELAYS[type(gate.relay)](gate.relay, means)
            opener = self.openers[gate.name] = RelayController(gate.name, relay, limits, gate.pulse_s, clock)
            grammars = choose(gate.grammars, gate.patterns)
            self.lanes[camera] = PlateReaderWorker(
                camera=camera,
                gate=gate.name,
                look=readers.look(grammars),
                passages=PassageTracker(grammars, os.urandom(32), Timeouts(certain=gate.confidence)),
                region=Region(gate.region),
                terms=GatePolicy(gate.confidence, gate.open_on_variant, gate.fail == "safe"),
                site=site,
                opener=opener,
                pseudonym=pseudonym,
                report=report,
                clock=clock,
            )
        self._hand = Worker(
            lambda: run_periodically(self._by_hand, HAND_S, self._ending.wait, "gates by hand"), "gates-by-hand"
        )

    def start(self) -> None:
        """Start every lane and relay."""
        for opener in self.openers.values():
            opener.start()
        for lane in self.lanes.values():
            lane.start()
        self._hand.start()

    def stop(self) -> None:
        """End them: lanes first, so that nothing is asked of a relay any more."""
        self._ending.set()
        self._hand.join()
        for lane in self.lanes.values():
            lane.stop()
        for opener in self.openers.values():
            opener.stop()

    def bind_metrics(self, metrics: GateMetrics) -> None:
        """Have the metrics read all gates."""
        lanes, openers = list(self.lanes.values()), list(self.openers.values())
        metrics.inspected.set_function(lambda: sum(lane.looks for lane in lanes))
        metrics.failures.set_function(lambda: sum(lane.failures for lane in lanes))
        metrics.passages.set_function(lambda: sum(lane.told for lane in lanes))
        metrics.openings.set_function(lambda: sum(opener.commands for opener in openers))
        metrics.relay_failures.set_function(lambda: sum(opener.failures for opener in openers))
        metrics.limited.set_function(lambda: sum(opener.limited for opener in openers))
        metrics.seconds.set_function(lambda: max((lane.last_s for lane in lanes), default=0.0))

    def manual(self, gate: str, done: Callable[[bool], None] | None = None) -> bool:
        """Open a gate by hand; who asked and why is on the caller's record.

        Args:
            gate: The gate's name.
            done: Told, in another thread, whether the relay took the command.

        Returns:
            False where there is no such gate.
        """
        opener = self.openers.get(gate)
        if opener is None:
            return False
        logging_setup.get("gate").info("opened by hand", gate=gate)
        opener.open(done or (lambda _: None), by_hand=True)
        return True

    def open_by_hand(self, gate: str, timeout_s: float) -> None:
        """Open a gate by hand and wait until the relay has taken the command.

        Args:
            gate: The gate's name.
            timeout_s: How long to wait.

        Raises:
            RelayError: There is no such gate, or its relay did not take the command in time.
        """
        taken: queue.Queue[bool] = queue.Queue(1)
        if not self.manual(gate, taken.put_nowait):
            raise RelayError(f"there is no gate '{gate}' at this box")
        try:
            if not taken.get(timeout=timeout_s):
                raise RelayError(f"the relay of gate '{gate}' did not take the command")
        except queue.Empty as error:
            raise RelayError(f"the relay of gate '{gate}' does not answer") from error

    def _by_hand(self) -> None:
        """The override that needs no network: whoever may write the data folder may open."""
        for name in self.openers:
            path = self._data / f"gate-{name}.open"
            if path.exists():
                path.unlink(missing_ok=True)
                self.manual(name)
