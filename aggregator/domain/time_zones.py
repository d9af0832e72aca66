"""Time zones by name, as settings and boxes tell them: a name that is none costs nobody a page."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone_of(*names: str | None) -> ZoneInfo:
    """The first of the names that is a time zone; UTC where none is.

    >>> zone_of(None, "../../etc/passwd", "Asia/Shanghai").key
    'Asia/Shanghai'
    """
    for name in names:
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")
