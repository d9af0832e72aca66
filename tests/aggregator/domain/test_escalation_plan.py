"""Who is on call when, whose hours it is, which steps there are, and whom they notify."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.escalation.calendar import is_open
from aggregator.domain.escalation.plan import Surroundings, chain_of, recipients, steps
from aggregator.domain.escalation.rota import on_call
from aggregator.services.monitoring import holiday_calendar
from aggregator.settings.escalation import Calendar, Chain, Escalation, Level, Override, Rota
from common.clock import SECOND_NS

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
HOUR_NS, WEEK_NS = 3600 * SECOND_NS, 7 * 86_400 * SECOND_NS


def at(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 time."""
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * SECOND_NS


NIGHT = Rota(people=("li", "wang", "zhao"), start="2026-03-16T08:00")


@pytest.mark.parametrize(
    ("moment", "user"),
    [
        ("2026-03-16T08:00:00+01:00", "li"),
        ("2026-03-16T07:59:59+01:00", "zhao"),
        ("2026-03-23T07:59:59+01:00", "li"),
        ("2026-03-23T08:00:00+01:00", "wang"),
        ("2026-03-30T07:59:59+02:00", "wang"),  # summer time began on the 29th: still 08:00 local time
        ("2026-03-30T08:00:00+02:00", "zhao"),
        ("2026-04-06T08:00:00+02:00", "li"),
        ("2026-10-26T08:00:00+01:00", "zhao"),  # winter time began on the 25th
        ("2026-10-26T07:59:59+01:00", "wang"),
        ("2020-01-01T00:00:00+01:00", "li"),  # before the start, the turns go back
    ],
)
def test_hand_overs_are_at_the_same_local_time(moment: str, user: str) -> None:
    assert on_call(NIGHT, at(moment), BERLIN) == user


@pytest.mark.parametrize(
    ("start", "before", "after"),
    [
        # 02:30 occurs twice: the first time counts, and the second changes nothing back
        ("2026-10-18T02:30", "2026-10-25T00:29:59+00:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-18T02:30", "2026-10-25T00:29:59+00:00", "2026-10-25T01:15:00+00:00"),
        # 02:30 does not occur: the hand-over is when the clock has jumped over it
        ("2026-03-22T02:30", "2026-03-29T00:59:59+00:00", "2026-03-29T01:30:00+00:00"),
    ],
)
def test_an_hour_that_occurs_twice_or_not_at_all(start: str, before: str, after: str) -> None:
    rota = Rota(people=("li", "wang"), start=start)
    assert (on_call(rota, at(before), BERLIN), on_call(rota, at(after), BERLIN)) == ("li", "wang")


@given(st.integers(0, 400 * 24), st.integers(1, 8), st.integers(1, 5))
def test_somebody_is_on_call_at_every_hour_and_each_turn_has_its_length(hour: int, weeks: int, people: int) -> None:
    names = tuple(f"u{it}" for it in range(people))
    rota = Rota(people=names, start="2026-01-05T02:30", weeks=weeks)
    now_ns = at("2026-01-01T00:00:00+00:00") + hour * HOUR_NS
    user = on_call(rota, now_ns, BERLIN)
    later = on_call(rota, now_ns + weeks * WEEK_NS + 2 * HOUR_NS, BERLIN)
    same = on_call(rota, now_ns + weeks * WEEK_NS - 2 * HOUR_NS, BERLIN)
    following = names[(names.index(user) + 1) % people]
    assert user in names
    assert following in (later, same)


def test_an_override_counts_in_local_time_and_ends() -> None:
    swap = Override(user="sun", start="2026-03-17T20:00", end="2026-03-18T08:00")
    rota = Rota(people=("li", "wang"), start="2026-03-16T08:00", overrides=(swap,), timezone="Asia/Shanghai")
    moments = ("19:59:59", "20:00:00")
    assert [on_call(rota, at(f"2026-03-17T{it}+08:00"), BERLIN) for it in moments] == ["li", "sun"]
    assert on_call(rota, at("2026-03-18T08:00:00+08:00"), BERLIN) == "li"


