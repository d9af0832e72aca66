"""Maintenance windows: work on devices that is planned, once or weekly in the site's local time.

A weekly window begins at a wall-clock time and lasts a number of minutes, so that it has the same length on the days on
which clocks change. A beginning that does not exist on such a day, or exists twice, is read after RFC 5545 section
3.3.5: with the offset from before the gap, or as the first of the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated

import msgspec

from aggregator.domain.accounts.authorization import Areas, Scope
from aggregator.domain.quiet.matching import Matchable, Universe
from aggregator.domain.quiet.silence import check_reason, check_span
from common.clock import SECOND_NS, instant_ns, local_time
from common.errors import QuietError
from protocol.identifiers import NAME

MOST_ONCE_DAYS = 7
MOST_SERIES_DAYS = 366
"""A weekly window is thought of again once a year."""
MOST_MINUTES = 24 * 60
MOST_WINDOWS = 200
"""Of one site that have not ended."""
MOST_DEVICES = 100
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_MINUTE_NS = 60 * SECOND_NS


class Weekly(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a window occurs in each week, in the site's local time.

    Attributes:
        days: Weekdays on which it begins, 1 (Monday) to 7, after ISO 8601.
        at: When it begins, `HH:MM`.
        minutes: How long it lasts.
    """

    days: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...], msgspec.Meta(max_length=7)]
    at: str
    minutes: int


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A maintenance window. Times are UTC nanoseconds.

    Attributes:
        site: One site.
        devices: Cameras, doors, gates or boxes of it; a box stands for all that it observes.
        area: An area of it, beside the devices; empty: none.
        owner: Who answers for it.
        from_ns: When it begins; with `weekly`: from when on it may occur.
        until_ns: When it ends; with `weekly`: when the series ends.
        weekly: None: once.
        critical: Whether it also covers critical alerts.
        made_ns: When it was made.
        ended_by: Who ended it early; `until_ns` is when.
    """

    id: str
    site: str
    devices: tuple[str, ...]
    area: str
    owner: str
    reason: str
    from_ns: int
    until_ns: int
    weekly: Weekly | None
    critical: bool
    made_ns: int
    ended_by: str = ""


def check(window: Window, universe: Universe, now_ns: int) -> Window:
    """The window as it is kept.

    Raises:
        QuietError: It cannot be; names the field and the fix.
    """
    if window.site not in universe.devices:
        raise QuietError("site: is not known here")
    if not window.devices and not window.area:
        raise QuietError("devices: name at least one device, or an area")
    if len(window.devices) > MOST_DEVICES:
        raise QuietError(f"devices: at most {MOST_DEVICES}")
    if not all(NAME.fullmatch(it) for it in window.devices):
        raise QuietError("devices: must be 1 to 64 of letters, digits, '_', '.', '-'")
    if window.area and window.area not in universe.areas_of({window.site}):
        raise QuietError("area: is not an area of this site")
    check_span(window.from_ns, window.until_ns, now_ns, MOST_SERIES_DAYS if window.weekly else MOST_ONCE_DAYS)
    if window.weekly is not None:
        _check_weekly(window.weekly)
    return msgspec.structs.replace(window, reason=check_reason(window.reason))


def _check_weekly(weekly: Weekly) -> None:
    if not weekly.days or not all(1 <= day <= 7 for day in weekly.days):
        raise QuietError("weekly.days: name weekdays, 1 (Monday) to 7 (Sunday)")
    if not _CLOCK.fullmatch(weekly.at):
        raise QuietError("weekly.at: write a time such as 22:00")
    if not 1 <= weekly.minutes <= MOST_MINUTES:
        raise QuietError(f"weekly.minutes: 1 to {MOST_MINUTES}")


def occurrence(window: Window, now_ns: int, zone: tzinfo) -> tuple[int, int] | None:
    """The occurrence that a moment lies in, from and until in UTC nanoseconds; None: it lies in none.

    Of overlapping occurrences it is the one that ends last.
    """
    if not window.from_ns <= now_ns < window.until_ns:
        return None
    if window.weekly is None:
        return window.from_ns, window.until_ns
    today = local_time(now_ns, zone).date()
    for back in (-1, 0, 1, 2):  # a window lasts a day at most, and a clock moves by less than one
        day = today - timedelta(days=back)
        if day.isoweekday() in window.weekly.days:
            begins = _instant(day, window.weekly.at, zone)
            ends = begins + window.weekly.minutes * _MINUTE_NS
            if begins <= now_ns < ends:
                return max(begins, window.from_ns), min(ends, window.until_ns)
    return None


def _instant(day: date, at: str, zone: tzinfo) -> int:
    return instant_ns(datetime.combine(day, time.fromisoformat(at)), zone)


def covers(window: Window, alert: Matchable, areas: Areas) -> bool:
    """Whether a window is about an alert, whenever it occurs."""
    if alert.site != window.site or (alert.severity == "critical" and not window.critical):
        return False
    if alert.place in window.devices or alert.box in window.devices:
        return True
    return bool(window.area) and window.area in areas.get((alert.site, alert.place), frozenset())


def lies_within(window: Window, universe: Universe, scope: Scope) -> bool:
    """Whether all devices of a window lie within a scope."""
    if scope.holds(window.site):
        return True
    places = frozenset(window.devices) | universe.places_in(window.site, {window.area})
    return bool(places) and all(scope.holds(window.site, place) for place in places)


def touches(window: Window, universe: Universe, scope: Scope) -> bool:
    """Whether one of its devices lies within a scope."""
    places = frozenset(window.devices) | universe.places_in(window.site, {window.area})
    return scope.holds(window.site) or any(scope.holds(window.site, place) for place in places)


def end(window: Window, who: str, now_ns: int) -> Window:
    """The window, ended early.

    Raises:
        QuietError: It has ended already.
    """
    if now_ns >= window.until_ns:
        raise QuietError("the maintenance window has ended already")
    return msgspec.structs.replace(window, until_ns=now_ns, from_ns=min(window.from_ns, now_ns), ended_by=who)


def find(
    windows: Iterable[Window], alert: Matchable, areas: Areas, now_ns: int, zone: tzinfo
) -> tuple[Window, int] | None:
    """The window that covers an alert now and ends last, and when its occurrence ends."""
    found = [
        (window, span[1])
        for window in windows
        if covers(window, alert, areas) and (span := occurrence(window, now_ns, zone)) is not None
    ]
    return max(found, key=lambda it: (it[1], it[0].id), default=None)
