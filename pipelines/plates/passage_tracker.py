"""Passages: associates plates with vehicles from frame to frame, and decides when a plate's text is known.

Pure: sightings in, hypotheses out; no clock. A passage is reported once, however long the vehicle is stationary. Text
that neither moves nor belongs to a vehicle is a fixture (a caption, a sign) and never a passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from common.clock import SECOND_NS
from common.secret import Secret
from pipelines.plates.plate_tracking import Known, Vehicle, centre, has_moved, height_of, inside, paired
from pipelines.plates.reading import RankedTexts, Sighting
from pipelines.plates.recent_passage_cache import RecentPassageCache
from pipelines.plates.vote import Vote
from pipelines.types import Box
from protocol.plate_grammar import Grammar

READABLE = 0.5
"""A vote with less confidence counts as unreadable."""


@dataclass(frozen=True)
class Timeouts:
    """Thresholds and time-outs of a passage.

    Attributes:
        certain: Confidence at which a text is proposed at once.
        min_observations: Legible observations that a hypothesis needs …
        certain_at_once: … unless one has this confidence.
        final_observations: Legible observations after which the hypothesis is final …
        final_s: … or this long after the first certain vote.
        most_s: A vehicle is reported after this, read or not.
        lost_s: A plate not seen for this long has left.
        return_s: A plate that returns within this time is the same passage.
        unread_observations: Observations of a moving unreadable plate that make an unreadable vehicle.
        vehicle_s: A vehicle without a plate counts once it has arrived and been stationary for this long.
        start_s: A stationary plate within this time of the first frame may belong to a vehicle that was already there …
        start_observations: … and is proposed after this many legible observations.
    """

    certain: float = 0.95
    min_observations: int = 2
    certain_at_once: float = 0.99
    final_observations: int = 6
    final_s: float = 1.0
    most_s: float = 5.0
    lost_s: float = 2.0
    return_s: float = 3.0
    unread_observations: int = 4
    vehicle_s: float = 2.0
    start_s: float = 10.0
    start_observations: int = 3


@dataclass(frozen=True)
class PlateHypothesis:
    """The current hypothesis about a passage's plate.

    Attributes:
        passage: Its number.
        text: Normalised, as a secret; None if unreadable.
        confidence: Of the vote, 0 to 1.
        is_final: More observations would not change it; otherwise the caller may already decide on it.
        box: Where the plate, or the vehicle, was last seen, pixels.
        first_ns: When it was first seen.
        legible_ns: When it could first be read; `first_ns` where it never could.
        is_fixed: It has been there since the first frame: a waiting vehicle, a caption or a sign. Use it only if
            its text is on the list.
    """

    passage: int
    text: Secret | None
    confidence: float
    is_final: bool
    box: Box
    first_ns: int
    legible_ns: int
    is_fixed: bool = False


@dataclass
class _Plate:
    number: int
    box: Box
    first_box: Box
    first_ns: int
    seen_ns: int
    vote: Vote
    observations: int = field(default=1, init=False)
    legible_ns: int | None = field(default=None, init=False)
    certain_ns: int | None = field(default=None, init=False)
    moved: bool = field(default=False, init=False)
    appeared: bool = field(default=False, init=False)
    on_vehicle: bool = field(default=False, init=False)
    fixture: bool = field(default=False, init=False)
    is_reported: bool = field(default=False, init=False)
    vehicle_below: tuple[int, Box] | None = field(default=None, init=False)
    known: RankedTexts = field(default_factory=RankedTexts, init=False)

    @property
    def passing(self) -> bool:
        """It belongs to something that passes or has arrived."""
        return (self.moved or self.appeared or self.on_vehicle) and not self.fixture


@dataclass
class _VehicleState:
    first_ns: int
    seen_ns: int
    box: Box
    number: int
    is_reported: bool = False
    standing_since_ns: int | None = None


@dataclass
class PassageTracker:
    """All passages at one gate.

    Args:
        grammars: Valid plate texts.
        key: Key of the digests that recognise a returning plate; random, never leaves the process.
        timeouts: Thresholds and time-outs.
    """

    grammars: Sequence[Grammar]
    key: bytes
    timeouts: Timeouts = field(default_factory=Timeouts)
    _plates: list[_Plate] = field(default_factory=list, repr=False)
    _vehicle_states: dict[int, _VehicleState] = field(default_factory=dict, repr=False)
    _recent_passages: RecentPassageCache = field(init=False, repr=False)
    _plated_vehicles: list[tuple[int, Box]] = field(default_factory=list, repr=False)
    _next: int = 1
    _began_ns: int | None = None

    def __post_init__(self) -> None:
        self._recent_passages = RecentPassageCache(self.key, self.grammars)

    @property
    def waiting(self) -> bool:
        """A vehicle or plate is in view: inspections must continue."""
        return bool(self._plates) or bool(self._vehicle_states)

    def update(self, sightings: Sequence[Sighting], vehicles: Sequence[Vehicle], time_ns: int) -> list[PlateHypothesis]:
        """Take the sightings of one frame; other plates count as not seen.

        Args:
            sightings: Plate candidates in the gate's region.
            vehicles: As the camera's tracker knows them, in the gate's region.
            time_ns: Of the picture; a step back only delays.
        """
        self._began_ns = time_ns if self._began_ns is None else self._began_ns
        known = [Known(plate.box, plate.known, plate.seen_ns) for plate in self._plates]
        matches = paired(known, sightings, time_ns)
        for number, sighting in enumerate(sightings):
            if number in matches:
                self._update_plate(self._plates[matches[number]], sighting, time_ns)
            else:
                self._plates.append(self._new(sighting, time_ns))
        for plate in self._plates:
            _associate_vehicle(plate, vehicles)
        self._update_vehicles(vehicles, time_ns)
        return self.idle(time_ns)

    def idle(self, time_ns: int) -> list[PlateHypothesis]:
        """Let time pass."""
        lost_before_ns = time_ns - round(self.timeouts.lost_s * SECOND_NS)
        proposals = [
            made for plate in self._plates if (made := self._propose(plate, time_ns, lost_before_ns)) is not None
        ]
        proposals += [made for plate in self._plates if (made := self._propose_initial(plate, time_ns)) is not None]
        proposals += self._vehicles_without_plate(time_ns, lost_before_ns)
        for plate in [plate for plate in self._plates if plate.seen_ns < lost_before_ns and not self._is_open(plate)]:
            self._remove(plate, time_ns)
        return proposals

    def mark_reported(self, passage: int) -> None:
        """Mark a passage as reported: no more hypotheses for it."""
        for plate in self._plates:
            if plate.number == passage:
                plate.is_reported = plate.on_vehicle = True
        for state in self._vehicle_states.values():
            if state.number == passage:
                state.is_reported = True

    def _new(self, sighting: Sighting, time_ns: int) -> _Plate:
        box = sighting.box
        plate = _Plate(self._next, box, box, time_ns, time_ns, Vote(self.grammars))
        self._next += 1
        plate.appeared = sighting.appeared
        self._read(plate, sighting, time_ns)
        return plate

    def _update_plate(self, plate: _Plate, sighting: Sighting, time_ns: int) -> None:
        plate.box, plate.seen_ns = sighting.box, max(time_ns, plate.seen_ns)
        plate.observations += 1
        if has_moved(plate.first_box, plate.box):
            plate.moved, plate.fixture = True, False
        self._read(plate, sighting, time_ns)

    def _read(self, plate: _Plate, sighting: Sighting, time_ns: int) -> None:
        if sighting.reading is None or plate.is_reported or plate.fixture:
            return
        plate.vote.add(sighting.reading.ballot, sighting.reading.confidence)
        plate.known = plate.vote.verdict()
        if plate.legible_ns is None and plate.known.confidence >= READABLE:
            plate.legible_ns = time_ns
        certain = plate.known.confidence >= self.timeouts.certain
        plate.certain_ns = (plate.certain_ns or time_ns) if certain else None
        text = plate.known.text
        if certain and self._recent_passages.contains(text, plate.box, plate.moved, time_ns):
            plate.is_reported = True

    def _propose(self, plate: _Plate, time_ns: int, lost_before_ns: int) -> PlateHypothesis | None:
        """The current hypothesis; None while more observations are needed."""
        if not self._is_open(plate):
            return None
        timeouts = self.timeouts
        timed_out = plate.seen_ns < lost_before_ns or time_ns - plate.first_ns >= timeouts.most_s * SECOND_NS
        enough_observations = (
            plate.vote.readings >= timeouts.min_observations or plate.known.confidence >= timeouts.certain_at_once
        )
        certain = plate.certain_ns is not None and enough_observations
        if not timed_out and not certain:
            return None
        settled = plate.certain_ns is not None and time_ns - plate.certain_ns >= timeouts.final_s * SECOND_NS
        readable = plate.known.confidence >= READABLE
        if timed_out and not readable and plate.observations < timeouts.unread_observations:
            plate.is_reported = True  # too few observations for a vehicle
            return None
        return PlateHypothesis(
            passage=plate.number,
            text=plate.known.text if readable else None,
            confidence=plate.known.confidence,
            is_final=timed_out or settled or plate.vote.readings >= timeouts.final_observations,
            box=plate.box,
            first_ns=plate.first_ns,
            legible_ns=plate.first_ns if plate.legible_ns is None else plate.legible_ns,
        )

    def _propose_initial(self, plate: _Plate, time_ns: int) -> PlateHypothesis | None:
        """A certain plate that was there before the first frame; counts only if it is on the list."""
        still = not (plate.passing or plate.is_reported or plate.fixture or self._began_ns is None)
        if not still or plate.certain_ns is None or plate.vote.readings < self.timeouts.start_observations:
            return None
        if not 0 <= time_ns - (self._began_ns or 0) <= self.timeouts.start_s * SECOND_NS:
            return None
        first, known = plate.first_ns, plate.known
        legible_ns = first if plate.legible_ns is None else plate.legible_ns
        return PlateHypothesis(
            plate.number, known.text, known.confidence, False, plate.box, first, legible_ns, is_fixed=True
        )

    def _is_open(self, plate: _Plate) -> bool:
        return plate.passing and not plate.is_reported

    def _remove(self, plate: _Plate, time_ns: int) -> None:
        """The vehicle has left: discard its text; a keyed digest stays for as long as it may return."""
        if plate.passing and plate.known.confidence >= READABLE:
            self._recent_passages.add(plate.known.text, plate.box, time_ns + round(self.timeouts.return_s * SECOND_NS))
        plate.vote.forget()
        plate.known = RankedTexts()
        self._plates.remove(plate)

    def _update_vehicles(self, vehicles: Sequence[Vehicle], time_ns: int) -> None:
        """Update the vehicles, for those without a plate."""
        keep_ns = time_ns - round(self.timeouts.return_s * SECOND_NS)
        self._plated_vehicles = [(at, box) for at, box in self._plated_vehicles if at > keep_ns]
        self._plated_vehicles += [(time_ns, vehicle.box) for vehicle in vehicles if self._has_plate(vehicle)]
        for vehicle in vehicles:
            state = self._vehicle_states.get(vehicle.track)
            if state is None:
                state = self._vehicle_states[vehicle.track] = _VehicleState(time_ns, time_ns, vehicle.box, self._next)
                self._next += 1
            state.box, state.seen_ns = vehicle.box, time_ns
            state.is_reported = state.is_reported or self._has_plate(vehicle)
            standing = vehicle.still and vehicle.moved
            state.standing_since_ns = (state.standing_since_ns or time_ns) if standing else None

    def _has_plate(self, vehicle: Vehicle) -> bool:
        return any(inside(plate.box, vehicle.box) for plate in self._plates if not plate.fixture)

    def _vehicles_without_plate(self, time_ns: int, lost_before_ns: int) -> list[PlateHypothesis]:
        """Vehicles that arrived and are stationary without a plate candidate."""
        proposals = []
        for track, state in list(self._vehicle_states.items()):
            is_standing = (
                state.standing_since_ns is not None
                and time_ns - state.standing_since_ns >= self.timeouts.vehicle_s * SECOND_NS
            )
            if is_standing and not state.is_reported and not self._has_known_plate(state):
                proposals.append(
                    PlateHypothesis(state.number, None, 0.0, True, state.box, state.first_ns, state.first_ns)
                )
            if state.seen_ns < lost_before_ns:
                del self._vehicle_states[track]
        return proposals

    def _has_known_plate(self, state: _VehicleState) -> bool:
        """Whether a plate was seen on the same vehicle under another track."""
        return any(
            at >= state.first_ns and inside(_center_half(state.box), box, 0.5) for at, box in self._plated_vehicles
        )


def _associate_vehicle(plate: _Plate, vehicles: Sequence[Vehicle]) -> None:
    """Decide whether the plate belongs to a stationary vehicle or a vehicle passes behind it."""
    vehicle_below = [vehicle for vehicle in vehicles if inside(plate.box, vehicle.box) and vehicle.moved]
    if not vehicle_below or plate.moved or plate.appeared:
        return
    vehicle = vehicle_below[0]
    if plate.vehicle_below is None or plate.vehicle_below[0] != vehicle.track:
        plate.vehicle_below = (vehicle.track, vehicle.box)
    shift = abs(centre(vehicle.box)[0] - centre(plate.vehicle_below[1])[0]) + abs(
        vehicle.box.y2 - plate.vehicle_below[1].y2
    )
    if shift > 2.0 * height_of(plate.box):
        plate.fixture, plate.on_vehicle = True, False
        plate.vote.forget()
        plate.known = replace(plate.known, confidence=0.0, text=Secret(""))
    elif vehicle.still and not plate.fixture:
        plate.on_vehicle = True


def _center_half(box: Box) -> Box:
    """The central half of a box."""
    width, height = box.x2 - box.x1, box.y2 - box.y1
    return Box(box.x1 + width / 4, box.y1 + height / 4, box.x2 - width / 4, box.y2 - height / 4)