OFFICE = Calendar(
    hours={"mon": ("08:00-12:00", "13:00-17:00"), "thu": ("08:00-24:00",)},
    holidays="CN", closed=("2026-11-30",), workdays=("2026-10-10",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("local", "is_working"),
    [
        ("2026-11-23T08:00:00", True), ("2026-11-23T07:59:59", False), ("2026-11-23T12:00:00", False),
        ("2026-11-23T16:59:59", True), ("2026-11-24T10:00:00", False), ("2026-11-26T23:59:59", True),
        ("2026-11-27T00:00:00", False), ("2026-10-01T09:00:00", False), ("2026-11-30T09:00:00", False),
        ("2026-10-10T09:00:00", True), ("2026-10-10T18:00:00", False),
    ],
)  # fmt: skip
def test_working_hours_in_local_time_with_holidays_and_workdays(local: str, is_working: bool) -> None:
    assert is_open(OFFICE, at(f"{local}+08:00"), SHANGHAI, holiday_calendar.is_holiday) is is_working


def test_holidays_of_a_country_that_is_not_known() -> None:
    assert holiday_calendar.is_known("CN")
    assert not holiday_calendar.is_known("QQ")
    assert not holiday_calendar.is_holiday("QQ", date(2026, 10, 1))


def whole() -> Escalation:
    return Escalation(
        chains={
            "village": Chain(areas=("gates",), levels=(Level(notify=("user:li",), name="village"),), then="town"),
            "town": Chain(levels=(Level(notify=("rota:night",), minutes={"critical": 2}, name="town"),), then="city"),
            "city": Chain(levels=(Level(notify=("user:mayor",), name="city", minutes={"critical": 1}),), repeat=2),
            "rest": Chain(areas=("*",), levels=(Level(notify=("supervisors",)),)),
        },
        rotas={"night": NIGHT},
        calendars={"office": OFFICE},
    )


def test_a_chain_goes_on_in_those_that_follow_and_repeats_the_last_level() -> None:
    config = whole()
    found = steps(config, config.chains["village"], "critical")
    assert [it.level.name for it in found] == ["village", "town", "city", "city", "city"]
    assert [it.wait_ns // SECOND_NS for it in found] == [300, 120, 60, 60, 60]
    assert [it.number for it in found] == [0, 1, 2, 3, 4]
    assert [it.level.name for it in steps(config, config.chains["village"], "medium")] == ["village"] * 3
    assert steps(config, config.chains["village"], "low") == []


@pytest.mark.parametrize(("areas", "first"), [(["gates", "halls"], "village"), (["halls"], ""), ([], "")])
def test_an_area_s_own_chain_comes_before_that_of_the_site(areas: list[str], first: str) -> None:
    chain = chain_of(whole(), areas)
    assert chain is not None
    assert chain.levels[0].name == first
    assert chain_of(Escalation(), areas) is None


def around(*known: str) -> Surroundings:
    return Surroundings(BERLIN, holiday_calendar.is_holiday, lambda user: user in known, ("boss",))


MONDAY = at("2026-11-23T09:00:00+01:00")


@pytest.mark.parametrize(
    ("level", "known", "users", "fallback"),
    [
        (Level(notify=("user:li", "user:wang", "user:li")), ("li", "wang"), ("li", "wang"), False),
        (Level(notify=("user:gone",)), (), ("boss",), True),
        (Level(notify=("user:gone", "user:li")), ("li",), ("li",), False),
        (Level(notify=("supervisors",)), ("boss",), ("boss",), False),
        (Level(notify=("rota:night",)), ("li", "wang", "zhao"), ("li",), False),
        (Level(notify=("rota:night",)), (), ("boss",), True),
        (Level(notify=("user:li",), calendar="office", outside=("user:wang",)), ("li", "wang"), ("wang",), False),
    ],
)
def test_whom_a_level_notifies(level: Level, known: tuple[str, ...], users: tuple[str, ...], fallback: bool) -> None:
    sunday = MONDAY - 86_400 * SECOND_NS
    found = recipients(whole(), level, MONDAY if not level.calendar else sunday, around(*known))
    assert (found.users, found.fallback, found.skipped) == (users, fallback, False)


def test_a_level_without_people_outside_of_its_hours_is_skipped() -> None:
    found = recipients(
        whole(), Level(notify=("user:li",), calendar="office"), MONDAY - 86_400 * SECOND_NS, around("li")
    )
    assert (found.users, found.skipped) == ((), True)
