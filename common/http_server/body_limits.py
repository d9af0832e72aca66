"""Limits on the bodies of requests, checked by Content-Length and while a body is read."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimits:
    """ASGI middleware: a body that is too large is answered with 413, and no more than the limit is read of it.

    Args:
        app: The application.
        max_bytes: Path → the limit of its bodies.
    """

    def __init__(self, app: ASGIApp, max_bytes: Callable[[str], int]) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, started, count = self._max_bytes(scope["path"]), False, 0
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdecimal()) or len(length.lstrip("0")) > 15 or int(length) > limit:
            await _too_large(limit)(scope, receive, send)
            return

        async def limited_receive() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > limit:
                raise HTTPException(413, _problem(limit))
            return message

        async def observed_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, limited_receive, observed_send)
        except HTTPException:
            if started:
                raise
            await _too_large(limit)(scope, receive, send)


def _problem(limit: int) -> str:
    return f"the body has more than {limit} bytes"


def _too_large(limit: int) -> JSONResponse:
    return JSONResponse({"error": _problem(limit)}, 413, {"Connection": "close"})
