"""The log-in page: plain HTML of its own, so that not one of the dashboard's files is open to strangers."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from aggregator.auth.account_service import AccountService
from aggregator.auth.authenticator import Authenticator
from aggregator.auth.client_address import SESSION_COOKIE, address_of, cookie_name, is_secure, session_of
from aggregator.auth.oidc import OidcClient
from aggregator.monitoring.metrics import Metrics
from aggregator.web.auth_middleware import start_of
from aggregator.web.dashboard.i18n.texts import LANGUAGES, TEXTS
from aggregator.web.dashboard.login import oidc_login
from aggregator.web.dashboard.shell.style import LOGIN_CSS, LOGO_SVG
from aggregator.web.error_page import LANGUAGE_COOKIE, language_of
from aggregator.web.first_pages import login_address, own_page
from common import logging_setup
from common.errors import KeysMissing, LoginError, LoginThrottled, StoreError
from common.secret import Secret

_log = logging_setup.get("login")
MAX_FORM_BYTES = 4096
_YEAR_S = 365 * 24 * 3600


def remember_language(response: Response, language: str) -> None:
    """Keep a choice of language for a year."""
    response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, samesite="lax", httponly=True)


def page(language: str, problem: str = "", provider: str = "", *, target: str = "", ended: bool = False) -> str:
    """The page's HTML.

    Args:
        language: One of `LANGUAGES`.
        problem: Why the last try failed.
        provider: The identity provider's name; empty for none.
        target: The page of the dashboard that the log-in leads back to; empty for the user's first one.
        ended: A session has ended; the page says so.
    """
    words = {key: html.escape(text) for key, text in TEXTS[language].items()}
    kept = f"&next={quote(target, safe='')}" if target else ""
    links = " · ".join(
        f'<a href="/login?language={code}{kept}" lang="{code}" {"aria-current=true" if code == language else ""}>'
        f"{name}</a>"
        for code, name in LANGUAGES.items()
    )
    notice = f'<p class="notice" role="status" data-testid="session-ended">{words["login.ended"]}</p>' if ended else ""
    if problem:
        notice = f'<p class="problem" role="alert" data-testid="login-problem">{html.escape(problem)}</p>'
    script = "<script>sessionStorage.setItem('paifang-ended', '1')</script>" if ended else ""
    text = words["login.other"].format(name=html.escape(provider))
    address = "/login/oidc" + (f"?next={quote(target, safe='')}" if target else "")
    other = f'<p><a class="button" href="{address}" data-testid="login-oidc">{text}</a></p>' if provider else ""
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>{words["title"]} · {words["login"]}</title><style>{LOGIN_CSS}</style></head>
<body><main>
<h1>{LOGO_SVG}<span>{words["title"]}</span></h1><p class="tagline">{words["tagline"]}</p>
<form method="post" action="/login">{notice}<input type="hidden" name="next" value="{html.escape(target, quote=True)}">
<label>{words["login.name"]}<input name="name" required autofocus autocomplete="username" maxlength="64"
 data-testid="login-name"></label>
<label>{words["login.password"]}<input name="password" type="password" required autocomplete="current-password"
 maxlength="1024" data-testid="login-password"></label>
<label>{words["login.code"]}<input name="code" autocomplete="one-time-code" maxlength="24"
 data-testid="login-code"></label>
<button type="submit" data-testid="login-submit">{words["login"]}</button></form>{other}
<p class="languages">{links}</p></main>{script}</body></html>"""


@dataclass(frozen=True)
class LoginRoutes:
    """The routes of the log-in.

    Args:
        authenticator: Logs in and out.
        accounts: Users that are tied to an identity provider.
        metrics: Counts log-ins.
        oidc: The identity provider, if there is one.
        provider: Its name on the log-in page.
    """

    authenticator: Authenticator
    accounts: AccountService
    metrics: Metrics
    oidc: OidcClient | None = None
    provider: str = ""


