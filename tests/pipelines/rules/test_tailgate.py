from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import SECOND_NS
from pipelines.rules.tailgate import LAG_S, Closed, Crossing, Grant, Move, Opened, PassageSettings, Tailgate

START_NS = 1_795_000_000 * SECOND_NS
PASSAGE = PassageSettings(line="doorway", grant_s=10.0, tolerance_s=1.0, late_s=2.0)
TENTH = SECOND_NS // 10


def ns(seconds: float) -> int:
    return START_NS + round(seconds * SECOND_NS)


def judged(moves: list[Move], until_s: float = 100.0) -> list[tuple[int, int]]:
    """(granted, crossed) of everything that is told, when all has come."""
    rule = Tailgate("lobby", PASSAGE)
    for move in moves:
        rule.add(move)
    return [(data.granted, data.crossed) for data, _ in rule.judge(ns(until_s))]


def story(grants: list[float], opened: float, crossings: list[float], closed: float) -> list[Move]:
    through = [Crossing(ns(t), track) for track, t in enumerate(crossings)]
    moves: list[Move] = [Grant(ns(t)) for t in grants]
    return [*moves, Opened(ns(opened)), *through, Closed(ns(closed))]


def test_one_grant_one_person() -> None:
    assert judged(story([0], 1, [2], 5)) == []


def test_two_people_on_one_grant() -> None:
    assert judged(story([0], 1, [2, 3], 5)) == [(1, 2)]


def test_two_people_on_two_grants_before_the_opening() -> None:
    assert judged(story([-1, 0], 1, [2, 3], 5)) == []


def test_a_second_grant_while_the_door_is_open() -> None:
    assert judged(story([0, 2.5], 1, [2, 3], 5)) == []


def test_a_grant_long_after_the_crossing_does_not_cover_it_and_one_just_after_does() -> None:
    assert judged(story([0, 4.5], 1, [2, 3], 6)) == [(1, 2)]
    assert judged(story([0, 3.9], 1, [2, 3], 6)) == []


def test_a_grant_that_was_not_used_expires() -> None:
    assert judged(story([-30, 0], 1, [2, 3], 5)) == [(1, 2)]


def test_a_grant_lives_as_long_as_the_opening_it_was_given_for() -> None:
    assert judged(story([0], 5, [60], 70)) == []


def test_a_slip_in_while_somebody_leaves_by_the_button() -> None:
    assert judged(story([], 1, [2], 5)) == [(0, 1)]


def test_a_door_that_is_unlocked_for_everybody_is_not_counted() -> None:
    crowd: list[Move] = [Crossing(ns(2), track) for track in range(9)]
    assert judged([Opened(ns(1), free=True), *crowd, Closed(ns(9))]) == []


def test_the_same_track_counts_once_an_opening() -> None:
    again: list[Move] = [Grant(ns(0)), Opened(ns(1)), Crossing(ns(2), 7), Crossing(ns(3), 7), Closed(ns(5))]
    assert judged(again) == []


def test_people_who_pass_by_a_closed_door_are_not_counted() -> None:
    passing: list[Move] = [Crossing(ns(0.5), 1), Crossing(ns(7), 3)]
    assert judged([*passing, *story([0.8], 1, [2], 5)]) == []


def test_nothing_is_said_before_a_late_grant_could_have_come_and_once_only() -> None:
    rule = Tailgate("lobby", PASSAGE)
    for move in story([0], 1, [2, 3], 5):
        rule.add(move)
    assert rule.judge(ns(5.9)) == []
    assert rule.due_ns() == ns(6)
    ((data, time_ns),) = rule.judge(ns(6))
    assert (data.door, data.granted, data.crossed, time_ns) == ("lobby", 1, 2, ns(3))
    assert rule.due_ns() is None
    assert rule.judge(ns(7)) == []


def test_a_grant_that_comes_late_but_within_the_window_raises_nothing() -> None:
    rule = Tailgate("lobby", PASSAGE)
    *rest, closed = story([0], 1, [2, 3], 9)
    for move in rest:
        rule.add(move)
    assert rule.judge(ns(5.9)) == []
    rule.add(Grant(ns(2.5)))
    rule.add(closed)
    assert rule.judge(ns(100)) == []


def test_more_people_afterwards_are_told_with_the_new_count() -> None:
    rule = Tailgate("lobby", PASSAGE)
    for move in story([0], 1, [2, 3, 8], 12)[:-1]:
        rule.add(move)
    assert [data.crossed for data, _ in rule.judge(ns(6))] == [2]
    assert [data.crossed for data, _ in rule.judge(ns(11))] == [3]


