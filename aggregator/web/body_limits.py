"""Limits on the bodies of requests, by path."""

from __future__ import annotations

from protocol.signing.upload_tokens import PIECE_BYTES

MOST_BYTES = 64 * 1024
"""Of a body whose route has no limit of its own below."""
MOST_API_BYTES = 10_000
"""Of the API's JSON: a case with 50 places has 8,000 bytes."""
MOST_IDS_BYTES = 32_000
"""Of a decision about 500 alerts or events, by id."""
MOST_PROCEDURE_BYTES = 64_000
"""Of a procedure: 30 steps of 300 characters in both languages."""
MOST_LIST_BYTES = 4_000_000
MOST_ESCALATION_BYTES = 200_000
"""Chains, rotas and calendars of a site."""
MOST_PLAN_BYTES = 10_000_000
"""Of a plan's picture."""
MOST_SYMBOLS_BYTES = 150_000
"""Of the 500 symbols of a plan."""
_FORM_BYTES = 64 * 1024
"""What a form adds to the file in it."""

_OF_PATH = {"/api/procedures": MOST_PROCEDURE_BYTES, "/api/alerts/bulk": MOST_IDS_BYTES}
_OF_FORM = (
    ("/api/sites/", "/list.csv", MOST_LIST_BYTES),
    ("/api/plans/", "/picture", MOST_PLAN_BYTES),
    ("/api/plans/", "/symbols", MOST_SYMBOLS_BYTES),
    ("/api/escalation/", "", MOST_ESCALATION_BYTES),
    ("/api/alerts/", "/split", MOST_IDS_BYTES),
)
"""Beginning and end of paths with a limit of their own."""


def most_bytes(path: str) -> int:
    """The limit of a path's bodies.

    >>> most_bytes("/api/sites/village/list.csv")
    4000000
    """
    if path.startswith("/box/uploads/"):
        return PIECE_BYTES
    for begin, end, most in _OF_FORM:
        if path.startswith(begin) and path.endswith(end):
            return most
    if path.startswith("/_nicegui/") and "/upload/" in path:
        return MOST_LIST_BYTES + _FORM_BYTES
    return _OF_PATH.get(path) or (MOST_API_BYTES if path.startswith("/api/") else MOST_BYTES)
