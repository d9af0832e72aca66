"""Passages: which vehicle is which from look to look, and when it is known what its plate says.

Pure: looks go in, proposals come out; no clock. A passage is told once, however long the vehicle stands. What does not
move by itself and stands on nothing that came is a fixture (a caption, a sign) and is never a passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from common.clock import SECOND_NS
from common.secret import Secret
from pipelines.plates.plate_tracking import Known, Vehicle, centre, height_of, inside, paired, travelled
from pipelines.plates.reading import RankedTexts, Sighting
from pipelines.plates.recent_passage_cache import RecentPassageCache
from pipelines.plates.vote import Vote
from pipelines.types import Box
from protocol.plate_grammar import Grammar

READABLE = 0.5
"""A vote less sure than this has read nothing."""


@dataclass(frozen=True)
class Timeouts:
    """How long a passage is waited for.

    Attributes:
        certain: Confidence at which a text is proposed at once.
        least_looks: Legible looks that a proposal needs …
        beyond_doubt: … unless one was as sure as this.
        ripe_looks: Legible looks after which more would not change much …
        ripe_s: … or so long after the first certain vote.
        most_s: A vehicle is told after this, read or not.
        gone_s: Not seen for this long is gone.
        again_s: A plate that is back within this is the same passage.
        unread_looks: So many looks at what moves like a plate and cannot be read make an unreadable vehicle.
        vehicle_s: A vehicle without any plate counts once it has come and stood for this long.
        start_s: A plate that stands there within this time of the first look may be one that came before it …
        start_looks: … and is proposed after so many legible looks.
    """

    certain: float = 0.95
    least_looks: int = 2
    beyond_doubt: float = 0.99
    ripe_looks: int = 6
    ripe_s: float = 1.0
    most_s: float = 5.0
    gone_s: float = 2.0
    again_s: float = 3.0
    unread_looks: int = 4
    vehicle_s: float = 2.0
    start_s: float = 10.0
    start_looks: int = 3


@dataclass(frozen=True)
class PlateHypothesis:
    """What a passage's plate says, as far as it is known.

    Attributes:
        passage: Its number.
        text: Normalised, hidden; None where nothing could be read.
        confidence: Of the vote, 0 to 1.
        ripe: No use in waiting for more; otherwise a listener that needs no more may settle the passage now.
        box: Where the plate, or the vehicle, was last seen, pixels.
        first_ns: When it was first seen.
        legible_ns: When it could first be read; `first_ns` where it never could.
        fixed: It has stood there since the first look: a vehicle that waits, or a caption or sign. Only where its text
            is known otherwise may anything be made of it.
    """

    passage: int
    text: Secret | None
    confidence: float
    ripe: bool
    box: Box
    first_ns: int
    legible_ns: int
    fixed: bool = False


@dataclass
class _Plate:
    number: int
    box: Box
    first_box: Box
    first_ns: int
    seen_ns: int
    vote: Vote
    looks: int = 1
    legible_ns: int | None = None
    certain_ns: int | None = None
    moved: bool = False
    came: bool = False
    carried: bool = False
    fixture: bool = False
    told: bool = False
    under: tuple[int, Box] | None = None
    known: RankedTexts = field(default_factory=RankedTexts)

    @property
    def passing(self) -> bool:
        """It is on something that passes or came to stand."""
        return (self.moved or self.came or self.carried) and not self.fixture


@dataclass
class _Car:
    first_ns: int
    seen_ns: int
    box: Box
    number: int
    told: bool = False
    stood_ns: int | None = None


@dataclass
class PassageTracker:
    """All passages at one gate.

    Args:
        grammars: What a plate may say.
        key: Of the digests by which a plate that comes back is known; random, and never leaves the process.
        patience: How long to wait.
    """

    grammars: Sequence[Grammar]
    key: bytes
    patience: Timeouts = field(default_factory=Timeouts)
    _plates: list[_Plate] = field(default_factory=list, repr=False)
    _cars: dict[int, _Car] = field(default_factory=dict, repr=False)
    _ghosts: RecentPassageCache = field(init=False, repr=False)
    _covered: list[tuple[int, Box]] = field(default_factory=list, repr=False)
    _next: int = 1
    _began_ns: int | None = None

    def __post_init__(self) -> None:
        self._ghosts = RecentPassageCache(self.key, self.grammars)

    @property
    def waiting(self) -> bool:
        """Somebody is there who has not been told yet, or may leave: the gate has to keep looking."""
        return bool(self._plates) or bool(self._cars)

    def look(self, sightings: Sequence[Sighting], vehicles: Sequence[Vehicle], time_ns: int) -> list[PlateHypothesis]:
        """Take in one look; what is not among the sightings was not seen.

        Args:
            sightings: Plates, or what looks like them, in the gate's region.
            vehicles: As the camera's tracker knows them, in the gate's region.
            time_ns: Of the picture; a step back only delays.
        """
        self._began_ns = time_ns if self._began_ns is None else self._began_ns
        known = [Known(plate.box, plate.known, plate.seen_ns) for plate in self._plates]
        pairs = paired(known, sightings, time_ns)
        for number, sighting in enumerate(sightings):
            if number in pairs:
                self._seen(self._plates[pairs[number]], sighting, time_ns)
            else:
                self._plates.append(self._new(sighting, time_ns))
        for plate in self._plates:
            _weigh(plate, vehicles)
        self._follow(vehicles, time_ns)
        return self.idle(time_ns)

    def idle(self, time_ns: int) -> list[PlateHypothesis]:
        """Let time pass."""
        gone_ns = time_ns - round(self.patience.gone_s * SECOND_NS)
        proposals = [made for plate in self._plates if (made := self._propose(plate, time_ns, gone_ns)) is not None]
        proposals += [made for plate in self._plates if (made := self._from_the_start(plate, time_ns)) is not None]
        proposals += self._unplated(time_ns, gone_ns)
        for plate in [plate for plate in self._plates if plate.seen_ns < gone_ns and not self._open(plate)]:
            self._end(plate, time_ns)
        return proposals

    def settle(self, passage: int) -> None:
        """The passage has been told: nothing more is proposed for it."""
        for plate in self._plates:
            if plate.number == passage:
                plate.told = plate.carried = True
        for car in self._cars.values():
            if car.number == passage:
                car.told = True

    def _new(self, sighting: Sighting, time_ns: int) -> _Plate:
        box = sighting.box
        plate = _Plate(self._next, box, box, time_ns, time_ns, Vote(self.grammars))
        self._next += 1
        plate.came = sighting.came
        self._read(plate, sighting, time_ns)
        return plate

    def _seen(self, plate: _Plate, sighting: Sighting, time_ns: int) -> None:
        plate.box, plate.seen_ns = sighting.box, max(time_ns, plate.seen_ns)
        plate.looks += 1
        if travelled(plate.first_box, plate.box):
            plate.moved, plate.fixture = True, False
        self._read(plate, sighting, time_ns)

    def _read(self, plate: _Plate, sighting: Sighting, time_ns: int) -> None:
        if sighting.reading is None or plate.told or plate.fixture:
            return
        plate.vote.add(sighting.reading.ballot, sighting.reading.confidence)
        plate.known = plate.vote.verdict()
        if plate.legible_ns is None and plate.known.confidence >= READABLE:
            plate.legible_ns = time_ns
        certain = plate.known.confidence >= self.patience.certain
        plate.certain_ns = (plate.certain_ns or time_ns) if certain else None
        text = plate.known.text
        if certain and self._ghosts.knows(text, plate.box, plate.moved, time_ns):
            plate.told = True

    def _propose(self, plate: _Plate, time_ns: int, gone_ns: int) -> PlateHypothesis | None:
        """What can be said now; None while it must be waited for."""
        if not self._open(plate):
            return None
        wait = self.patience
        over = plate.seen_ns < gone_ns or time_ns - plate.first_ns >= wait.most_s * SECOND_NS
        enough = plate.vote.looks >= wait.least_looks or plate.known.confidence >= wait.beyond_doubt
        certain = plate.certain_ns is not None and enough
        if not over and not certain:
            return None
        settled = plate.certain_ns is not None and time_ns - plate.certain_ns >= wait.ripe_s * SECOND_NS
        readable = plate.known.confidence >= READABLE
        if over and not readable and plate.looks < wait.unread_looks:
            plate.told = True  # a glimpse of something: no vehicle is made of it
            return None
        return PlateHypothesis(
            passage=plate.number,
            text=plate.known.text if readable else None,
            confidence=plate.known.confidence,
            ripe=over or settled or plate.vote.looks >= wait.ripe_looks,
            box=plate.box,
            first_ns=plate.first_ns,
            legible_ns=plate.first_ns if plate.legible_ns is None else plate.legible_ns,
        )

    def _from_the_start(self, plate: _Plate, time_ns: int) -> PlateHypothesis | None:
        """A sure plate that was there before the first look; one that would have to be known to count."""
        still = not (plate.passing or plate.told or plate.fixture or self._began_ns is None)
        if not still or plate.certain_ns is None or plate.vote.looks < self.patience.start_looks:
            return None
        if not 0 <= time_ns - (self._began_ns or 0) <= self.patience.start_s * SECOND_NS:
            return None
        first, known = plate.first_ns, plate.known
        legible_ns = first if plate.legible_ns is None else plate.legible_ns
        return PlateHypothesis(
            plate.number, known.text, known.confidence, False, plate.box, first, legible_ns, fixed=True
        )

    def _open(self, plate: _Plate) -> bool:
        return plate.passing and not plate.told

    def _end(self, plate: _Plate, time_ns: int) -> None:
        """The vehicle has gone: its text goes too; a keyed digest stays for as long as it may come back."""
        if plate.passing and plate.known.confidence >= READABLE:
            self._ghosts.remember(plate.known.text, plate.box, time_ns + round(self.patience.again_s * SECOND_NS))
        plate.vote.forget()
        plate.known = RankedTexts()
        self._plates.remove(plate)

    def _follow(self, vehicles: Sequence[Vehicle], time_ns: int) -> None:
        """Keep account of vehicles on which no plate is seen."""
        keep_ns = time_ns - round(self.patience.again_s * SECOND_NS)
        self._covered = [(at, box) for at, box in self._covered if at > keep_ns]
        self._covered += [(time_ns, vehicle.box) for vehicle in vehicles if self._bears(vehicle)]
        for vehicle in vehicles:
            car = self._cars.get(vehicle.track)
            if car is None:
                car = self._cars[vehicle.track] = _Car(time_ns, time_ns, vehicle.box, self._next)
                self._next += 1
            car.box, car.seen_ns = vehicle.box, time_ns
            car.told = car.told or self._bears(vehicle)
            standing = vehicle.still and vehicle.moved
            car.stood_ns = (car.stood_ns or time_ns) if standing else None

    def _bears(self, vehicle: Vehicle) -> bool:
        return any(inside(plate.box, vehicle.box) for plate in self._plates if not plate.fixture)

    def _unplated(self, time_ns: int, gone_ns: int) -> list[PlateHypothesis]:
        """Vehicles that came and stand without anything that looks like a plate."""
        proposals = []
        for track, car in list(self._cars.items()):
            stood = car.stood_ns is not None and time_ns - car.stood_ns >= self.patience.vehicle_s * SECOND_NS
            if stood and not car.told and not self._accounted(car):
                proposals.append(PlateHypothesis(car.number, None, 0.0, True, car.box, car.first_ns, car.first_ns))
            if car.seen_ns < gone_ns:
                del self._cars[track]
        return proposals

    def _accounted(self, car: _Car) -> bool:
        """A plate was seen on what is the same vehicle under another track."""
        return any(at >= car.first_ns and inside(_shrunk(car.box), box, 0.5) for at, box in self._covered)


def _weigh(plate: _Plate, vehicles: Sequence[Vehicle]) -> None:
    """Does it belong to a vehicle that stands, or does a vehicle pass behind it?"""
    under = [vehicle for vehicle in vehicles if inside(plate.box, vehicle.box) and vehicle.moved]
    if not under or plate.moved or plate.came:
        return
    vehicle = under[0]
    if plate.under is None or plate.under[0] != vehicle.track:
        plate.under = (vehicle.track, vehicle.box)
    shift = abs(centre(vehicle.box)[0] - centre(plate.under[1])[0]) + abs(vehicle.box.y2 - plate.under[1].y2)
    if shift > 2.0 * height_of(plate.box):
        plate.fixture, plate.carried = True, False
        plate.vote.forget()
        plate.known = replace(plate.known, confidence=0.0, text=Secret(""))
    elif vehicle.still and not plate.fixture:
        plate.carried = True


def _shrunk(box: Box) -> Box:
    """The middle of a box."""
    width, height = box.x2 - box.x1, box.y2 - box.y1
    return Box(box.x1 + width / 4, box.y1 + height / 4, box.x2 - width / 4, box.y2 - height / 4)
