"""Weekly schedules in the site's local time.

A moment is converted from UTC to local time each time it is asked about, so daylight saving needs no special case: an
hour that does not exist is never asked about, and an hour that comes twice is inside (or outside) twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from common.clock import SECOND_NS
from pipelines.settings import DAYS, Window


class Schedule:
    """Open while any of its windows is open; a schedule without windows is always open.

    Args:
        windows: Weekly windows in local time.
        zone: The site's time zone.
    """

    def __init__(self, windows: tuple[Window, ...], zone: ZoneInfo) -> None:
        self._zone = zone
        self._windows = [
            (frozenset(DAYS.index(day) for day in window.days), _time(window.from_), _time(window.to))
            for window in windows
        ]

    def open_at(self, time_ns: int) -> bool:
        """Whether the schedule is open at a moment (UTC nanoseconds)."""
        if not self._windows:
            return True
        local = datetime.fromtimestamp(time_ns // SECOND_NS, UTC).astimezone(self._zone)
        now, today = local.time(), local.weekday()
        yesterday = (local - timedelta(days=1)).weekday()
        for days, start, end in self._windows:
            if start < end:
                if today in days and start <= now < end:
                    return True
            elif (today in days and now >= start) or (yesterday in days and now < end):
                return True
        return False


def _time(text: str) -> time:
    return time.fromisoformat(text)
