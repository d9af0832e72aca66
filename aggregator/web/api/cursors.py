"""Places in lists that are read page by page, as text in addresses: the time and the id of the last row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from fastapi import HTTPException, Query

from protocol.identifiers import is_uuid7

_TIME = re.compile(r"[0-9]{1,18}|[1-4][0-9]{18}")
"""Nanoseconds that fit 63 bits."""
Before = Annotated[str | None, Query(description="`before` of the page before.", max_length=100)]


def cursor_of(time_ns: int, row_id: str) -> str:
    """The place after a row."""
    return f"{time_ns}.{row_id}"


def place_of(text: str, is_id: Callable[[str], bool] = is_uuid7) -> tuple[int, str] | None:
    """The time and the id of a cursor; None where it is none.

    Args:
        text: The cursor.
        is_id: Whether a row may have an id.

    >>> place_of("5.01890000-0000-7000-8000-000000000000"), place_of("5.x")
    ((5, '01890000-0000-7000-8000-000000000000'), None)
    """
    time_ns, _, row_id = text.partition(".")
    return (int(time_ns), row_id) if _TIME.fullmatch(time_ns) and is_id(row_id) else None


def place_before(text: str | None, is_id: Callable[[str], bool] = is_uuid7) -> tuple[int, str] | None:
    """The place that the parameter `before` names; None where it was not sent.

    Args:
        text: The parameter.
        is_id: Whether a row may have an id.

    Raises:
        HTTPException: It is no cursor.
    """
    if text is None:
        return None
    place = place_of(text, is_id)
    if place is None:
        raise HTTPException(400, "before: take it from the 'before' of an answer")
    return place
