"""Zones and lines as tables: where a ground point goes, look by look, and what is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from pipeline_kit import LOOK_NS, SIZE, T0, detections, look, moved_by, pipeline, scenery, watch

from common.clock import SECOND_NS
from pipelines.findings import DeferredFindings, Finding, concerns
from pipelines.rules.line_rule import LineRule
from pipelines.rules.zone_rules import RULES, ZoneRule
from pipelines.settings import LineSettings, ZoneSettings
from pipelines.tracking.track import Track
from pipelines.tracking.tracker import Tracker
from pipelines.types import Box
from protocol.event_types import KIND_OF, Data

GATE = ((0.5, 0.2), (0.9, 0.2), (0.9, 0.9), (0.5, 0.9))
IN, OUT = 450.0, 150.0
WIDTH, HEIGHT = SIZE


def _open(_time_ns: int) -> bool:
    return True


def _track(x: float, y: float = 200.0, kind: int = 0, number: int = 1) -> Track:
    track = Track.of_object(number, Box(x - 20, y - 80, x + 20, y), (0.8, kind), T0)
    track.observations = 5
    return track


def _at(track: Track, x: float, y: float = 200.0) -> None:
    """Put a track somewhere, exactly: the filter is tested elsewhere."""
    track.filter.x, track.filter.y = x, y - 40
    track.filter.width, track.filter.height = 40, 80
    track.updated = True


def _walk(
    rule: ZoneRule | LineRule, xs: Iterable[float], track: Track | None = None, moved: bool = True
) -> list[tuple[int, Data]]:
    """What a rule reports while one track is at these places, five looks a second: (look, data)."""
    found: list[tuple[int, Data]] = []
    for i, x in enumerate(xs):
        track = track or _track(x)
        _at(track, x)
        track.moved = moved
        found += [(i, finding.data) for finding in rule.judge([track], T0 + i * LOOK_NS)]
    return found


def _zone(open_at: Callable[[int], bool] = _open, **more: object) -> ZoneRule:
    return ZoneRule(ZoneSettings("gate", GATE, **more), SIZE, open_at)  # type: ignore[arg-type]


def _line(open_at: Callable[[int], bool] = _open, **more: object) -> LineRule:
    return LineRule(LineSettings("line", ((0.5, 1.0), (0.5, 0.0)), **more), SIZE, open_at)  # type: ignore[arg-type]


BOTH = ("entered", "left")


@pytest.mark.parametrize(
    ("xs", "report", "kinds"),
    [
        ([OUT, OUT, IN, IN], BOTH, [(3, "zone.entered")]),
        ([OUT, IN, OUT, IN, OUT], BOTH, []),  # inertia: two looks must agree
        ([OUT, IN, IN, OUT, OUT], BOTH, [(2, "zone.entered"), (4, "zone.left")]),
        ([OUT, IN, IN, OUT, OUT], ("entered",), [(2, "zone.entered")]),
        ([OUT, IN, IN, OUT, OUT], ("left",), [(4, "zone.left")]),
        ([OUT, 321, 322, 321, 323], BOTH, []),  # within the border's hysteresis
        ([IN, IN, 319, 318, 319], BOTH, [(1, "zone.entered")]),
        ([OUT, IN, IN, OUT, OUT, IN, IN], ("entered",), [(2, "zone.entered"), (6, "zone.entered")]),
    ],
)
def test_a_zone_reports_who_comes_and_goes(
    xs: list[float], report: tuple[str, ...], kinds: list[tuple[int, str]]
) -> None:
    assert [(i, KIND_OF[type(data)]) for i, data in _walk(_zone(report=report), xs)] == kinds


def _heights(rule: ZoneRule | LineRule, steps: Iterable[tuple[float, float]]) -> list[tuple[int, str]]:
    """What a rule reports of one track with these (x, height in pixels): (look, kind)."""
    found: list[tuple[int, str]] = []
    track = _track(OUT)
    track.moved = True
    for i, (x, height) in enumerate(steps):
        _at(track, x)
        track.filter.y, track.filter.height = 200 - height / 2, height
        found += [(i, KIND_OF[type(it.data)]) for it in rule.judge([track], T0 + i * LOOK_NS)]
    return found


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        ([(OUT, 30), (IN, 30), (IN, 30), (IN, 30)], []),
        ([(OUT, 50), (IN, 50), (IN, 50)], [(2, "zone.entered")]),
        ([(IN, 30), (IN, 30), (IN, 45), (IN, 45)], [(3, "zone.entered")]),  # it comes closer, and grows
        ([(IN, 30), (IN, 45), (IN, 30), (IN, 45)], []),  # inertia: two looks must agree
        ([(IN, 50), (IN, 50), (IN, 20), (IN, 20), (OUT, 20), (OUT, 20)], [(1, "zone.entered"), (5, "zone.left")]),
    ],
)
def test_a_zone_with_a_minimum_size_counts_objects_that_are_high_enough(
    steps: list[tuple[float, float]], kinds: list[tuple[int, str]]
) -> None:
    assert _heights(_zone(report=BOTH, min_height=40 / HEIGHT), steps) == kinds


def test_small_objects_neither_block_nor_crowd_a_zone_with_a_minimum_size() -> None:
    for height, kinds in ((30, []), (50, ["zone.blocked"])):
        rule, found = _zone(blocked_s=1, min_height=40 / HEIGHT, report=()), list[str]()
        track = _track(IN)
        track.still_since_ns = T0
        for i in range(12):
            _at(track, IN)
            track.filter.y, track.filter.height = 200 - height / 2, height
            found += [KIND_OF[type(it.data)] for it in rule.judge([track], T0 + i * LOOK_NS)]
        assert found == kinds
    rule = _zone(crowded_above=1, min_height=40 / HEIGHT, report=())
    tracks = [_track(IN, number=1), _track(IN + 30, number=2)]
    tracks[1].filter.y, tracks[1].filter.height = 185, 30
    for it in tracks:
        it.moved = True
    assert [it for i in range(5) for it in rule.judge(tracks, T0 + i * LOOK_NS)] == []


@pytest.mark.parametrize(("height", "kinds"), [(30, []), (50, [(2, "line.crossed")])])
def test_a_line_with_a_minimum_size_counts_objects_that_are_high_enough(
    height: float, kinds: list[tuple[int, str]]
) -> None:
    steps = [(OUT, height), (OUT, height), (IN, height), (IN, height)]
    assert _heights(_line(min_height=40 / HEIGHT), steps) == kinds


def test_what_was_there_before_never_enters_and_enters_once_it_moves() -> None:
    rule, track = _zone(), _track(IN)
    assert _walk(rule, [IN] * 20, track, moved=False) == []
    assert [i for i, _ in _walk(rule, [IN + 30] * 5, track, moved=True)] == [0]


def test_a_zone_names_the_zone_the_track_and_the_box() -> None:
    ((_, data),) = _walk(_zone(), [OUT, IN, IN])
    assert (data.zone, data.object, data.track) == ("gate", "person", 1)  # type: ignore[attr-defined]
    assert data.bbox == (IN - 20, 120.0, IN + 20, 200.0)  # type: ignore[attr-defined]


def test_loitering_and_blocking_are_told_once_each_with_their_seconds() -> None:
    rule, track = _zone(report=(), loitering_s=2.0, blocked_s=3.0), _track(IN)
    track.still_since_ns = T0
    told = _walk(rule, [IN] * 40, track)
    assert [KIND_OF[type(data)] for _, data in told] == ["zone.loitering", "zone.blocked"]
    assert [data.seconds for _, data in told] == pytest.approx([2.0, 3.0], abs=0.25)  # type: ignore[attr-defined]


def test_blocking_is_told_again_only_after_it_moved_on() -> None:
    rule, track = _zone(report=(), blocked_s=1.0), _track(IN)
    track.still_since_ns = T0
    assert len(_walk(rule, [IN] * 10, track)) == 1
    track.still_since_ns = None
    assert _walk(rule, [IN] * 2, track) == []
    track.still_since_ns = T0
    assert len(_walk(rule, [IN] * 10, track)) == 1


def test_a_crowd_is_told_when_it_forms_and_again_when_it_formed_anew() -> None:
    rule = _zone(report=(), crowded_above=2)
    people = [_track(IN, number=i) for i in range(1, 5)]
    for person in people:
        person.moved = True
    told: list[tuple[int, int]] = []
    for i, size in enumerate([1, 1, 3, 3, 3, 4, 4, 1, 1, 1, 4, 4, 4]):
        for j, person in enumerate(people):
            _at(person, IN if j < size else OUT)
        told += [(i, f.data.count) for f in rule.judge(people, T0 + i * LOOK_NS)]  # type: ignore[union-attr]
    assert told == [(3, 3), (11, 4)]


@pytest.mark.parametrize(("cooldown_s", "told"), [(0.0, 3), (1.5, 2), (60.0, 1)])
def test_a_zone_keeps_quiet_for_its_cooldown(cooldown_s: float, told: int) -> None:
    assert len(_walk(_zone(cooldown_s=cooldown_s), [OUT, IN, IN, OUT, OUT] * 3)) == told


def test_a_zone_that_sleeps_reports_nothing_and_does_not_catch_up() -> None:
    rule = _zone(lambda time_ns: time_ns >= T0 + SECOND_NS)
    assert _walk(rule, [OUT, IN, IN] + [IN] * 10) == []


@pytest.mark.parametrize(("kind", "told"), [(0, 1), (2, 0), (1, 0)])
def test_only_the_named_classes_count(kind: int, told: int) -> None:
    assert len(_walk(_zone(objects=("person",)), [OUT, IN, IN, IN], _track(OUT, kind=kind))) == told
    assert len(_walk(_line(objects=("person",)), [OUT, IN, IN, IN], _track(OUT, kind=kind))) == told


# A line from the bottom to the top: forward is from its left (x < 320) to its right.
@pytest.mark.parametrize(
    ("xs", "directions"),
    [
        ([OUT, 250, 400, IN], [(2, "forward")]),
        ([IN, 400, 250, OUT], [(2, "backward")]),
        ([OUT, 318, 322, 318, 322], []),  # hovering on the line
        ([OUT, 318, 322, 400, 318, 400], [(3, "forward")]),
        ([OUT, IN, OUT, IN], [(1, "forward"), (2, "backward"), (3, "forward")]),
        ([OUT, 318], []),
    ],
)
def test_a_line_counts_each_crossing_once(xs: list[float], directions: list[tuple[int, str]]) -> None:
    assert [(i, data.direction) for i, data in _walk(_line(), xs)] == directions  # type: ignore[attr-defined]


def test_who_walks_around_the_end_of_a_line_does_not_cross_it() -> None:
    rule = LineRule(LineSettings("short", ((0.5, 0.4), (0.5, 0.2))), SIZE, _open)
    track = _track(250, 300)
    told: list[Finding] = []
    for i, x in enumerate((250, 300, 340, 400)):
        _at(track, x, 300)
        told += rule.judge([track], T0 + i * LOOK_NS)
    assert told == []


def test_a_fast_object_that_crossed_before_it_was_confirmed_is_counted() -> None:
    track = _track(200)  # born on the left
    assert [i for i, _ in _walk(_line(), [420, 500], track)] == [0]


@pytest.mark.parametrize(("wanted", "told"), [(("forward",), 1), (("backward",), 1), (("forward", "backward"), 2)])
def test_only_the_wanted_directions_are_told(wanted: tuple[str, ...], told: int) -> None:
    assert len(_walk(_line(directions=wanted), [OUT, IN, OUT])) == told


def test_a_line_sleeps_and_keeps_quiet() -> None:
    assert _walk(_line(lambda _time_ns: False), [OUT, IN, OUT]) == []
    assert len(_walk(_line(cooldown_s=60.0), [OUT, IN, OUT, IN, OUT])) == 2  # one of each direction


def test_a_finding_about_a_nameless_thing_waits_and_keeps_its_time() -> None:
    track = Track.of_blob(1, Box(130, 120, 170, 200), T0)
    track.observations = 5
    rule, pending = _line(), DeferredFindings()
    for i, x in enumerate([OUT, IN, IN, IN]):
        _at(track, x)
        assert pending.release(rule.judge([track], T0 + i * LOOK_NS), [track]) == []
    track.add_class_votes([(0, 0.5)])
    (told,) = pending.release([], [track])
    assert (told.time_ns, told.data.object) == (T0 + LOOK_NS, "person")
    assert pending.release([], [track]) == []


@pytest.mark.parametrize(
    ("unseen", "still", "missed", "shown"),
    [
        (False, False, False, True),
        (True, False, False, False),
        (True, True, False, True),
        (True, True, True, False),  # it left, and is not forgotten yet
    ],
)
def test_a_finding_keeps_where_its_track_was_seen(unseen: bool, still: bool, missed: bool, shown: bool) -> None:
    track = _track(OUT)
    ((_, data),) = _walk(_line(), [OUT, IN], track)
    if still:
        track.still_since_ns = T0
    if unseen:
        track.predict(0.2)
    if missed:
        track.missed_ns = T0
    there = track.box
    (told,) = DeferredFindings().release([Finding(data, track, ("person",), T0)], [track])  # type: ignore[arg-type]
    track.add_detection(moved_by(there, 200), 0.9, 0, T0 + LOOK_NS)
    assert told.outline == (there if shown else None)


@pytest.mark.parametrize("alive", [True, False])
def test_a_finding_about_a_thing_of_another_class_or_that_ended_nameless_is_dropped(alive: bool) -> None:
    track = Track.of_blob(1, Box(130, 120, 170, 200), T0)
    pending = DeferredFindings()
    ((_, data),) = _walk(_line(), [OUT, IN], track)
    finding = Finding(data, track, ("person",), T0)  # type: ignore[arg-type]
    assert pending.release([finding], [track]) == []
    if alive:
        track.add_class_votes([(2, 0.9)])
    assert pending.release([], [track] if alive else []) == []
    assert pending.release([], [track]) == []


@pytest.mark.parametrize("name", RULES)
def test_every_rule_of_the_table_keeps_its_promises(name: str) -> None:
    """Silent on nothing, on tracks of other classes, and when asleep; never twice for one who stands still."""
    makers: dict[str, Callable[[Callable[[int], bool]], ZoneRule | LineRule]] = {"zones": _zone, "lines": _line}
    make = makers[name]
    assert type(make(_open)) is RULES[name]
    assert make(_open).judge([], T0) == []
    assert _walk(make(lambda _t: False), [OUT, IN, IN, IN]) == []
    assert _walk(make(_open), [OUT, IN, IN, IN], _track(OUT, kind=2)) == []
    assert len(_walk(make(_open), [OUT, OUT] + [IN] * 200)) == 1
    assert concerns(_track(OUT), ("person",))


def test_standing_in_a_zone_alerts_once_through_the_whole_pipeline() -> None:
    """A block walks in and stays for 30 s; the detector blinks now and then."""
    zone = ZoneSettings("z", ((0.3, 0.05), (0.95, 0.05), (0.95, 0.98), (0.3, 0.98)))
    way = [Box(20 + 18 * i, 120, 60 + 18 * i, 240) for i in range(20)]
    boxes: list[Box | None] = [None] * 5 + [*way] + [way[-1]] * 150
    found = watch(pipeline(zone), scenery(), boxes)
    assert [KIND_OF[type(finding.data)] for finding in found] == ["zone.entered"]


def test_a_tracker_feeds_the_rules_with_confirmed_tracks_only() -> None:
    tracker = Tracker(SIZE)
    assert tracker.update(look(0, detections((Box(0, 0, 40, 80), 0.9, "person")))) == ()
    assert len(tracker.update(look(1, detections((Box(0, 0, 40, 80), 0.9, "person"))))) == 1
