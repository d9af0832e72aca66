"""Bounds on the bodies of requests, held while they are read: by Content-Length, and by what comes."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocol.signing.upload_tokens import PIECE_BYTES

MOST_BYTES = 64 * 1024
"""Of a body whose route has no bound of its own below."""
MOST_LIST_BYTES = 4_000_000
_FORM_BYTES = 64 * 1024
"""What a form adds to the file in it."""


def most_bytes(path: str) -> int:
    """The bound of a path's bodies.

    >>> most_bytes("/api/sites/village/list.csv")
    4000000
    """
    if path.startswith("/box/uploads/"):
        return PIECE_BYTES
    if path.startswith("/api/sites/") and path.endswith("/list.csv"):
        return MOST_LIST_BYTES
    if path.startswith("/_nicegui/") and "/upload/" in path:
        return MOST_LIST_BYTES + _FORM_BYTES
    return MOST_BYTES


class BodyLimits:
    """ASGI middleware: a body that is too large is answered with 413, and no more than the bound is read of it.

    Args:
        app: What it stands before.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, begun, count = most_bytes(scope["path"]), False, 0
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdecimal()) or len(length.lstrip("0")) > 15 or int(length) > most:
            await _refusal(most)(scope, receive, send)
            return

        async def receiving() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > most:
                raise HTTPException(413, _problem(most))
            return message

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        except HTTPException:
            if begun:
                raise
            await _refusal(most)(scope, receive, send)


def _problem(most: int) -> str:
    return f"the body has more than {most} bytes"


def _refusal(most: int) -> JSONResponse:
    return JSONResponse({"error": _problem(most)}, 413, {"Connection": "close"})
