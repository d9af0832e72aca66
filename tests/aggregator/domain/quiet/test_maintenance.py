from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quiet_kit import AREAS, DAY_NS, HOUR_NS, MINUTE_NS, NOW_NS, UNIVERSE, FakeAlert, window

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.quiet.maintenance import Weekly, Window, check, covers, end, find, lies_within, occurrence
from common.clock import SECOND_NS
from common.errors import QuietError

NEW_YORK, SHANGHAI = ZoneInfo("America/New_York"), ZoneInfo("Asia/Shanghai")


def utc_ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND_NS


def nightly(at: str, minutes: int, days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7), **changed: Any) -> Window:
    year = {"from_ns": utc_ns("2026-01-01T00:00Z"), "until_ns": utc_ns("2026-12-31T00:00Z")}
    return window(weekly=Weekly(days=days, at=at, minutes=minutes), **year | changed)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"site": "vilage"}, "site: is not known here"),
        ({"devices": ()}, "devices: name at least one device, or an area"),
        ({"devices": ("a b",)}, "devices: must be 1 to 64 of letters"),
        ({"devices": tuple(f"cam-{n}" for n in range(101))}, "devices: at most 100"),
        ({"area": "nowhere"}, "area: is not an area of this site"),
        ({"until_ns": NOW_NS}, "until: has passed"),
        ({"until_ns": NOW_NS + 7 * DAY_NS + 1}, "until: at most 7 days"),
        ({"reason": ""}, "reason: write 3 to 200"),
        ({"weekly": Weekly(days=(), at="22:00", minutes=60)}, "weekly.days: name weekdays"),
        ({"weekly": Weekly(days=(8,), at="22:00", minutes=60)}, "weekly.days: name weekdays"),
        ({"weekly": Weekly(days=(1,), at="24:00", minutes=60)}, "weekly.at: write a time such as 22:00"),
        ({"weekly": Weekly(days=(1,), at="9:00", minutes=60)}, "weekly.at: write a time such as 22:00"),
        ({"weekly": Weekly(days=(1,), at="09:00", minutes=0)}, "weekly.minutes: 1 to 1440"),
        ({"weekly": Weekly(days=(1,), at="09:00", minutes=1441)}, "weekly.minutes: 1 to 1440"),
        (
            {"weekly": Weekly(days=(1,), at="09:00", minutes=60), "until_ns": NOW_NS + 367 * DAY_NS},
            "until: at most 366 days",
        ),
    ],
)
def test_a_window_that_cannot_be_is_refused_with_the_field_and_the_fix(changed: Any, problem: str) -> None:
    with pytest.raises(QuietError) as error:
        check(window(**changed), UNIVERSE, NOW_NS)
    assert str(error.value).startswith(problem)


def test_a_window_is_kept_without_spaces_around_its_reason() -> None:
    weekly = Weekly(days=(6,), at="09:00", minutes=60)
    assert check(window(reason=" lenses "), UNIVERSE, NOW_NS).reason == "lenses"
    assert check(window(devices=(), area="gates", weekly=weekly, until_ns=NOW_NS + 366 * DAY_NS), UNIVERSE, NOW_NS)


@pytest.mark.parametrize(
    ("changed", "alert", "covered"),
    [
        ({}, FakeAlert(), True),
        ({}, FakeAlert(place="cam-2"), False),
        ({}, FakeAlert(site="estate"), False),
        ({"devices": ("box-1",)}, FakeAlert(place="cam-2"), True),
        ({"devices": (), "area": "gates"}, FakeAlert(place="cam-2"), True),
        ({"devices": (), "area": "gates"}, FakeAlert(place="door-1"), False),
        ({}, FakeAlert(severity="critical"), False),
        ({"critical": True}, FakeAlert(severity="critical"), True),
    ],
)
def test_a_window_covers_its_devices_and_its_area(changed: Any, alert: FakeAlert, covered: bool) -> None:
    assert covers(window(**changed), alert, AREAS) is covered


