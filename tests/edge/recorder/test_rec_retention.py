from __future__ import annotations

import random

import pytest
from rec_kit import RATE, Store

from common.clock import SECOND_NS
from common.errors import FootageBroken, FootageError, FootageRefused
from edge.recorder.box_events import BoxEvents
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.index import DayUse
from edge.recorder.retention import retention
from edge.recorder.retention.legal_holds import Hold, Holds, validated
from edge.recorder.retention.retention import (
    Policy,
    Space,
    TrustedClock,
    camera_to_stop,
    forecast,
    plan,
    update_trusted_clock,
)
from edge.recorder.retention.retention_worker import RetainedFootage, RetentionRules, RetentionWorker, measured_rates
from edge.recorder.segments.segment import DAY_NS, SegmentReader
from protocol.event_types import DiskFull, FootageAtRisk, FootageErased, FootageHeld

HOUR_NS = 3600 * SECOND_NS


def use(camera: str = "a", day: int = 0, size: int = 100) -> DayUse:
    return DayUse(camera, day, size, 1, day * DAY_NS, (day + 1) * DAY_NS)


def hold(**changes: object) -> Hold:
    told: dict[str, object] = {"id": "h1", "camera": "a", "from_ns": 5, "to_ns": DAY_NS // 2, "owner": "chief"}
    told |= {"reason": "theft of a bicycle", "case": "2026-17", "made_ns": 10, "end_ns": 200 * DAY_NS}
    return Hold(**(told | changes))  # type: ignore[arg-type]


ROOM, NO_ROOM = Space(1000, 10), Space(0, 10)
LONG = {"a": Policy(30, 60), "b": Policy(30, 60)}


@pytest.mark.parametrize(
    ("age", "space", "policies", "holds", "erased", "short"),
    [
        (29.9, ROOM, {}, [], False, False),
        (30, ROOM, {}, [], True, False),
        (30, ROOM, {"a": Policy(30, 60)}, [], False, False),
        (60, ROOM, {"a": Policy(30, 60)}, [], True, False),
        (30, NO_ROOM, LONG, [], True, False),
        (29.9, NO_ROOM, LONG, [], False, True),
        (30, NO_ROOM, LONG, [hold()], False, True),
        (30, NO_ROOM, LONG, [hold(end_ns=5 * DAY_NS)], True, False),
        (30, NO_ROOM, LONG, [hold(camera="b")], True, False),
    ],
)
def test_what_goes(  # noqa: PLR0917
    age: float, space: Space, policies: dict[str, Policy], holds: list[Hold], erased: bool, short: bool
) -> None:
    made = plan([use()], policies, holds, space, round((age + 1) * DAY_NS))
    assert ([it.is_whole_day for it in made.erase] == [True]) == erased
    assert made.short == short


def test_a_held_day_past_its_ceiling_goes_but_for_what_is_held() -> None:
    (erasure,) = plan([use()], {}, [hold()], ROOM, 40 * DAY_NS).erase
    assert not erasure.is_whole_day


def test_for_want_of_space_the_oldest_go_first_and_no_more_than_needed() -> None:
    days = [use("a", 3), use("a", 1), use("b", 2)]
    made = plan(days, LONG, [], Space(0, 150), 40 * DAY_NS)
    assert [(it.use.camera, it.use.day) for it in made.erase] == [("a", 1), ("b", 2)]


def test_the_newest_camera_of_the_lowest_priority_stops() -> None:
    policies = {"a": Policy(priority=1), "b": Policy(order=1), "c": Policy(order=2), "d": Policy(priority=2, order=3)}
    order = []
    running = list(policies)
    while camera := camera_to_stop(running, policies):
        order.append(camera)
        running.remove(camera)
    assert order == ["c", "b", "a", "d"]


def test_the_forecast_says_when_how_much_and_what_would_help() -> None:
    days = [use("a", day) for day in range(10)]
    now_ns = 10 * DAY_NS
    assert forecast(days, {"a": 100}, {}, Space(10_000, 10), now_ns).days is None
    told = forecast(days, {"a": 100}, {}, Space(510, 10), now_ns)
    assert told.days == pytest.approx(5)
    assert told.missing_bytes == 1600
    assert told.floor_days == 14
    assert forecast([], {}, {}, Space(10, 0), 0).days is None


def test_a_clock_in_another_year_is_believed_only_when_it_stays() -> None:
    trust = update_trusted_clock(TrustedClock(0, 0), 10 * SECOND_NS, 10 * SECOND_NS)
    assert trust.wall_ns == 10 * SECOND_NS
    year = 365 * DAY_NS
    trust = update_trusted_clock(trust, year, 20 * SECOND_NS)
    assert trust.wall_ns == 20 * SECOND_NS
    trust = update_trusted_clock(trust, year + HOUR_NS // 2, 20 * SECOND_NS + HOUR_NS // 2)
    assert trust.wall_ns < DAY_NS
    assert update_trusted_clock(trust, 30 * SECOND_NS + HOUR_NS // 2, 30 * SECOND_NS + HOUR_NS // 2).since_ns is None
    trust = update_trusted_clock(trust, year + HOUR_NS, 20 * SECOND_NS + HOUR_NS)
    assert trust.wall_ns == year + HOUR_NS
    assert update_trusted_clock(trust, year - DAY_NS, 30 * SECOND_NS + HOUR_NS).wall_ns == year - DAY_NS


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"owner": " "}, "--owner"),
        ({"reason": ""}, "--reason"),
        ({"case": ""}, "--case"),
        ({"to_ns": 5}, "--to"),
        ({"end_ns": 10}, "in the past"),
        ({"end_ns": 400 * DAY_NS}, "more than a year"),
    ],
)
def test_a_hold_that_cannot_be_names_what_is_wrong(changes: dict[str, object], named: str) -> None:
    assert validated(hold()) == hold()
    with pytest.raises(FootageError, match=named):
        validated(hold(**changes))


