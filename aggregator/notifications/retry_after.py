"""`Retry-After` of an answer (RFC 9110)."""

from __future__ import annotations

import contextlib
import email.utils
from datetime import UTC

from common.clock import SECOND_NS


def pause_s(text: str, now_ns: int) -> float:
    """`Retry-After` in seconds: a number or a date; 0 where it is neither.

    >>> pause_s("120", 0), pause_s("Thu, 01 Jan 1970 00:01:00 GMT", 0), pause_s("soon", 0)
    (120.0, 60.0, 0.0)
    """
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        when = email.utils.parsedate_to_datetime(text)
        when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return max(0.0, when.timestamp() - now_ns / SECOND_NS)
    return 0.0