@pytest.mark.parametrize(
    ("at", "minutes", "zone", "moment", "span"),
    [
        ("22:00", 480, SHANGHAI, "2026-06-01T14:00Z", ("2026-06-01T14:00Z", "2026-06-01T22:00Z")),
        ("22:00", 480, SHANGHAI, "2026-06-01T21:59Z", ("2026-06-01T14:00Z", "2026-06-01T22:00Z")),
        ("22:00", 480, SHANGHAI, "2026-06-01T22:00Z", None),
        ("22:00", 480, SHANGHAI, "2026-06-01T13:59Z", None),
        # 8 March 2026: 02:00 to 03:00 does not exist in New York; RFC 5545: with the offset from before
        ("02:30", 30, NEW_YORK, "2026-03-08T07:30Z", ("2026-03-08T07:30Z", "2026-03-08T08:00Z")),
        ("02:30", 30, NEW_YORK, "2026-03-08T07:29Z", None),
        ("02:30", 30, NEW_YORK, "2026-03-09T06:30Z", ("2026-03-09T06:30Z", "2026-03-09T07:00Z")),
        # 1 November 2026: 01:00 to 02:00 exists twice in New York; the first one counts
        ("01:30", 30, NEW_YORK, "2026-11-01T05:30Z", ("2026-11-01T05:30Z", "2026-11-01T06:00Z")),
        ("01:30", 30, NEW_YORK, "2026-11-01T06:30Z", None),
        ("22:00", 480, NEW_YORK, "2026-11-01T09:59Z", ("2026-11-01T02:00Z", "2026-11-01T10:00Z")),
        ("00:00", 1440, NEW_YORK, "2026-11-02T03:59Z", ("2026-11-01T04:00Z", "2026-11-02T04:00Z")),
        ("00:00", 1440, NEW_YORK, "2026-11-02T04:30Z", None),
    ],
)
def test_a_weekly_window_is_in_the_site_s_time(
    at: str, minutes: int, zone: ZoneInfo, moment: str, span: tuple[str, str] | None
) -> None:
    found = occurrence(nightly(at, minutes), utc_ns(moment), zone)
    assert found == (None if span is None else (utc_ns(span[0]), utc_ns(span[1])))


def test_a_weekly_window_begins_on_its_days_only() -> None:
    saturdays = nightly("23:00", 120, (6,))
    late, early = utc_ns("2026-06-06T23:30+08:00"), utc_ns("2026-06-07T00:30+08:00")
    assert occurrence(saturdays, late, SHANGHAI) == occurrence(saturdays, early, SHANGHAI) is not None
    assert occurrence(saturdays, utc_ns("2026-06-07T23:30+08:00"), SHANGHAI) is None


def test_a_series_begins_and_ends() -> None:
    series = nightly("00:00", 1440, from_ns=utc_ns("2026-06-01T12:00Z"), until_ns=utc_ns("2026-06-03T12:00Z"))
    assert occurrence(series, utc_ns("2026-06-01T11:59Z"), SHANGHAI) is None
    assert occurrence(series, utc_ns("2026-06-03T12:00Z"), SHANGHAI) is None
    first = occurrence(series, utc_ns("2026-06-01T12:00Z"), SHANGHAI)
    assert first == (utc_ns("2026-06-01T12:00Z"), utc_ns("2026-06-01T16:00Z"))


def test_of_several_windows_the_one_that_ends_last_is_the_reason() -> None:
    longer = window(id="window-2", devices=(), area="gates", until_ns=NOW_NS + 3 * HOUR_NS)
    assert find([longer, window()], FakeAlert(), AREAS, NOW_NS, SHANGHAI) == (longer, longer.until_ns)
    assert find([window()], FakeAlert(), AREAS, NOW_NS + HOUR_NS, SHANGHAI) is None


def test_a_window_reaches_no_further_than_its_maker() -> None:
    one = Scope(places=frozenset({("village", "cam-1")}))
    assert lies_within(window(), UNIVERSE, one)
    assert not lies_within(window(devices=("box-1",)), UNIVERSE, one)
    assert not lies_within(window(area="gates"), UNIVERSE, one)
    assert lies_within(window(area="gates"), UNIVERSE, Scope(sites=frozenset({"village"})))


def test_a_window_is_ended_early_once() -> None:
    ended = end(window(), "wang", NOW_NS + MINUTE_NS)
    assert occurrence(ended, NOW_NS + MINUTE_NS, SHANGHAI) is None
    with pytest.raises(QuietError, match="ended already"):
        end(ended, "wang", NOW_NS + HOUR_NS)


ZONES = ("America/New_York", "Australia/Lord_Howe", "Europe/London", "Asia/Shanghai", "Asia/Kathmandu", "Pacific/Apia")


@given(
    st.sampled_from(ZONES),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sets(st.integers(1, 7), min_size=1),
    st.datetimes(datetime(2026, 1, 10), datetime(2026, 12, 20)),
)
@settings(max_examples=1000, deadline=None)
def test_every_occurrence_has_its_length_on_its_day_in_any_zone(
    name: str, at: int, minutes: int, days: set[int], moment: datetime
) -> None:
    zone = ZoneInfo(name)
    weekly = nightly(f"{at // 60:02}:{at % 60:02}", minutes, tuple(sorted(days)))
    now_ns = round(moment.replace(tzinfo=UTC).timestamp()) * SECOND_NS
    found = occurrence(weekly, now_ns, zone)
    if found is None:
        return
    assert found[0] <= now_ns < found[1]
    assert found[1] - found[0] == minutes * MINUTE_NS
    begins = datetime.fromtimestamp(found[0] // SECOND_NS, UTC).astimezone(zone)
    shift = timedelta(hours=begins.hour, minutes=begins.minute) - timedelta(minutes=at)
    assert begins.isoweekday() in days or shift < timedelta(0)
    assert shift in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