class Kept:
    """Two cameras with footage on two days, and the sweeper."""

    def __init__(self, policies: dict[str, Policy] | None = None) -> None:
        self.disk = FakeDisk(random.Random(1))
        self.store = Store(self.disk)
        self.store.record(130)
        self.store.record(10, "cam-2")
        self.store.clock.advance(86_400)
        self.store.record(10)
        self.store.writer.close()
        self.holds = Holds(self.disk)
        self.policies = policies if policies is not None else {"cam-1": Policy(), "cam-2": Policy(order=1)}
        self.sweeper = self.sweep_with(1000)

    def sweep_with(self, reserve: int) -> RetentionWorker:
        store = self.store
        return RetentionWorker(
            RetainedFootage(self.disk, store.keys, store.index, self.holds),
            store.writer,
            RetentionRules(self.policies, reserve),
            store.clock,
            BoxEvents("box", store.sent.append),
        )

    def days_on(self, days: float) -> None:
        for _ in range(round(days * 4)):  # the sweeper looks now and then, or it would not believe the clock
            self.store.clock.advance(86_400 / 4)
            self.sweeper.check()

    def hold(self, from_ns: int, to_ns: int, until_days: float) -> Hold:
        now = self.store.clock.now_ns
        made = hold(camera="cam-1", from_ns=from_ns, to_ns=to_ns, made_ns=now, end_ns=now + round(until_days * DAY_NS))
        self.holds.place(made)
        return made


def test_footage_goes_after_its_ceiling_and_not_before_its_floor() -> None:
    kept = Kept()
    first = kept.store.rows()[0]
    kept.days_on(29)
    assert len(kept.store.rows()) == 4
    kept.days_on(1)
    assert len(kept.store.rows()) == 1
    assert kept.store.rows("cam-2") == []
    with pytest.raises(FootageBroken):
        SegmentReader(kept.disk, first.path, kept.store.keys.find)
    kept.days_on(2)
    assert kept.disk.walk("footage") == kept.disk.walk("keys") == []
    assert len(kept.store.index.erased()) == 3
    assert sum(isinstance(draft.data, FootageErased) for draft in kept.store.sent) == 3


def test_the_key_goes_before_the_first_file() -> None:
    kept = Kept()
    order: list[str] = []
    unlink = kept.disk.unlink

    def noted(path: str) -> None:
        order.append(path.split("/", maxsplit=1)[0])
        unlink(path)

    kept.disk.unlink = noted  # type: ignore[method-assign]
    kept.days_on(40)
    assert order[0] == "keys"
    assert set(order) == {"keys", "footage"}


