"""Stands before every route, mounted ones and WebSockets too: session or token, roles, same origin, headers.

The table in `aggregator.web.route_permissions` says who may use which route. Access to every other route is denied.
`/metrics` is also open to this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.auth.authenticator import Authenticator
from aggregator.auth.client_address import Clients, address_of, session_of
from aggregator.auth.client_certificate import HEADER as CERTIFICATE
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.feeds.consumer import Consumer
from aggregator.web.error_page import error_page
from aggregator.web.first_pages import PAGES, first_page, login_address
from aggregator.web.route_permissions import ROUTES, RoutePolicy, find, methods_of
from common.errors import CertificateRefused, Forbidden, LoginThrottled, StoreError

BEARER = "bearer "
METRICS = "/metrics"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNAUTHORISED_CODE, _FORBIDDEN_CODE = 4401, 4403

CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:{pictures}; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""The dashboard's framework compiles its templates in the page, hence 'unsafe-eval'. Nothing comes from elsewhere but
map tiles, where the settings name their address."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not 'no-referrer': with that, browsers send 'Origin: null' along with forms
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

HSTS = ("Strict-Transport-Security", "max-age=31536000")
"""A year without plain HTTP (RFC 6797), where `http.public_url` is https."""


class ConsumerTokens(Protocol):
    """Knows who a consumer's token belongs to."""

    def who(self, token: str, address: str, certificates: Sequence[str]) -> Consumer | None:
        """The consumer of a token, which may have to come with a client certificate.

        Raises:
            CertificateRefused: It did not.
            Forbidden: It gets nothing now.
            LoginThrottled: Too many wrong tokens from this address.
        """

    def holder(self, ticket: str, camera: str, address: str) -> Consumer | None:
        """The consumer of a ticket for a camera, `site/box/camera`; raises as `who`."""


class AuthMiddleware:
    """ASGI middleware.

    Args:
        app: What it stands before.
        authenticator: Knows who a session or a token belongs to.
        clients: Knows which address a request comes from.
        pictures_from: The one other origin that pages may load pictures from; empty: none.
        consumers: Knows who a consumer's token belongs to.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        clients: Clients,
        pictures_from: str = "",
        consumers: ConsumerTokens | None = None,
    ) -> None:
        self._app, self._consumers = app, consumers
        pictures = f" {pictures_from}" if pictures_from else ""
        self._headers = HEADERS | {"Content-Security-Policy": CONTENT_POLICY.format(pictures=pictures)}
        self._authenticator, self._clients = authenticator, clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope, sending = self._clients.seen(scope), _with_headers(send, self._headers, self._clients.secure)
        refusal = await self._checked(scope)
        if refusal is None:
            await self._app(scope, receive, sending)
        elif scope["type"] == "websocket":
            code = _FORBIDDEN_CODE if refusal.status_code == 403 else _UNAUTHORISED_CODE
            await send({"type": "websocket.close", "code": code, "reason": "no session, or not among its roles"})
        else:
            await refusal(scope, receive, sending)

    async def _checked(self, scope: Scope) -> Response | None:
        """As `_refusal`; the store is read off the event loop."""
        try:
            found = find(scope.get("method", "WEBSOCKET"), scope["path"])
            if found is not None and found[0].consumer:
                return await run_in_threadpool(self._consumer_refusal, scope, *found)
            return await run_in_threadpool(self._refusal, scope, found)
        except StoreError as error:
            return _failed(scope, 503, str(error))
        except LoginThrottled as error:
            return _failed(scope, 429, str(error))

    def _refusal(self, scope: Scope, found: tuple[RoutePolicy, dict[str, str]] | None) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        method = scope.get("method", "WEBSOCKET")
        rule, words = found or (RoutePolicy(), {})
        token = headers.get("authorization", "")
        by_token = token.lower().startswith(BEARER) and not rule.ticket
        if method not in _SAFE and not (by_token or rule.ticket or same_origin(headers, self._clients.host)):
            return _answer(403, "this needs to come from the same origin: send an Origin header with this host")
        if rule.open or rule.ticket or (found and path == METRICS and _from_this_machine(scope, headers)):
            return None
        wants_page = _wants_page(scope)
        caller = None
        try:
            caller = self._caller(scope, token[len(BEARER) :].strip() if by_token else None)
            if caller is None:
                return RedirectResponse(_login_for(scope), 303) if wants_page else _answer(401, "log in first")
            if found is not None:
                allow(caller, rule, words)
        except Forbidden as error:
            return _turned_away(scope, caller, str(error))
        scope.setdefault("state", {}).update(user=caller.name, caller=caller)
        return None if found is not None else _not_found(scope, caller)

    def _consumer_refusal(self, scope: Scope, rule: RoutePolicy, words: dict[str, str]) -> Response | None:
        """As `_refusal`, for a route of consumers: neither a session nor a user's token opens it."""
        headers = Headers(scope=scope)
        header = headers.get("authorization", "")
        token = header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else ""
        ticket = HTTPConnection(scope).query_params.get("ticket", "") if rule.link and not token else ""
        found = None
        try:
            if self._consumers is not None and token:
                found = self._consumers.who(token, _address(scope), headers.getlist(CERTIFICATE))
            elif self._consumers is not None and ticket:
                camera = f"{words['site']}/{words['box']}/{words['camera']}"
                found = self._consumers.holder(ticket, camera, _address(scope))
        except Forbidden as error:
            return _answer(403, str(error))
        except CertificateRefused as error:
            return _answer(401, str(error))
        if found is None and ticket:
            return _answer(401, "ticket: it is wrong or older than a minute; make a new one for this camera")
        if found is None:
            return _answer(401, "send the token of a consumer as 'Authorization: Bearer TOKEN'")
        scope.setdefault("state", {}).update(user=f"consumer:{found.name}", consumer=found)
        return None

    def _caller(self, scope: Scope, token: str | None) -> Principal | None:
        if token is None:
            return self._authenticator.who(session_of(HTTPConnection(scope)))
        return self._authenticator.bearer(token, _address(scope))


