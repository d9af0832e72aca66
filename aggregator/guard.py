"""Stands before every route, mounted ones and WebSockets too: session, same origin, headers.

Open to everybody are `OPEN` and nothing else; `/metrics` is also open to this machine. Whatever is added later is
closed because nobody has to remember to close it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import StoreError

SESSION_COOKIE = "paifang_session"
OPEN = frozenset({"/healthz", "/login"})
METRICS = "/metrics"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNAUTHORISED_CODE = 4401

HEADERS = {
    # The dashboard's framework compiles its templates in the page, hence 'unsafe-eval'; nothing comes from elsewhere.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not 'no-referrer': with that, browsers send 'Origin: null' along with forms
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware.

    Args:
        app: What it stands before.
        who: Session token → user, or None.
    """

    def __init__(self, app: ASGIApp, who: Callable[[str | None], str | None]) -> None:
        self._app = app
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _UNAUTHORISED_CODE, "reason": "no session"})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if (scope["type"] == "websocket" or scope["method"] not in _SAFE) and not same_origin(headers):
            return JSONResponse(
                {"error": "this needs to come from the same origin: send an Origin header with this host"}, 403
            )
        path = scope["path"]
        if path in OPEN or (path == METRICS and _from_this_machine(scope, headers)):
            return None
        try:
            user = self._who(HTTPConnection(scope).cookies.get(SESSION_COOKIE))
        except StoreError:
            return PlainTextResponse("the store does not answer; try again", 503)
        if user is not None:
            scope.setdefault("state", {})["user"] = user
            return None
        if "text/html" in headers.get("accept", "") and scope.get("method") == "GET":
            return RedirectResponse("/login", 303)
        return JSONResponse({"error": "log in first"}, 401)


def same_origin(headers: Headers) -> bool:
    """Whether a browser (or who speaks like one) says that the request comes from our own pages."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return site == "same-origin"
    return origin.partition("://")[2].lower() == headers.get("host", "").lower()


def _from_this_machine(scope: Scope, headers: Headers) -> bool:
    """Loopback and not through a proxy, which would make everybody look like this machine."""
    client = scope.get("client")
    if client is None or "x-forwarded-for" in headers or "forwarded" in headers:
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if headers.get("content-type", "").startswith(("application/json", "text/html", "image/jpeg")):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
