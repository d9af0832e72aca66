"""The lane with said readers: what it does about what it sees, and what it keeps to itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plate_reader_kit import PICTURE, TEXT, Hand, data, drive, lane
from plates_kit import SaidFinder

from common.errors import ModelError, StoreError
from edge.access.gates.decision import GatePolicy
from edge.access.gates.empty_list import EmptyList
from edge.access.gates.region_of_interest import Region, ScaleSelector
from edge.access.site_lists.matching import Match
from edge.video.report import Report
from pipelines.plates.plate_tracking import Vehicle
from pipelines.types import Box, Detections
from protocol.event_types import VehicleBarred, VehicleRegistered, VehicleUnlisted, VehicleUnreadable

CAR = Vehicle(1, Box(100, 100, 700, 500), moved=True, still=True)


class BrokenList:
    def find(self, text: str, wall_ns: int) -> Match | None:
        raise StoreError("the list is broken")


class BrokenFinder:
    def find_at(self, picture: Any, long_side: int) -> tuple[Detections, Any]:
        raise ModelError("out of memory")


def test_a_registered_car_opens_at_once_and_is_told_once() -> None:
    hand = Hand()
    made, reports = lane(EmptyList({TEXT: Match("e1", "registered", True)}), hand)
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleRegistered)
    assert (found.gate, found.opened, found.vehicle, hand.asked) == ("lane", True, "0" * 32, 1)
    assert reports[0].plates


def test_a_relay_that_fails_is_said() -> None:
    made, reports = lane(EmptyList({TEXT: Match("e1", "registered", True)}), Hand(works=False))
    drive(made)
    assert [each.opened for each in data(reports)] == [False]


def test_a_barred_car_is_told_at_once_with_its_entry_and_stays_out() -> None:
    hand = Hand()
    made, reports = lane(EmptyList({TEXT: Match("e9", "barred", True)}), hand)
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleBarred)
    assert (found.entry, found.opened, hand.asked) == ("e9", False, 0)


def test_a_stranger_is_unlisted_and_stays_out() -> None:
    hand = Hand()
    made, reports = lane(EmptyList(), hand)
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleUnlisted)
    assert (found.entry, hand.asked) == (None, 0)
    assert TEXT not in repr(made) + repr(reports)


@pytest.mark.parametrize(("safe", "opens"), [(False, 0), (True, 1)])
def test_a_list_that_fails_lets_in_only_where_the_gate_is_fail_safe(safe: bool, opens: int) -> None:
    hand = Hand()
    made, reports = lane(BrokenList(), hand, GatePolicy(0.9, fail_safe=safe))
    drive(made)
    (found,) = data(reports)
    assert isinstance(found, VehicleUnreadable)
    assert (hand.asked, found.opened) == (opens, bool(opens))
    assert made.failures > 0


@pytest.mark.parametrize(("safe", "opens"), [(False, 0), (True, 1)])
def test_a_reader_that_fails_does_not_end_the_gate(safe: bool, opens: int) -> None:
    hand = Hand()
    made, reports = lane(EmptyList(), hand, GatePolicy(0.9, fail_safe=safe), BrokenFinder())
    made.vehicles((CAR,), 0)
    drive(made)
    assert [type(each) for each in data(reports)] == [VehicleUnreadable]
    assert hand.asked == opens


def test_what_lies_outside_of_the_region_is_not_looked_at() -> None:
    made, reports = lane(EmptyList(), Hand())
    region = Region(((0.0, 0.8), (1.0, 0.8), (1.0, 1.0), (0.0, 1.0)))
    made.reading = replace(made.reading, region=region)
    drive(made)
    assert reports == []


def test_a_gate_where_nothing_moves_does_nothing_after_its_first_looks() -> None:
    made, _ = lane(EmptyList(), Hand())
    made.frame(None, 1_000_000_000)  # type: ignore[arg-type]
    assert made._pending_frame is not None
    made.process_frame(PICTURE, 1_000_000_000)
    made._pending_frame = None
    made.reading.passages._plates.clear()
    made.frame(None, 5_000_000_000)  # type: ignore[arg-type]
    assert made._pending_frame is None
    made.moved(5_000_000_000)
    made.frame(None, 5_100_000_000)  # type: ignore[arg-type]
    assert made._pending_frame is not None


def stood(match: Match | None, start_s: float = 0.0) -> tuple[Hand, list[Report]]:
    """A plate stands there, from `start_s` after the first look on, and never moves."""
    hand = Hand()
    made, reports = lane(EmptyList({TEXT: match} if match else {}), hand, finder=(finder := SaidFinder()))
    for i in range(60):
        finder.boxes = [Box(600, 300, 740, 345)] if i / 5 >= start_s else []
        made._last_plate = None
        made.process_frame(PICTURE, i * 200_000_000)
    return hand, reports


def test_a_registered_car_that_waits_when_the_box_starts_gets_in_once() -> None:
    hand, reports = stood(Match("e1", "registered", True))
    assert ([type(each) for each in data(reports)], hand.asked) == ([VehicleRegistered], 1)


def test_a_barred_car_that_stands_there_when_the_box_starts_is_told_once() -> None:
    hand, reports = stood(Match("e9", "barred", True))
    assert ([type(each) for each in data(reports)], hand.asked) == ([VehicleBarred], 0)


def test_a_caption_that_is_there_when_the_box_starts_is_nothing() -> None:
    assert stood(None)[1] == []


def test_what_appears_later_without_having_come_is_nothing_even_where_it_is_listed() -> None:
    hand, reports = stood(Match("e1", "registered", True), start_s=11.0)
    assert (reports, hand.asked) == ([], 0)


def test_rungs_take_turns_until_something_is_legible() -> None:
    turns = ScaleSelector()
    seen = []
    for _ in range(5):
        seen.append(turns.next(PICTURE, vehicle_is_still=False))
        turns.result(legible=False)
    assert seen == [480, 960, 480, 960, 480]
    standing = []
    for _ in range(4):
        standing.append(turns.next(PICTURE, vehicle_is_still=True))
        turns.result(legible=False)
    assert standing == [960, 256, None, 480]
    again = turns.next(PICTURE, vehicle_is_still=False)
    turns.result(legible=True)
    after = []
    for _ in range(6):
        after.append(turns.next(PICTURE, vehicle_is_still=False))
        turns.result(legible=False)
    assert after[:2] == after[3:5] == [again, again]
    assert {after[2], after[5]} == {480, 960}
