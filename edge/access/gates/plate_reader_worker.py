"""A gate, live: a thread of its own takes the newest frame, looks for plates, and acts on what the vote says.

It works while something moved a moment ago, and now and then while a vehicle stands there. A plate's text lives in the
vote and in the call to the list; after the passage nothing of it is left (pipelines/plates/recent_passage_cache.py
keeps a digest under a key of this process for as long as the same vehicle may come back into view).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import av

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import ModelError, PaifangError
from common.threads import Worker
from edge.access.gates.decision import READABLE, Decision, GatePolicy, decide, to_event
from edge.access.gates.region_of_interest import Region, Rungs
from edge.access.gates.relay_controller import RelayController
from edge.access.site_lists.matching import Match, SiteList
from edge.video.decoder import picture_of
from edge.video.frame_analyzer import Passing, Report
from pipelines.plates.passage_tracker import PassageTracker, PlateHypothesis
from pipelines.plates.plate_pipeline import Effort, PlatePipeline
from pipelines.plates.plate_tracking import Vehicle
from pipelines.plates.reading import Sighting
from pipelines.plates.stationary_plate_filter import StationaryPlateFilter
from pipelines.types import Box, Picture

AWAKE_S = 2.5
"""Looks go on for this long after the last motion."""
RECHECK_S = 1.0
"""How often a vehicle that stands is looked at."""
WHOLE_EVERY = 3
"""While a plate is followed, so often the whole picture is looked at: there may be another one."""


@dataclass(frozen=True)
class Frame:
    """What waits for the lane."""

    frame: av.VideoFrame
    time_ns: int


@dataclass
class PlateReaderWorker:
    """One gate's lane. `frame`, `moved` and `vehicles` are called from the camera's and the detector's threads.

    Args:
        camera: The camera's id.
        gate: The gate's name.
        look: Finds and reads plates.
        passages: Votes.
        region: What counts of the picture.
        terms: What the site demands.
        vehicles_list: The site's list.
        opener: The hand on the relay.
        pseudonym: Makes the pseudonym of the day from a normalised text.
        report: Takes what was decided, with the picture.
        clock: Monotonic, for measuring.
    """

    camera: str
    gate: str
    look: PlatePipeline
    passages: PassageTracker
    region: Region
    terms: GatePolicy
    site: SiteList
    opener: RelayController
    pseudonym: Callable[[str], str]
    report: Callable[[Report], None]
    clock: Clock
    looks: int = 0
    failures: int = 0
    told: int = 0
    last_s: float = 0.0
    _rungs: Rungs = field(default_factory=Rungs)
    _arrivals: StationaryPlateFilter = field(default_factory=StationaryPlateFilter)
    _failing: bool = False
    _last: Box | None = None
    _followed: bool = False
    _slot: Frame | None = None
    _vehicles: tuple[Vehicle, ...] = ()
    _stirred_ns: int = -(2**62)
    _looked_ns: int = -(2**62)
    _closed: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def frame(self, frame: av.VideoFrame, time_ns: int) -> None:
        """Leave the newest frame; one that still waits is dropped."""
        with self._changed:
            if time_ns < self._looked_ns:
                self._looked_ns = self._stirred_ns = -(2**62)  # the clock was set back
            if self._looked_ns < 0:
                self._stirred_ns = max(self._stirred_ns, time_ns)  # somebody may be waiting already
            quiet = time_ns - self._stirred_ns > AWAKE_S * SECOND_NS
            if quiet and not (self.passages.waiting and time_ns - self._looked_ns > RECHECK_S * SECOND_NS):
                return
            self._slot = Frame(frame, time_ns)
            self._changed.notify()

    def moved(self, time_ns: int) -> None:
        """Something moved: stay awake."""
        with self._changed:
            self._stirred_ns = time_ns

    def vehicles(self, vehicles: tuple[Vehicle, ...], time_ns: int) -> None:
        """What the camera's tracker follows now."""
        del time_ns
        with self._changed:
            self._vehicles = vehicles

    def start(self) -> None:
        """Start the thread."""
        self._thread = Worker(self._run, f"gate-{self.gate}")
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was read is forgotten with it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        log = logging_setup.get("gate").bind(gate=self.gate)
        while (taken := self._take()) is not None:
            began_ns = self.clock.monotonic_ns()
            try:
                self.see(picture_of(taken.frame), taken.time_ns)
            except Exception as error:  # one frame must not end the gate; the trace could hold what was read
                self.failures += 1
                log.error("look failed", kind=type(error).__name__)
            self.last_s = (self.clock.monotonic_ns() - began_ns) / SECOND_NS

    def _take(self) -> Frame | None:
        with self._changed:
            while self._slot is None and not self._closed:
                self._changed.wait()
            taken, self._slot = self._slot, None
            return None if self._closed else taken

    def see(self, picture: Picture, time_ns: int) -> None:
        """One look; acts on what is ripe.

        Args:
            picture: H x W x 3 uint8 BGR.
            time_ns: When it was seen.
        """
        self._looked_ns = time_ns
        size = (picture.shape[1], picture.shape[0])
        vehicles = tuple(each for each in self._vehicles if self.region.holds(each.box, size))
        seen = self._sightings(picture, any(each.still for each in vehicles))
        seen = [each for each in seen if self.region.holds(each.box, size)]
        came = self._arrivals.came(picture, [each.box for each in seen], time_ns)
        sightings = [replace(each, came=new) for each, new in zip(seen, came, strict=True)]
        for proposal in self.passages.look(sightings, vehicles, time_ns):
            self._consider(proposal, picture, [each.box for each in sightings], time_ns)

    def _sightings(self, picture: Picture, stands: bool) -> list[Sighting]:
        self.looks += 1
        try:
            seen = self._looked(picture, stands)
        except ModelError as error:
            self.failures += 1
            if not self._failing:
                logging_setup.get("gate").bind(gate=self.gate).error("plates cannot be read", error=str(error))
            self._failing = True
            return []
        self._failing = False
        legible = [each for each in seen if each.reading and each.reading.confidence >= READABLE]
        if not self._followed or not legible:
            self._rungs.result(bool(legible) or self._followed)
        self._last = legible[0].box if legible else None
        return seen

    def _looked(self, picture: Picture, stands: bool) -> list[Sighting]:
        """At where the plate was, or, every third time and where there was none, at the whole picture."""
        whole = self.looks % WHOLE_EVERY == 0
        self._followed = self._last is not None and not whole
        effort = Effort.PATIENT if stands else Effort.THOROUGH if whole else Effort.QUICK
        if self._followed and self._last is not None:
            return self.look.near(picture, self._last, effort)
        rung = self._rungs.next(picture, stands)
        if rung is None:
            return self.look.any_text(picture, Effort.THOROUGH)
        return self.look.at(picture, rung, effort)

    def _consider(self, proposal: PlateHypothesis, picture: Picture, plates: list[Box], time_ns: int) -> None:
        """Settle a passage when there is no use in waiting, or when it may go in, or must not."""
        match, failing = self._listed(proposal)
        if proposal.fixed and match is None:
            return  # a caption, a sign, or a stranger who waits: told once it moves
        decision = decide(proposal.confidence if proposal.text else 0.0, match, self.terms, failing or self._failing)
        if not (proposal.ripe or decision.open or decision.standing == "barred"):
            return
        self.passages.settle(proposal.passage)
        self.told += 1
        name = self.pseudonym(proposal.text.reveal()) if proposal.text and decision.standing in NAMED else ""
        ending = PassageResult(self, decision, proposal.confidence, name, proposal.box, picture, tuple(plates), time_ns)
        if decision.open:
            self.opener.open(ending.tell)
        else:
            ending.tell(opened=False)

    def _listed(self, proposal: PlateHypothesis) -> tuple[Match | None, bool]:
        """What the list has, and whether it fails."""
        if proposal.text is None or proposal.confidence < READABLE:
            return None, False
        try:
            return self.site.find(proposal.text.reveal(), self.clock.wall_ns()), False
        except PaifangError as error:
            self.failures += 1
            logging_setup.get("gate").bind(gate=self.gate).error("the list cannot be asked", kind=type(error).__name__)
            return None, True


NAMED = frozenset({"registered", "visitor"})


@dataclass(frozen=True)
class PassageResult:
    """What is reported once it is known whether the barrier opened; holds no text."""

    lane: PlateReaderWorker = field(repr=False)
    decision: Decision
    confidence: float
    name: str
    box: Box
    picture: Picture = field(repr=False)
    plates: tuple[Box, ...]
    time_ns: int

    def tell(self, opened: bool) -> None:
        """Report the passage."""
        data = to_event(self.decision, self.lane.gate, self.confidence, opened, lambda: self.name)
        passing = Passing(data, self.box, self.time_ns)
        self.lane.report(Report(self.lane.camera, [passing], self.picture, (), (self.box, *self.plates)))
