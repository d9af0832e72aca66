"""The page of an acknowledgement link: plain HTML, without a session. Only its button acknowledges.

Mail scanners and previews fetch links: a GET changes nothing, and does not count as a use.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from aggregator.auth.client_address import address_of
from aggregator.domain.escalation.notification import Notification
from aggregator.domain.escalation.records import AlertFacts
from aggregator.services.monitoring.acknowledgement_links import AcknowledgementLinks
from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.i18n.texts import TEXTS, Texts
from aggregator.web.dashboard.shell.style import LOGIN_CSS, LOGO_SVG
from aggregator.web.error_page import language_of
from common.errors import LoginThrottled, NotificationError, StoreError

_STATUS = {"invalid": 404, "used": 410, "expired": 410, "over": 410}


@dataclass(frozen=True)
class AcknowledgeRoutes:
    """`/acknowledge/{token}`.

    Args:
        links: The use case.
        sites: Names and time zones.
    """

    links: AcknowledgementLinks
    sites: SiteClock


def mount(app: FastAPI, routes: AcknowledgeRoutes) -> None:
    """Add the routes."""

    @app.get("/acknowledge/{token}", include_in_schema=False)
    async def ask(request: Request, token: str) -> Response:
        try:
            it, alert = await run_in_threadpool(routes.links.look, token, address_of(request))
        except (NotificationError, LoginThrottled, StoreError) as error:
            return _refused(request, error)
        return HTMLResponse(await run_in_threadpool(_question, routes, it, alert))

    @app.post("/acknowledge/{token}", include_in_schema=False)
    async def acknowledge(request: Request, token: str) -> Response:
        try:
            it = await routes.links.use(token, address_of(request))
        except (NotificationError, LoginThrottled, StoreError) as error:
            return _refused(request, error)
        language = await run_in_threadpool(_language, routes, it)
        words = TEXTS[language]
        return HTMLResponse(_page(language, words["link.done"].format(user=it.recipient), good=True))


def _language(routes: AcknowledgeRoutes, it: Notification) -> str:
    """The recipient's, as they chose it for the target."""
    target = routes.links.reader.notification_target(it.target)
    return target.language if target is not None and target.language in TEXTS else "en"


def _question(routes: AcknowledgeRoutes, it: Notification, alert: AlertFacts) -> str:
    language = _language(routes, it)
    words = TEXTS[language]
    kind = words.get(f"kind.{alert.kind}", alert.kind)
    local = routes.sites.local(alert.site, alert.last_ns)
    what = f"{words[f'severity.{alert.severity}']}: {kind}"
    where = f"{routes.sites.name(alert.site)} · {alert.place} · {local:%Y-%m-%d %H:%M:%S %Z}"
    button = html.escape(words["link.button"].format(user=it.recipient))
    form = f'<form method="post"><button type="submit" data-testid="acknowledge">{button}</button></form>'
    return _page(language, what, where, form)


def _refused(request: Request, error: Exception) -> Response:
    language = language_of(request)
    words: Texts = TEXTS[language]
    if isinstance(error, LoginThrottled):
        wait_s = round(error.wait_s) + 1
        text = words["login.throttled"].format(seconds=wait_s)
        return HTMLResponse(_page(language, text), 429, {"Retry-After": str(wait_s)})
    if isinstance(error, StoreError):
        return HTMLResponse(_page(language, words["link.later"]), 503, {"Retry-After": "2"})
    reason = str(error)
    return HTMLResponse(_page(language, words[f"link.{reason}"]), _STATUS[reason])


def _page(language: str, text: str, more: str = "", form: str = "", good: bool = False) -> str:
    words = TEXTS[language]
    title = html.escape(f"{words['title']} · {words['link.title']}")
    role = "status" if good else "note"
    detail = f"<p>{html.escape(more)}</p>" if more else ""
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="robots" content="noindex">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>{title}</title><style>{LOGIN_CSS}</style></head>
<body><main><h1>{LOGO_SVG}<span>{html.escape(words["title"])}</span></h1>
<p role="{role}" data-testid="link-text"><strong>{html.escape(text)}</strong></p>{detail}{form}
<p><a href="/">{html.escape(words["link.dashboard"])}</a></p></main></body></html>"""