def test_a_hold_keeps_its_segments_and_they_go_when_it_ends() -> None:
    kept = Kept()
    first, second, *_ = kept.store.rows()
    placed = kept.hold(first.start_ns, first.end_ns - SECOND_NS, 60)
    kept.days_on(40)
    assert kept.store.rows() == [first]
    assert kept.store.frames(first) == 60 * RATE
    assert kept.disk.size(second.path) is None
    held = [draft.data for draft in kept.store.sent if isinstance(draft.data, FootageHeld)]
    assert [data.cause for data in held] == ["2026-17: theft of a bicycle"]
    kept.days_on(25)
    assert kept.store.rows() == []
    assert kept.holds.all() == ([], [])
    assert placed.end_ns < kept.store.clock.now_ns


def test_a_damaged_hold_file_is_named_and_the_others_hold() -> None:
    kept = Kept()
    first = kept.store.rows()[0]
    kept.hold(first.start_ns, first.end_ns - SECOND_NS, 60)
    kept.disk.create("holds/bad.json").write(b"{")
    assert kept.holds.all()[1] == ["holds/bad.json"]
    kept.days_on(40)
    assert len(kept.store.rows()) == 1


def test_a_full_disk_stops_the_newest_lowest_camera_within_a_minute_and_erases_nothing() -> None:
    kept = Kept()
    kept.disk.capacity = kept.disk.used + 500
    before = kept.store.index.days()
    kept.store.sent.clear()
    for _ in range(3):
        kept.store.clock.advance(10)
        kept.sweeper.check()
    assert kept.store.writer.stopped == {"cam-2"}
    assert sum(isinstance(draft.data, DiskFull) for draft in kept.store.sent) == 1
    assert "cam-2" in str([draft.data for draft in kept.store.sent if isinstance(draft.data, DiskFull)])
    kept.disk.capacity -= 1
    kept.store.clock.advance(10)
    kept.sweeper.check()
    assert kept.store.writer.stopped == {"cam-1", "cam-2"}
    assert kept.store.index.days() == before
    kept.disk.capacity = 1 << 40
    kept.store.clock.advance(700)
    kept.sweeper.check()
    assert kept.store.writer.stopped == {"cam-2"}
    kept.store.record(5, "cam-2", session=3)
    assert len(kept.store.rows("cam-2")) == 1


def test_people_are_told_days_ahead_and_once_a_day() -> None:
    kept = Kept()
    rate = sum(measured_rates(kept.store.index.days(), kept.store.clock.now_ns).values())
    kept.disk.capacity = kept.disk.used + round(3 * rate)
    kept.store.clock.advance(700)
    kept.sweeper.check()
    kept.store.clock.advance(700)
    kept.sweeper.check()
    (told,) = [draft.data for draft in kept.store.sent if isinstance(draft.data, FootageAtRisk)]
    assert told.cause is not None
    assert "full in 3.0 days" in told.cause
    assert "floor of" in told.cause


def test_erasing_by_hand_is_refused_inside_the_floor_and_under_a_hold() -> None:
    kept = Kept({"cam-1": Policy(2, 90), "cam-2": Policy(2, 90)})
    day = kept.store.rows()[0].day
    with pytest.raises(FootageRefused, match="inside its floor of 2 days"):
        kept.sweeper.erase("cam-1", day, "asked")
    kept.days_on(5)
    first = kept.store.rows()[0]
    kept.hold(first.start_ns, first.end_ns, 5)
    with pytest.raises(FootageRefused, match="hold"):
        kept.sweeper.erase("cam-1", day, "asked")
    with pytest.raises(FootageError, match="no footage of that day"):
        kept.sweeper.erase("cam-1", 5, "asked")
    assert kept.sweeper.erase("cam-2", day, "asked").segments == 1
    assert kept.store.rows("cam-2") == []


def test_a_clock_that_jumps_a_year_for_half_an_hour_erases_nothing() -> None:
    kept = Kept()
    kept.sweeper.check()
    kept.store.clock.step_wall(365 * 86_400)
    for _ in range(100):
        kept.store.clock.advance(18)
        kept.sweeper.check()
    kept.store.clock.step_wall(-365 * 86_400)
    kept.days_on(1)
    assert len(kept.store.rows()) == 4


def test_age_is_counted_from_the_end_of_the_day() -> None:
    assert retention.age_days(10, 41 * DAY_NS) == 30
