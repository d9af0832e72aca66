"""Reads plates at one gate: a worker thread takes the newest frame, reads plates and acts on the vote's result.

It inspects frames for a short time after motion, and at intervals while a vehicle is stationary. A plate's text exists
only in the vote and in the call to the list, and is discarded after the passage (pipelines/plates/
recent_passage_cache.py keeps a digest under a key of this process while the same vehicle may come back into view).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import av

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import ModelError, PaifangError
from common.running.threads import Worker
from edge.access.gates.decision import READABLE, Decision, GatePolicy, decide, to_event
from edge.access.gates.region_of_interest import Region, ScaleSelector
from edge.access.gates.relay_controller import RelayController
from edge.access.site_lists.matching import Match, SiteList
from edge.video.decoder import picture_of
from edge.video.report import Passing, Report
from pipelines.plates.passage_tracker import PassageTracker, PlateHypothesis
from pipelines.plates.plate_pipeline import Effort, PlatePipeline
from pipelines.plates.plate_tracking import Vehicle
from pipelines.plates.reading import Sighting
from pipelines.plates.stationary_plate_filter import StationaryPlateFilter
from pipelines.types import Box, Picture

ACTIVE_S = 2.5
"""Inspections continue for this long after the last motion."""
RECHECK_S = 1.0
"""Interval between inspections of a stationary vehicle."""
WHOLE_PICTURE_EVERY = 3
"""While a plate is followed, every n-th inspection searches the whole picture for other plates."""


@dataclass(frozen=True)
class Frame:
    """The newest frame, not yet inspected."""

    frame: av.VideoFrame
    time_ns: int


@dataclass(frozen=True)
class VehicleList:
    """What is known of a vehicle by its plate.

    Attributes:
        entries: The site's vehicle list.
        pseudonym: Makes the daily pseudonym of a normalised text.
    """

    entries: SiteList
    pseudonym: Callable[[str], str]


@dataclass(frozen=True)
class PlateReading:
    """How the plates of one gate are read.

    Attributes:
        pipeline: Finds and reads plates.
        passages: Follows passages and votes on their text.
        region: The part of the picture in which plates are read.
    """

    pipeline: PlatePipeline
    passages: PassageTracker
    region: Region


@dataclass
class PlateReaderWorker:
    """Reads the plates of one gate. Other threads (camera, detector) call `frame`, `moved` and `vehicles`.

    Args:
        camera: The camera's id.
        reading: How plates are read.
        vehicle_list: The site's vehicle list.
        policy: The site's conditions for opening.
        relay_controller: Operates the barrier's relay.
        report: Receives each passage with its picture.
        clock: Monotonic, for measuring.
    """

    camera: str
    reading: PlateReading
    vehicle_list: VehicleList
    policy: GatePolicy
    relay_controller: RelayController
    report: Callable[[Report], None]
    clock: Clock
    inspections: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    reported: int = field(default=0, init=False)
    last_s: float = field(default=0.0, init=False)
    _scale_selector: ScaleSelector = field(default_factory=ScaleSelector)
    _stationary_filter: StationaryPlateFilter = field(default_factory=StationaryPlateFilter)
    _failing: bool = False
    _last_plate: Box | None = None
    _is_following_plate: bool = False
    _pending_frame: Frame | None = None
    _vehicles: tuple[Vehicle, ...] = ()
    _last_motion_ns: int = -(2**62)
    _last_inspection_ns: int = -(2**62)
    _closed: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    @property
    def gate(self) -> str:
        """The gate's name."""
        return self.relay_controller.gate

    def frame(self, frame: av.VideoFrame, time_ns: int) -> None:
        """Store the newest frame; a pending older one is dropped."""
        with self._changed:
            if time_ns < self._last_inspection_ns:
                self._last_inspection_ns = self._last_motion_ns = -(2**62)  # the clock was set back
            if self._last_inspection_ns < 0:
                self._last_motion_ns = max(self._last_motion_ns, time_ns)  # a vehicle may already be there
            quiet = time_ns - self._last_motion_ns > ACTIVE_S * SECOND_NS
            if quiet and not (
                self.reading.passages.waiting and time_ns - self._last_inspection_ns > RECHECK_S * SECOND_NS
            ):
                return
            self._pending_frame = Frame(frame, time_ns)
            self._changed.notify()

    def moved(self, time_ns: int) -> None:
        """Motion was detected: continue inspections for `ACTIVE_S`."""
        with self._changed:
            self._last_motion_ns = time_ns

    def vehicles(self, vehicles: tuple[Vehicle, ...], time_ns: int) -> None:
        """Take the vehicles that the camera's tracker follows."""
        del time_ns
        with self._changed:
            self._vehicles = vehicles

    def start(self) -> None:
        """Start the thread."""
        self._thread = Worker(self._run, f"gate-{self.gate}")
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and discard all readings."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        log = logging_setup.get("gate").bind(gate=self.gate)
        while (pending := self._take()) is not None:
            began_ns = self.clock.monotonic_ns()
            try:
                self.process_frame(picture_of(pending.frame), pending.time_ns)
            except Exception as error:  # one frame must not end the thread; a traceback could contain the text
                self.failures += 1
                log.error("inspection failed", kind=type(error).__name__)
            self.last_s = (self.clock.monotonic_ns() - began_ns) / SECOND_NS

    def _take(self) -> Frame | None:
        with self._changed:
            while self._pending_frame is None and not self._closed:
                self._changed.wait()
            pending, self._pending_frame = self._pending_frame, None
            return None if self._closed else pending

    def process_frame(self, picture: Picture, time_ns: int) -> None:
        """Inspect one picture and decide about the passages that are complete.

        Args:
            picture: H x W x 3 uint8 BGR.
            time_ns: Capture time.
        """
        self._last_inspection_ns = time_ns
        size = (picture.shape[1], picture.shape[0])
        vehicles = tuple(each for each in self._vehicles if self.reading.region.contains(each.box, size))
        sightings_found = self._inspect(picture, any(each.still for each in vehicles))
        sightings_found = [each for each in sightings_found if self.reading.region.contains(each.box, size)]
        is_new_plate = self._stationary_filter.find_new(picture, [each.box for each in sightings_found], time_ns)
        sightings = [replace(each, appeared=new) for each, new in zip(sightings_found, is_new_plate, strict=True)]
        for proposal in self.reading.passages.update(sightings, vehicles, time_ns):
            self._decide(proposal, picture, [each.box for each in sightings], time_ns)

    def _inspect(self, picture: Picture, vehicle_is_still: bool) -> list[Sighting]:
        self.inspections += 1
        try:
            sightings_found = self._read_plates(picture, vehicle_is_still)
        except ModelError as error:
            self.failures += 1
            if not self._failing:
                logging_setup.get("gate").bind(gate=self.gate).error("plates cannot be read", error=str(error))
            self._failing = True
            return []
        self._failing = False
        legible = [each for each in sightings_found if each.reading and each.reading.confidence >= READABLE]
        if not self._is_following_plate or not legible:
            self._scale_selector.result(bool(legible) or self._is_following_plate)
        self._last_plate = legible[0].box if legible else None
        return sightings_found

    def _read_plates(self, picture: Picture, vehicle_is_still: bool) -> list[Sighting]:
        """Search near the last plate; every `WHOLE_PICTURE_EVERY` inspections, and without one, the whole picture."""
        is_whole_picture = self.inspections % WHOLE_PICTURE_EVERY == 0
        self._is_following_plate = self._last_plate is not None and not is_whole_picture
        effort = Effort.PATIENT if vehicle_is_still else Effort.THOROUGH if is_whole_picture else Effort.QUICK
        if self._is_following_plate and self._last_plate is not None:
            return self.reading.pipeline.read_near(picture, self._last_plate, effort)
        input_px = self._scale_selector.next(picture, vehicle_is_still)
        if input_px is None:
            return self.reading.pipeline.read_any_text(picture, Effort.THOROUGH)
        return self.reading.pipeline.read_at(picture, input_px, effort)

    def _decide(self, proposal: PlateHypothesis, picture: Picture, plates: list[Box], time_ns: int) -> None:
        """Decide about a passage that is complete, may enter, or is barred."""
        match, failing = self._find_list_entry(proposal)
        if proposal.is_fixed and match is None:
            return  # a caption, a sign or a waiting unlisted vehicle: reported once it moves
        decision = decide(proposal.confidence if proposal.text else 0.0, match, self.policy, failing or self._failing)
        if not (proposal.is_final or decision.open or decision.standing == "barred"):
            return
        self.reading.passages.mark_reported(proposal.passage)
        self.reported += 1
        name = (
            self.vehicle_list.pseudonym(proposal.text.reveal()) if proposal.text and decision.standing in NAMED else ""
        )
        seen = PassagePicture(picture, proposal.box, tuple(plates), time_ns)
        result = PassageResult(self, decision, proposal.confidence, name, seen)
        if decision.open:
            self.relay_controller.open(result.report_passage)
        else:
            result.report_passage(opened=False)

    def _find_list_entry(self, proposal: PlateHypothesis) -> tuple[Match | None, bool]:
        """The matching list entry, and whether the list failed."""
        if proposal.text is None or proposal.confidence < READABLE:
            return None, False
        try:
            return self.vehicle_list.entries.find(proposal.text.reveal(), self.clock.wall_ns()), False
        except PaifangError as error:
            self.failures += 1
            logging_setup.get("gate").bind(gate=self.gate).error("list query failed", kind=type(error).__name__)
            return None, True


NAMED = frozenset({"registered", "visitor"})


@dataclass(frozen=True)
class PassagePicture:
    """The picture of a passage.

    Attributes:
        picture: H x W x 3 uint8 BGR.
        box: The passage's plate.
        plates: All plates in the picture.
        time_ns: Capture time.
    """

    picture: Picture = field(repr=False)
    box: Box
    plates: tuple[Box, ...]
    time_ns: int


@dataclass(frozen=True)
class PassageResult:
    """The data of a passage's report, kept until the relay's answer is known; contains no plate text."""

    worker: PlateReaderWorker = field(repr=False)
    decision: Decision
    confidence: float
    name: str
    seen: PassagePicture

    def report_passage(self, opened: bool) -> None:
        """Report the passage."""
        worker, seen = self.worker, self.seen
        data = to_event(self.decision, worker.gate, self.confidence, opened, lambda: self.name)
        passing = Passing(data, seen.box, seen.time_ns)
        worker.report(Report(worker.camera, [passing], seen.picture, (), (seen.box, *seen.plates)))
