"""Whether an instant lies within a calendar's working hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeAlias
from zoneinfo import ZoneInfo

from aggregator.settings.escalation import WEEKDAYS, Calendar
from common.clock import local_time

Holidays: TypeAlias = Callable[[str, date], bool]
"""(country or country-subdivision, day) → whether it is a public holiday."""


def is_open(calendar: Calendar, at_ns: int, site_zone: ZoneInfo, holidays: Holidays) -> bool:
    """Whether an instant is within the working hours.

    Args:
        calendar: The calendar.
        at_ns: The instant, UTC nanoseconds.
        site_zone: Where the calendar names no zone of its own.
        holidays: Public holidays.
    """
    zone = ZoneInfo(calendar.timezone) if calendar.timezone else site_zone
    local = local_time(at_ns, zone)
    clock = f"{local:%H:%M}"
    return any(start <= clock < end for start, end in _spans(calendar, local.date(), holidays))


def _spans(calendar: Calendar, day: date, holidays: Holidays) -> list[tuple[str, str]]:
    weekday = WEEKDAYS[day.weekday()]
    text = day.isoformat()
    if text in calendar.workdays:
        weekday = "mon"
    elif text in calendar.closed or (calendar.holidays and holidays(calendar.holidays, day)):
        return []
    return [(span[:5], span[6:]) for span in calendar.hours.get(weekday, ())]
