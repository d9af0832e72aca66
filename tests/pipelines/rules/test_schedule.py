"""Schedules in the site's local time, over midnight and over both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from common.clock import SECOND_NS
from pipelines.rules.schedule import Schedule
from pipelines.settings import Window

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
NIGHT = Window("22:00", "06:00")
DAY = Window("08:30", "17:00", days=("mon", "tue", "wed", "thu", "fri"))
FRIDAY_NIGHT = Window("22:00", "06:00", days=("fri",))
SMALL_HOURS = Window("02:00", "03:00")


def _ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("windows", "zone", "utc", "is_open"),
    [
        ((), BERLIN, "2026-11-23T03:00:00", True),
        ((DAY,), SHANGHAI, "2026-11-23T00:29:59", False),  # Monday 08:29:59
        ((DAY,), SHANGHAI, "2026-11-23T00:30:00", True),
        ((DAY,), SHANGHAI, "2026-11-23T08:59:59", True),
        ((DAY,), SHANGHAI, "2026-11-23T09:00:00", False),
        ((DAY,), SHANGHAI, "2026-11-22T02:00:00", False),  # Sunday
        ((DAY,), SHANGHAI, "2026-11-22T23:00:00", False),  # Monday 07:00 there, still Sunday in UTC
        ((NIGHT,), BERLIN, "2026-11-23T20:59:00", False),
        ((NIGHT,), BERLIN, "2026-11-23T21:00:00", True),
        ((NIGHT,), BERLIN, "2026-11-24T04:59:00", True),
        ((NIGHT,), BERLIN, "2026-11-24T05:00:00", False),
        ((FRIDAY_NIGHT,), BERLIN, "2026-11-28T03:00:00", True),  # Saturday's small hours belong to Friday
        ((FRIDAY_NIGHT,), BERLIN, "2026-11-27T03:00:00", False),  # Friday's belong to Thursday
        ((FRIDAY_NIGHT,), BERLIN, "2026-11-28T22:00:00", False),
        # 29 March 2026: 02:00 becomes 03:00 in Berlin at 01:00 UTC
        ((SMALL_HOURS,), BERLIN, "2026-03-29T00:59:59", False),
        ((SMALL_HOURS,), BERLIN, "2026-03-29T01:00:00", False),  # the hour does not exist
        ((NIGHT,), BERLIN, "2026-03-29T03:59:00", True),
        ((NIGHT,), BERLIN, "2026-03-29T04:00:00", False),  # 06:00 came an hour sooner in UTC
        # 25 October 2026: 03:00 becomes 02:00 in Berlin at 01:00 UTC
        ((SMALL_HOURS,), BERLIN, "2026-10-25T00:30:00", True),
        ((SMALL_HOURS,), BERLIN, "2026-10-25T01:30:00", True),  # the hour comes twice
        ((SMALL_HOURS,), BERLIN, "2026-10-25T02:00:00", False),
        ((NIGHT,), BERLIN, "2026-10-25T04:59:00", True),
        ((DAY, NIGHT), BERLIN, "2026-11-23T22:00:00", True),  # any of them
    ],
)
def test_a_schedule_is_local_time(windows: tuple[Window, ...], zone: ZoneInfo, utc: str, is_open: bool) -> None:
    assert Schedule(windows, zone).open_at(_ns(utc)) is is_open


def test_a_window_that_starts_when_it_ends_lasts_all_day() -> None:
    day = Schedule((Window("00:00", "00:00", days=("mon",)),), BERLIN)
    assert day.open_at(_ns("2026-11-23T12:00:00"))
    assert not day.open_at(_ns("2026-11-24T12:00:00"))
