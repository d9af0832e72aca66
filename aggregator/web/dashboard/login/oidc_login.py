"""The way to the identity provider and back."""

from __future__ import annotations

import hmac
import html
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from aggregator.auth.account_service import AccountService
from aggregator.auth.authenticator import PROVIDER, Authenticator
from aggregator.auth.client_address import address_of, cookie_name, is_secure, prefix_of
from aggregator.auth.oidc import WAIT_S, OidcClient
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.web.first_pages import own_page
from common.errors import LoginError, StoreError

STATE_COOKIE = "paifang_oidc"


def onward(target: str) -> str:
    """A page of ours in between: browsers keep a strict cookie back on redirects that began elsewhere.

    Args:
        target: A page of ours; empty for the first one.
    """
    where = html.escape(own_page(target) or "/", quote=True)
    return f'<!doctype html><meta http-equiv="refresh" content="0;url={where}"><a href="{where}">Paifang</a>'


def mount(
    app: FastAPI,
    provider: OidcClient,
    accounts: AccountService,
    authenticator: Authenticator,
    *,
    welcome: Callable[[Request, Response, str], None],
    refuse: Callable[[Request, Exception, str], Response],
) -> None:
    """Add `/login/oidc` and `/login/oidc/back`.

    Args:
        app: The application.
        provider: The identity provider.
        accounts: Users that are tied to it.
        authenticator: Makes sessions.
        welcome: Puts a session's token into an answer.
        refuse: Makes the answer to a log-in that failed, with the page that the next one leads back to.
    """
    limit = RateLimiter(accounts.clock, 30, 300.0)

    @app.get("/login/oidc", include_in_schema=False)
    async def go(request: Request) -> Response:
        target = own_page(request.query_params.get("next", ""))
        try:
            limit.take(prefix_of(address_of(request)))
            url, state = await run_in_threadpool(provider.begin, target)
        except LoginError as error:
            return refuse(request, error, target)
        response = RedirectResponse(url, 303)
        name, secure = cookie_name(request, STATE_COOKIE), is_secure(request)
        response.set_cookie(name, state, max_age=WAIT_S, httponly=True, samesite="lax", secure=secure)
        return response

    @app.get("/login/oidc/back", include_in_schema=False)
    async def back(request: Request, state: str = "", code: str = "") -> Response:
        target = ""
        try:
            kept = request.cookies.get(cookie_name(request, STATE_COOKIE), "")
            if not state or not hmac.compare_digest(state.encode(), kept.encode()):
                raise LoginError("this log-in did not begin in this browser")
            target = provider.target(state)
            subject = await run_in_threadpool(provider.finish, state, code)
            user = await run_in_threadpool(accounts.user_of, subject)
            token = await run_in_threadpool(authenticator.let_in, user, PROVIDER)
        except (LoginError, StoreError) as error:
            return refuse(request, error, target)
        response = HTMLResponse(onward(target))
        welcome(request, response, token)
        name = cookie_name(request, STATE_COOKIE)
        response.delete_cookie(name, secure=is_secure(request), httponly=True, samesite="lax")
        return response
