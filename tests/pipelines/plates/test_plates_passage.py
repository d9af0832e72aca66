from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from plates_kit import at, seconds

from pipelines.plates.passage_tracker import PassageTracker, PlateHypothesis
from pipelines.plates.plate_tracking import Vehicle
from pipelines.plates.reading import Sighting
from pipelines.types import Box
from protocol.plate_grammar import MAINLAND

TEXT, OTHER = "京A12345", "沪C88K01"


def passages() -> PassageTracker:
    return PassageTracker(MAINLAND, b"k" * 32)


def ripe(
    gate: PassageTracker, sightings: list[Sighting], at_s: float, vehicles: tuple[Vehicle, ...] = ()
) -> list[PlateHypothesis]:
    """One look; what is ripe is settled, as a gate does."""
    found = [each for each in gate.update(sightings, vehicles, seconds(at_s)) if each.is_final]
    for each in found:
        gate.mark_reported(each.passage)
    return found


def drive(
    gate: PassageTracker, text: str, start_s: float = 0.0, looks: int = 10, confidence: float = 0.99
) -> list[PlateHypothesis]:
    """A car passes from left to right, and time goes on."""
    found = []
    for i in range(looks):
        found += ripe(gate, [at(100 + 40 * i, text, confidence)], start_s + i / 5)
    for i in range(20):
        found += ripe(gate, [], start_s + looks / 5 + i / 2)
    return found


def test_a_car_that_passes_is_one_passage_with_its_plate() -> None:
    (found,) = drive(passages(), TEXT)
    assert found.text is not None
    assert found.text.reveal() == TEXT
    assert found.confidence > 0.9


def test_a_sure_plate_is_proposed_at_the_second_look_before_it_is_ripe() -> None:
    gate = passages()
    assert gate.update([at(100, TEXT)], (), 0) == []
    (early,) = gate.update([at(140, TEXT)], (), seconds(0.2))
    assert not early.is_final
    gate.mark_reported(early.passage)
    assert gate.update([at(180, TEXT)], (), seconds(0.4)) == []


def test_a_caption_never_moves_and_is_no_passage() -> None:
    gate = passages()
    assert [each for i in range(300) for each in ripe(gate, [at(900, TEXT, y=5)], i / 5)] == []


def test_a_caption_that_a_car_drives_behind_is_no_passage() -> None:
    gate = passages()
    found = []
    for i in range(40):
        car = Vehicle(1, Box(400 + 20 * i, 0, 900 + 20 * i, 400), moved=True, still=False)
        found += ripe(gate, [at(900, TEXT, y=100)], i / 5, (car,))
    stands = Vehicle(1, Box(800, 0, 1300, 400), moved=True, still=True)
    for i in range(40, 80):
        found += ripe(gate, [at(900, TEXT, y=100)], i / 5, (stands,))
    assert [each for each in found if each.text is not None] == []


def test_a_parked_car_is_one_passage_however_long_it_stands_and_is_hidden() -> None:
    gate = passages()
    found = [each for i in range(10) for each in ripe(gate, [at(100 + 30 * i, TEXT)], i / 5)]
    for i in range(10, 600):
        hidden = i % 100 > 60
        found += ripe(gate, [] if hidden else [at(370, TEXT)], i / 2)
    assert len(found) == 1


def test_one_who_comes_back_later_is_another_passage() -> None:
    gate = passages()
    assert len(drive(gate, TEXT, 0)) == 1
    assert len(drive(gate, TEXT, 600)) == 1


def test_two_cars_at_once_are_two_passages() -> None:
    gate = passages()
    found = []
    for i in range(30):
        cars = [at(100 + 40 * i, TEXT, y=200), at(100 + 40 * i, OTHER, y=600)] if i < 12 else []
        found += ripe(gate, cars, i / 5)
    assert sorted(each.text.reveal() for each in found if each.text) == sorted([TEXT, OTHER])


def test_a_car_close_behind_another_is_a_passage_of_its_own() -> None:
    gate = passages()
    found = [each for i in range(8) for each in ripe(gate, [at(100 + 40 * i, TEXT)], i / 5)]
    found += [each for i in range(8) for each in ripe(gate, [at(380 + 40 * i, OTHER)], 1.6 + i / 5)]
    found += [each for i in range(20) for each in ripe(gate, [], 4 + i)]
    assert [each.text.reveal() for each in found if each.text] == [TEXT, OTHER]


def test_what_moves_like_a_plate_and_cannot_be_read_is_unreadable_once() -> None:
    (found,) = drive(passages(), "")
    assert found.text is None
    assert found.confidence < 0.5


def test_a_glimpse_is_nothing() -> None:
    assert drive(passages(), "", looks=2) == []


def test_a_car_without_a_plate_that_stands_is_unreadable_once() -> None:
    gate = passages()
    car = Vehicle(7, Box(200, 100, 700, 500), moved=True, still=True)
    found = [each for i in range(100) for each in ripe(gate, [], i / 5, (car,))]
    assert [each.text for each in found] == [None]


def test_cars_that_only_pass_or_were_always_there_are_not_unreadable() -> None:
    gate = passages()
    parked = Vehicle(8, Box(200, 100, 700, 500), moved=False, still=True)
    found = []
    for i in range(60):
        passing = Vehicle(9, Box(10 * i, 500, 300 + 10 * i, 700), moved=True, still=False)
        found += ripe(gate, [], i / 5, (parked, passing))
    assert found == []


def test_a_plate_that_came_with_everything_around_it_need_not_move() -> None:
    gate = passages()
    found = [each for i in range(10) for each in ripe(gate, [at(400, TEXT, came=True)], i / 5)]
    assert len(found) == 1


def test_after_the_passage_the_text_is_nowhere() -> None:
    gate = passages()
    drive(gate, TEXT)
    assert TEXT not in str(vars(gate)) + repr(gate)
    assert gate._plates == []
    assert TEXT.encode() not in b"".join(digest for entry in gate._recent_passages._entries for digest in entry.digests)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["read", "wrong", "unread", "missed"]), min_size=8, max_size=30),
    st.floats(8, 45),
    st.integers(0, 5),
)
def test_whatever_is_missed_or_misread_a_passage_is_told_at_most_once(
    looks: list[str], step_px: float, stands: int
) -> None:
    gate = passages()
    found: list[PlateHypothesis] = []
    clock = 0.0
    for number, kind in enumerate(looks):
        text = {"read": TEXT, "wrong": "京A12845", "unread": "", "missed": ""}[kind]
        seen = [] if kind == "missed" and number % 3 else [at(100 + step_px * number, text, 0.9)]
        found += ripe(gate, seen, clock)
        clock += 0.15
    for _ in range(stands):
        found += ripe(gate, [at(100 + step_px * len(looks), TEXT, 0.9)], clock)
        clock += 1.0
    for _ in range(20):
        found += ripe(gate, [], clock)
        clock += 0.5
    assert len(found) <= 1
