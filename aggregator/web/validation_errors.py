"""Errors of a request's fields as one sentence: `field: problem and the fix`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aggregator.web.api_models.base import NAME, PLACE, PRINTABLE, TIME_OF_DAY, UTC_TIME

MOST_PROBLEMS = 5
"""So many fields are named in one answer."""
_TEXTS = {
    "extra_forbidden": "is not a field; leave it out",
    "missing": "is missing; send it",
    "string_unicode": "is not Unicode text; send UTF-8 without single surrogates",
    "finite_number": "must be a finite number",
}
_PATTERNS = {
    PRINTABLE: "must not hold line feeds or control characters; leave them out",
    UTC_TIME: "must be a time such as 2026-11-23T08:00:00Z",
    TIME_OF_DAY: "must be a time such as 22:00",
    NAME: "must be 1 to 64 of letters, digits, '_', '.', '-'",
    PLACE: "must be site/place, such as village/stairs-1",
}


def problem_of(errors: Sequence[Any]) -> tuple[int, str]:
    """Status and text for the errors of a request.

    The text never holds a value that was sent: it may be a password, or text that cannot be encoded.

    Args:
        errors: As pydantic gives them, with `type`, `loc`, `msg` and `ctx`.

    >>> problem_of([{"type": "missing", "loc": ("body", "user"), "msg": "Field required"}])
    (422, 'user: is missing; send it')
    >>> problem_of([{"type": "json_invalid", "loc": ("body", 7), "msg": "JSON decode error"}])
    (400, 'the body is not JSON; send one JSON object')
    """
    for error in errors:
        if error["type"] == "json_invalid":
            return 400, "the body is not JSON; send one JSON object"
        if error["type"] == "missing" and tuple(error["loc"]) == ("body",):
            return 400, "the body is missing; send one JSON object"
    return 422, "; ".join(f"{_field(it['loc'])}: {_problem(it)}" for it in errors[:MOST_PROBLEMS])


def _field(path: Sequence[int | str]) -> str:
    text = ".".join(str(part) for part in (path[1:] or path))
    return text.encode("utf-8", "replace").decode()[:80]


def _problem(error: Any) -> str:
    kind = error["type"]
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(error["ctx"]["pattern"], f"must match {error['ctx']['pattern']}")
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    return _TEXTS.get(kind) or str(error["msg"])