def mount(app: FastAPI, routes: LoginRoutes) -> None:
    """Add `/login`, `/logout`, `/language/…`, and the routes of the identity provider where there is one."""
    authenticator, metrics, provider = routes.authenticator, routes.metrics, routes.provider

    def welcome(request: Request, response: Response, token: str) -> None:
        metrics.logins.labels("good").inc()
        response.set_cookie(
            cookie_name(request, SESSION_COOKIE), token, max_age=authenticator.lifetime_s, httponly=True,
            samesite="strict", secure=is_secure(request),
        )  # fmt: skip

    def refuse(request: Request, error: Exception, target: str) -> Response:
        return _refused(error, language_of(request), metrics, provider, target)

    if routes.oidc is not None:
        oidc_login.mount(app, routes.oidc, routes.accounts, authenticator, welcome=welcome, refuse=refuse)

    @app.get("/login", include_in_schema=False)
    async def login_page(request: Request, language: str | None = None, ended: str = "") -> Response:
        target, chosen = _target(request), language if language in LANGUAGES else None
        spoken = chosen or language_of(request)
        response = HTMLResponse(page(spoken, provider=provider, target=target, ended=ended == "1"))
        if chosen is not None:
            remember_language(response, chosen)
        return response

    @app.post("/login", include_in_schema=False)
    async def log_in(request: Request) -> Response:
        language = language_of(request)
        form = await _form(request)
        if form is None:
            return HTMLResponse(page(language, TEXTS[language]["login.wrong"], provider), 413)
        address = address_of(request)
        try:
            token = await run_in_threadpool(authenticator.log_in, form.name, form.password, address, form.code)
            caller = None if form.target else await run_in_threadpool(authenticator.who, token)
        except (LoginError, StoreError, TimeoutError) as error:
            return _refused(error, language, metrics, provider, form.target)
        response = RedirectResponse(form.target or ("/" if caller is None else start_of(caller)), 303)
        welcome(request, response, token)
        return response

    @app.post("/logout", include_in_schema=False)
    async def log_out(request: Request) -> Response:
        await run_in_threadpool(authenticator.log_out, session_of(request))
        response = RedirectResponse(login_address(), 303)
        name = cookie_name(request, SESSION_COOKIE)
        response.delete_cookie(name, secure=is_secure(request), httponly=True, samesite="strict")
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    @app.get("/language/{code}", include_in_schema=False)
    async def set_language(request: Request, code: str) -> Response:
        response = RedirectResponse(_target(request) or "/", 303)
        if code in LANGUAGES:
            remember_language(response, code)
        return response


def _refused(error: Exception, language: str, metrics: Metrics, provider: str, target: str) -> Response:
    words = TEXTS[language]
    if isinstance(error, LoginThrottled):
        metrics.logins.labels("throttled").inc()
        seconds = math.ceil(error.wait_s)
        text = page(language, words["login.throttled"].format(seconds=seconds), provider, target=target)
        return HTMLResponse(text, 429, {"Retry-After": str(seconds)})
    if isinstance(error, LoginError):
        metrics.logins.labels("wrong").inc()
        return HTMLResponse(page(language, words["login.wrong"], provider, target=target), 401)
    _log.error("login failed", error=str(error))
    text = words["login.keys" if isinstance(error, KeysMissing) else "login.failed"]
    return HTMLResponse(page(language, text, provider, target=target), 503)


def _target(request: Request) -> str:
    """The page of ours that the parameter `next` names; empty for none."""
    return own_page(request.query_params.get("next", ""))


class _Form(NamedTuple):
    """What the log-in page sends; `target` is the page that it leads back to, if it is one of ours."""

    name: str
    password: Secret
    code: str
    target: str


async def _form(request: Request) -> _Form | None:
    """The fields of a form that is not larger than it need be."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM_BYTES:
            return None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:  # more fields than that
        return None
    given = {key: fields.get(key, [""])[0] for key in ("name", "password", "code", "next")}
    return _Form(given["name"], Secret(given["password"]), given["code"], own_page(given["next"]))