def test_what_is_over_is_forgotten_and_what_a_long_opening_needs_is_not() -> None:
    rule = Tailgate("lobby", PASSAGE)
    for hour in range(50):
        for move in story([0], 1, [2], 5):
            rule.add(type(move)(*(v + hour * 3600 * SECOND_NS if k == "time_ns" else v for k, v in vars(move).items())))
        rule.judge(ns(hour * 3600 + 1800))
    assert len(rule._grants) + len(rule._opened) + len(rule._closed) + len(rule._crossings) <= 4
    rule = Tailgate("lobby", PASSAGE)
    for move in story([0], 5, [6, 400], 900)[:-1]:
        rule.add(move)
        rule.judge(ns(300))
    assert [data.crossed for data, _ in rule.judge(ns(410))] == [2]


def covers(grant: int, crossing: int, openings: list[tuple[int, int]]) -> bool:
    """By the words of docs/features/doors.md, not by the code."""
    if crossing < grant - 10 * TENTH:
        return False
    if crossing <= grant + 100 * TENTH:
        return True
    fitting = [(a, b) for a, b in openings if b >= grant and a <= grant + 100 * TENTH]
    return bool(fitting) and crossing <= fitting[0][1] + round(LAG_S * SECOND_NS)


def best(grants: list[int], crossings: list[int], openings: list[tuple[int, int]]) -> int:
    """The most crossings that grants can cover, each grant once: every way is tried."""
    if not crossings:
        return 0
    first, rest = crossings[0], crossings[1:]
    found = best(grants, rest, openings)
    for i, grant in enumerate(grants):
        if covers(grant, first, openings):
            found = max(found, 1 + best(grants[:i] + grants[i + 1 :], rest, openings))
    return found


@st.composite
def evenings(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]], list[int]]:
    """Grants, openings and crossings, in tenths of seconds."""
    edges = sorted(draw(st.lists(st.integers(0, 600), min_size=2, max_size=6, unique=True)))
    openings = list(zip(edges[::2], edges[1::2], strict=False))
    grants = sorted(draw(st.lists(st.integers(0, 600), max_size=4)))
    crossings = sorted(draw(st.lists(st.integers(0, 620), max_size=4, unique=True)))
    return grants, openings, crossings


@settings(deadline=None, max_examples=200)
@given(evenings(), st.randoms(use_true_random=False))
def test_it_counts_what_trying_every_way_counts(
    evening: tuple[list[int], list[tuple[int, int]], list[int]], chance: random.Random
) -> None:
    """And in whatever order it came."""
    grants, openings, crossings = ([START_NS + t * TENTH for t in evening[0]],
                                   [(START_NS + a * TENTH, START_NS + b * TENTH) for a, b in evening[1]],
                                   [START_NS + t * TENTH for t in evening[2]])  # fmt: skip
    moves: list[Move] = [Grant(t) for t in grants]
    moves += [Opened(a) for a, _ in openings] + [Closed(b) for _, b in openings]
    moves += [Crossing(t, track) for track, t in enumerate(crossings)]
    chance.shuffle(moves)
    lag_ns = round(LAG_S * SECOND_NS)
    inside = [t for t in crossings if any(a <= t <= b + lag_ns for a, b in openings)]
    rule = Tailgate("lobby", PASSAGE)
    for move in moves:
        rule.add(move)
    told = rule.judge(ns(100))
    uncovered = sum(data.crossed - data.granted for data, _ in told)
    assert uncovered == len(inside) - best(grants, inside, openings)


@settings(deadline=None, max_examples=100)
@given(evenings(), st.lists(st.integers(0, 19), min_size=20, max_size=20))
def test_what_comes_within_the_window_is_judged_as_if_it_had_come_at_once(
    evening: tuple[list[int], list[tuple[int, int]], list[int]], delays: list[int]
) -> None:
    """Judged all the time while things come up to 1.9 s late, the same openings are told as with all at hand."""
    moves: list[Move] = [Grant(START_NS + t * TENTH) for t in evening[0]]
    for a, b in evening[1]:
        moves += [Opened(START_NS + a * TENTH), Closed(START_NS + b * TENTH)]
    moves += [Crossing(START_NS + t * TENTH, track) for track, t in enumerate(evening[2])]
    arrivals = sorted(
        (move.time_ns + delay * TENTH, i) for i, (move, delay) in enumerate(zip(moves, delays, strict=False))
    )
    rule, told = Tailgate("lobby", PASSAGE), {}
    for now, i in arrivals:
        for data, time_ns in rule.judge(now):
            told[time_ns] = data.crossed - data.granted
        rule.add(moves[i])
    found = rule.judge(ns(100))
    last = max([data.crossed - data.granted for data, _ in found] + list(told.values()), default=0)
    at_once = Tailgate("lobby", PASSAGE)
    for _, i in arrivals:
        at_once.add(moves[i])
    expected = [data.crossed - data.granted for data, _ in at_once.judge(ns(100))]
    assert last == max(expected, default=0)
