"""Tracks: told as short stories, one row a look."""

from __future__ import annotations

import pytest
from pipeline_kit import LOOK_NS, SIZE, T0, detections, look, moved_by

from pipelines.tracking.track import Track
from pipelines.tracking.tracker import FrameObservation, Tracker
from pipelines.types import Box

WALKER = Box(100, 100, 130, 180)
CAR = Box(100, 100, 220, 170)


def _numbers(tracker: Tracker) -> list[int]:
    return [track.id for track in tracker.tracks]


@pytest.mark.parametrize(
    ("step_px", "scores"),
    [
        (0, [0.8] * 8),
        (12, [0.8] * 8),
        (25, [0.6, 0.6, 0.3, 0.25, 0.6, 0.3, 0.3, 0.6]),  # doubtful ones carry it
        (10, [0.8, 0.8, 0.8, 0.0, 0.0, 0.8, 0.8, 0.8]),  # a gap of two looks
    ],
)
def test_one_walker_is_one_track(step_px: float, scores: list[float]) -> None:
    tracker = Tracker(SIZE)
    for i, score in enumerate(scores):
        facts = [(moved_by(WALKER, step_px * i), score, "person")] if score else []
        tracker.update(look(i, detections(*facts)))
    assert _numbers(tracker) == [1]
    (track,) = tracker.tracks
    assert track.object == "person"
    assert track.moved == (step_px > 0)


def test_doubtful_detections_never_start_a_track() -> None:
    tracker = Tracker(SIZE)
    for i in range(10):
        tracker.update(look(i, detections((WALKER, 0.44, "person"))))
    assert tracker.tracks == ()


def test_a_person_behind_a_pillar_for_a_second_is_the_same_person() -> None:
    tracker = Tracker(SIZE)
    for i in range(16):
        hidden = 6 <= i < 11
        facts = [] if hidden else [(moved_by(WALKER, 6 * i), 0.8, "person")]
        tracker.update(look(i, detections(*facts)))
    assert _numbers(tracker) == [1]


def test_two_walkers_who_pass_each_other_keep_their_numbers() -> None:
    tracker = Tracker(SIZE)
    for i in range(12):
        one, two = moved_by(WALKER, 14 * i), moved_by(WALKER, 150 - 14 * i, 12)
        tracker.update(look(i, detections((one, 0.8, "person"), (two, 0.8, "person"))))
    assert len(tracker.tracks) == 2
    by_number = {track.id: track for track in tracker.tracks}
    assert by_number[1].box.x1 > by_number[2].box.x1


def test_a_blob_becomes_a_car_when_enough_weak_detections_agree() -> None:
    tracker = Tracker(SIZE)
    decided = []
    for i in range(6):
        box = moved_by(CAR, 45 * i)
        facts = [(box, 0.26, "car")] if i % 2 else []
        tracker.update(look(i, detections(*facts), [box]))
        decided.append(tracker.tracks[0].decided)
    assert _numbers(tracker) == [1]
    assert decided == [False, False, False, False, False, True]
    assert tracker.tracks[0].object == "car"


def test_a_blob_that_nothing_speaks_for_stays_nameless_and_is_forgotten_soon() -> None:
    tracker = Tracker(SIZE)
    for i in range(5):
        tracker.update(look(i, detections(), [moved_by(CAR, 10 * i)]))
    assert [track.decided for track in tracker.tracks] == [False]
    for i in range(5, 12):
        tracker.update(look(i, detections()))
    assert tracker.tracks == ()


def test_two_views_that_find_one_thing_make_one_track() -> None:
    tracker = Tracker(SIZE)
    for i in range(3):
        tracker.update(look(i, detections((CAR, 0.9, "car"), (moved_by(CAR, 8, 5), 0.6, "bus"))))
    assert len(tracker.tracks) == 1


def test_a_vehicle_that_enters_grows_and_stays_one() -> None:
    tracker = Tracker(SIZE)
    for i, right in enumerate((60, 130, 200, 270)):
        tracker.update(look(i, detections(), [Box(max(0, right - 180), 100, right, 190)]))
    assert _numbers(tracker) == [1]


def test_fragments_of_one_vehicle_are_joined() -> None:
    tracker = Tracker(SIZE)
    for i in range(4):
        tracker.update(look(i, detections((moved_by(CAR, 10 * i), 0.9, "car"))))
    box = moved_by(CAR, 40)
    front, rear = Box(box.x1, box.y1, box.x1 + 50, box.y2), Box(box.x1 + 65, box.y1, box.x2, box.y2)
    tracker.update(look(4, detections(), [front, rear]))
    assert _numbers(tracker) == [1]
    assert tracker.tracks[0].box.x2 - tracker.tracks[0].box.x1 == pytest.approx(120, abs=6)


