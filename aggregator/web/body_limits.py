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
_FORM_BYTES = 64 * 1024
"""What a form adds to the file in it."""

_OF_PATH = {"/api/procedures": MOST_PROCEDURE_BYTES}


def most_bytes(path: str) -> int:
    """The limit of a path's bodies.

    >>> most_bytes("/api/sites/village/list.csv")
    4000000
    """
    if path.startswith("/box/uploads/"):
        return PIECE_BYTES
    if path.startswith("/api/sites/") and path.endswith("/list.csv"):
        return MOST_LIST_BYTES
    if path.startswith("/_nicegui/") and "/upload/" in path:
        return MOST_LIST_BYTES + _FORM_BYTES
    if path.startswith("/api/escalation/"):
        return MOST_ESCALATION_BYTES
    if path == "/api/alerts/bulk" or (path.startswith("/api/alerts/") and path.endswith("/split")):
        return MOST_IDS_BYTES
    return _OF_PATH.get(path) or (MOST_API_BYTES if path.startswith("/api/") else MOST_BYTES)