def allow(caller: Principal, rule: RoutePolicy, words: dict[str, str]) -> None:
    """Hold a request against its rule.

    Args:
        caller: Who asks.
        rule: Of the route.
        words: What its path names, `site` and `place` among them.

    Raises:
        Forbidden: The caller may not.
    """
    if caller.only is not None and not rule.token:
        raise Forbidden("this needs a person's own session; an API token does not do")
    if rule.permission is None:
        return
    if rule.where == "everywhere":
        if not caller.within(rule.permission).everywhere:
            raise Forbidden(f"{rule.permission} for all sites is not among your roles")
    elif rule.where == "site":
        caller.need(rule.permission, words["site"], words.get("place", ""))
    else:
        caller.need(rule.permission)


def start_of(caller: Principal) -> str:
    """The first page of a caller that they may see."""
    return next((page for page in (first_page(caller), *PAGES) if may_see(caller, page)), PAGES[-1])


def may_see(caller: Principal, page: str) -> bool:
    """Whether the caller may see a page of the dashboard."""
    try:
        allow(caller, ROUTES[f"PAGE {page}"], {})
    except Forbidden:
        return False
    return True


def _wants_page(scope: Scope) -> bool:
    """Whether a person's browser asks for a page: it gets words, and programs get JSON."""
    return scope.get("method") == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _login_for(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return login_address(scope["path"] + (f"?{query}" if query else ""))


def _turned_away(scope: Scope, caller: Principal | None, problem: str) -> Response:
    """Who opens the dashboard is shown the first page that is theirs."""
    if caller is None or not _wants_page(scope):
        return _answer(403, problem)
    start = start_of(caller)
    if scope["path"] == "/" and start != "/":
        return RedirectResponse(start, 303)
    return error_page(Request(scope), 403, start)


def _failed(scope: Scope, status: int, problem: str) -> Response:
    if _wants_page(scope):
        return error_page(Request(scope), status, scope["path"] if scope["path"] in PAGES else "/")
    return _answer(status, problem)


def _not_found(scope: Scope, caller: Principal) -> Response:
    method, path = scope.get("method", "WEBSOCKET"), scope["path"]
    methods = methods_of(path)
    if not methods or method == "WEBSOCKET":
        if _wants_page(scope):
            return error_page(Request(scope), 404, start_of(caller))
        return _answer(404, "there is no such address")
    answer = _answer(405, f"this address does not take {method[:20]}; use {' or '.join(methods)}")
    answer.headers["Allow"] = ", ".join(methods)
    return answer


def _answer(status: int, problem: str) -> JSONResponse:
    return JSONResponse({"error": problem}, status)


def same_origin(headers: Headers, public: str = "") -> bool:
    """Whether the headers say that a request comes from the dashboard's own pages.

    Args:
        headers: Of the request.
        public: Host and port that browsers know the server by, where a proxy may send another `Host`.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return site == "same-origin"
    host = origin.partition("://")[2].lower()
    return bool(host) and host in (headers.get("host", "").lower(), public)


def _from_this_machine(scope: Scope, headers: Headers) -> bool:
    """Loopback and not through a proxy, which would give every client this machine's address."""
    client = scope.get("client")
    if client is None or "x-forwarded-for" in headers or "forwarded" in headers:
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _address(scope: Scope) -> str:
    return address_of(HTTPConnection(scope))


def _with_headers(send: Send, always: Mapping[str, str], secure: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in always.items():
                headers.setdefault(name, value)
            if secure:
                headers.setdefault(*HSTS)
            if headers.get("content-type", "").startswith(("application/json", "text/html", "image/jpeg")):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