def test_two_vehicles_that_flow_together_come_apart_again_as_themselves() -> None:
    tracker = Tracker(SIZE)
    for i in range(10):
        one, two = Box(60 + 30 * i, 60, 180 + 30 * i, 130), Box(420 - 30 * i, 140, 540 - 30 * i, 210)
        near = abs(one.x1 - two.x1) < 130
        together = Box(min(one.x1, two.x1), one.y1, max(one.x2, two.x2), two.y2)
        found = detections((one, 0.8, "car"), (two, 0.8, "car")) if i < 2 else detections()
        tracker.update(look(i, found, [together] if near else [one, two]))
    assert sorted(_numbers(tracker)) == [1, 2]
    by_number = {track.id: track.box for track in tracker.tracks}
    assert by_number[1].x1 == pytest.approx(330, abs=25)
    assert by_number[2].x1 == pytest.approx(150, abs=25)


def test_a_shadow_that_belongs_to_the_blob_is_taken_off_when_the_detector_is_silent() -> None:
    tracker = Tracker(SIZE)
    for i in range(8):
        box = moved_by(CAR, 20 * i)
        shadow = Box(box.x1, box.y1, box.x2, box.y2 + 30)
        facts = [(box, 0.8, "car")] if i < 6 else []
        tracker.update(look(i, detections(*facts), [shadow]))
    assert tracker.tracks[0].box.y2 == pytest.approx(CAR.y2, abs=6)


def test_a_parked_car_that_somebody_walks_past_has_not_moved() -> None:
    tracker = Tracker(SIZE)
    car = Box(300, 200, 380, 250)
    for i in range(30):
        walker = moved_by(Box(200, 180, 225, 255), 8 * i)
        hidden = max(0.0, min(walker.x2, car.x2) - car.x1) if walker.x1 < car.x2 else 0.0
        seen = Box(car.x1 + min(hidden, 55), car.y1, car.x2, car.y2)  # only the part beside the walker is boxed
        tracker.update(look(i, detections((seen, 0.7, "car"), (walker, 0.8, "person")), [walker]))
    cars = [track for track in tracker.tracks if track.object == "car"]
    assert len(cars) == 1
    assert not cars[0].moved


def test_who_comes_in_over_the_border_and_stops_there_has_moved() -> None:
    tracker = Tracker(SIZE)
    for i, top in enumerate((320, 280, 230, 180, 160, 150, 150, 150)):
        bottom = min(360.0, top + 190.0)
        box = Box(300, top, 370, bottom)
        tracker.update(look(i, detections((box, 0.8, "person")), [box]))
    (track,) = tracker.tracks
    assert track.moved


def test_what_stands_still_is_kept_while_nothing_moves_and_forgotten_when_it_is_looked_for_in_vain() -> None:
    tracker = Tracker(SIZE)
    for i in range(20):
        tracker.update(look(i, detections((WALKER, 0.8, "person"))))
    assert tracker.tracks[0].still_since_ns is not None
    for i in range(20, 320):  # a minute without a look at it
        tracker.update(FrameObservation(detections(), (), T0 + i * LOOK_NS))
    assert _numbers(tracker) == [1]
    for i in range(320, 340):
        tracker.update(look(i, detections(), (), [WALKER]))  # something stirs there, and it is not found
    assert 1 not in _numbers(tracker)


def test_what_leaves_the_picture_is_forgotten_at_once() -> None:
    tracker = Tracker(SIZE)
    for i in range(5):
        tracker.update(look(i, detections((moved_by(Box(540, 100, 580, 180), 20 * i), 0.8, "person"))))
    tracker.update(look(7, detections()))
    assert tracker.tracks == ()


def test_noise_alone_gives_no_confirmed_track() -> None:
    tracker = Tracker(SIZE)
    confirmed: list[Track] = []
    for i in range(40):
        spot = Box((i * 197) % 600, (i * 89) % 320, (i * 197) % 600 + 30, (i * 89) % 320 + 30)
        confirmed += tracker.update(look(i, detections((spot, 0.3, "person")), [spot]))
    assert not [track for track in confirmed if track.decided]


def test_time_that_stands_still_or_leaps_is_taken() -> None:
    tracker = Tracker(SIZE)
    for at in (0, 0, 1, 1, 500):
        tracker.update(look(at, detections((WALKER, 0.8, "person"))))
    assert len(tracker.tracks) == 1
