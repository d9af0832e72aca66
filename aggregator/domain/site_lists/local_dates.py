"""Dates and times as people at a site write them: in the site's time zone, a day alone as the whole day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from common.clock import SECOND_NS, local_time
from common.errors import ListError

LATEST_NS = 1 << 62
"""In the year 2116: the database stores 64 bits."""
UTC_ZONE = ZoneInfo("UTC")


def instant(text: str, field: str, zone: ZoneInfo = UTC_ZONE, *, end: bool = False) -> int | None:
    """ISO 8601 → UTC nanoseconds; None for an empty text.

    A day alone is its first instant at the site; with `end`, the first instant of the next day, so that
    "until 2026-12-31" holds all of that day, whether it has 23, 24 or 25 hours. A time without an offset is local; one
    that occurs twice, when clocks are set back, is the earlier one, with `end` the later one.

    Raises:
        ListError: It is none, or the clocks skip it on that day.

    >>> instant("2026-12-31", "valid_until", ZoneInfo("Asia/Shanghai"), end=True) == instant(
    ...     "2027-01-01T00:00:00+08:00", "valid_until")
    True
    """
    written = text.strip()
    if not written:
        return None
    try:
        if len(written) == 10:
            day = date.fromisoformat(written) + timedelta(days=end)
            return _in_range(datetime.combine(day, time(), zone), text)
        when = datetime.fromisoformat(written)
        if when.tzinfo is None:
            when = when.replace(tzinfo=zone, fold=int(end))
            _refuse_skipped(when, field, zone)
        return _in_range(when, text)
    except (ValueError, OverflowError, OSError) as error:
        problem = "write a day or time from 1970 to 2115, such as 2026-12-31 or 2026-12-31T18:00"
        raise ListError(f"{field}: {problem}", sentence="error.list.date", field=field) from error


def _in_range(when: datetime, text: str) -> int:
    time_ns = round(when.timestamp()) * SECOND_NS
    if not 0 <= time_ns < LATEST_NS:
        raise OverflowError(text)
    return time_ns


def _refuse_skipped(when: datetime, field: str, zone: ZoneInfo) -> None:
    """A local time that does not come back from UTC is one that the clocks skip."""
    if when.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when.replace(tzinfo=None):
        raise ListError(
            f"{field}: the clocks of {zone.key} skip this time on that day; write another",
            sentence="error.list.skipped", field=field, zone=zone.key,
        )  # fmt: skip


def shown(time_ns: int | None, zone: ZoneInfo, *, end: bool = False) -> str:
    """A limit as people at the site read it, with the zone; a whole day as the day alone. Empty for None.

    Args:
        time_ns: UTC nanoseconds.
        zone: Of the site.
        end: It is the end of a validity: midnight is the end of the day before.
    """
    if time_ns is None:
        return ""
    when = local_time(time_ns, zone)
    day = local_time(time_ns - 1, zone).date() if end else when.date()  # where clocks skip midnight, a day begins at 1
    whole = datetime.combine(day + timedelta(days=end), time(), zone)
    if round(whole.timestamp()) * SECOND_NS == time_ns:
        return day.isoformat()
    return f"{when:%Y-%m-%d %H:%M %Z}"
