"""The lane with said readers: what it does about what it sees, and what it keeps to itself."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from plates_kit import SaidFinder, SaidReader

from common.clock import SystemClock
from common.errors import ModelError, StoreError
from edge.eye import Passing, Report
from edge.gate.decision import Terms
from edge.gate.lane import Lane
from edge.gate.nolist import NoList
from edge.gate.opener import Opener
from edge.gate.view import Region, Rungs
from edge.lists.matching import Match
from events.kinds import VehicleBarred, VehicleRegistered, VehicleUnlisted, VehicleUnreadable
from events.plates import MAINLAND
from pipelines.plates.look import PlateLook
from pipelines.plates.passage import Passages
from pipelines.plates.place import Vehicle
from pipelines.plates.reader import Opinions
from pipelines.types import Box, Detections

TEXT = "京A12345"
PICTURE = np.full((720, 1280, 3), 90, np.uint8)
TERMS = Terms(0.9)
CAR = Vehicle(1, Box(100, 100, 700, 500), moved=True, still=True)


class Hand:
    """An opener that does at once what it is asked, or cannot."""

    def __init__(self, works: bool = True) -> None:
        self.works, self.asked = works, 0

    def open(self, done: Any, by_hand: bool = False) -> None:
        self.asked += 1
        done(self.works)


class BrokenList:
    def find(self, text: str, wall_ns: int) -> Match | None:
        raise StoreError("the list is broken")


class BrokenFinder:
    def find_at(self, picture: Any, long_side: int) -> tuple[Detections, Any]:
        raise ModelError("out of memory")


def lane(
    site: Any, hand: Hand, terms: Terms = TERMS, finder: Any = None, text: str = TEXT
) -> tuple[Lane, list[Report]]:
    reports: list[Report] = []
    look = PlateLook(finder or SaidFinder(), Opinions([SaidReader(TEXT), SaidReader(TEXT)], MAINLAND))
    made = Lane(
        camera="c", gate="lane", look=look, passages=Passages(MAINLAND, b"k" * 32), region=Region(()), terms=terms,
        site=site, opener=cast(Opener, hand), pseudonym=lambda _: "0" * 32, report=reports.append, clock=SystemClock(),
    )  # fmt: skip
    return made, reports


def drive(made: Lane, seconds: float = 6.0) -> None:
    """A plate passes from left to right and is gone."""
    finder = made.look.finder
    for i in range(round(seconds * 5)):
        if isinstance(finder, SaidFinder):
            finder.boxes = [Box(100 + 40 * i, 300, 240 + 40 * i, 345)] if i < 12 else []
        made.see(PICTURE, i * 200_000_000)


def data(reports: list[Report]) -> list[Any]:
    return [each.data for report in reports for each in report.findings if isinstance(each, Passing)]


def test_a_registered_car_opens_at_once_and_is_told_once() -> None:
    hand = Hand()
    made, reports = lane(NoList({TEXT: Match("e1", "registered", True)}), hand)
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleRegistered)
    assert (found.gate, found.opened, found.vehicle, hand.asked) == ("lane", True, "0" * 32, 1)
    assert reports[0].plates


def test_a_relay_that_fails_is_said() -> None:
    made, reports = lane(NoList({TEXT: Match("e1", "registered", True)}), Hand(works=False))
    drive(made)
    assert [each.opened for each in data(reports)] == [False]


def test_a_barred_car_is_told_at_once_with_its_entry_and_stays_out() -> None:
    hand = Hand()
    made, reports = lane(NoList({TEXT: Match("e9", "barred", True)}), hand)
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleBarred)
    assert (found.entry, found.opened, hand.asked) == ("e9", False, 0)


def test_a_stranger_is_unlisted_and_stays_out() -> None:
    hand = Hand()
    made, reports = lane(NoList(), hand)
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleUnlisted)
    assert (found.entry, hand.asked) == (None, 0)
    assert TEXT not in repr(made) + repr(reports)


@pytest.mark.parametrize(("safe", "opens"), [(False, 0), (True, 1)])
def test_a_list_that_fails_lets_in_only_where_the_gate_is_fail_safe(safe: bool, opens: int) -> None:
    hand = Hand()
    made, reports = lane(BrokenList(), hand, Terms(0.9, fail_safe=safe))
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleUnreadable)
    assert (hand.asked, found.opened) == (opens, bool(opens))
    assert made.failures > 0


@pytest.mark.parametrize(("safe", "opens"), [(False, 0), (True, 1)])
def test_a_reader_that_fails_does_not_end_the_gate(safe: bool, opens: int) -> None:
    hand = Hand()
    made, reports = lane(NoList(), hand, Terms(0.9, fail_safe=safe), BrokenFinder())
    made.vehicles((CAR,), 0)
    drive(made)
    assert [type(each) for each in data(reports)] == [VehicleUnreadable]
    assert hand.asked == opens


def test_what_lies_outside_of_the_region_is_not_looked_at() -> None:
    made, reports = lane(NoList(), Hand())
    made.region = Region(((0.0, 0.8), (1.0, 0.8), (1.0, 1.0), (0.0, 1.0)))
    drive(made)
    assert reports == []


def test_a_gate_where_nothing_moves_does_nothing() -> None:
    made, _ = lane(NoList(), Hand())
    made.frame(None, 5_000_000_000)  # type: ignore[arg-type]
    assert made._slot is None
    made.moved(5_000_000_000)
    made.frame(None, 5_100_000_000)  # type: ignore[arg-type]
    assert made._slot is not None


def test_rungs_take_turns_until_something_is_legible() -> None:
    turns = Rungs()
    seen = []
    for _ in range(5):
        seen.append(turns.next(PICTURE, stands=False))
        turns.result(legible=False)
    assert seen == [480, 960, 480, 960, 480]
    standing = []
    for _ in range(4):
        standing.append(turns.next(PICTURE, stands=True))
        turns.result(legible=False)
    assert standing == [960, 256, None, 480]
    again = turns.next(PICTURE, stands=False)
    turns.result(legible=True)
    assert turns.next(PICTURE, stands=False) == again
