"""Errors of pages in words, in the reader's language. Programs get JSON instead."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse

from aggregator.web.dashboard.i18n.texts import TEXTS, choose
from aggregator.web.dashboard.shell.style import LOGIN_CSS, LOGO_SVG

LANGUAGE_COOKIE = "paifang_language"
KNOWN = (401, 403, 404, 405, 429, 500, 503)


def language_of(request: Request) -> str:
    """The language for a request: the chosen one, else the browser's."""
    return choose(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


def error_page(request: Request, status: int, first_page: str = "/") -> HTMLResponse:
    """A page that says what is wrong and what can be done.

    Args:
        request: What was asked.
        status: The HTTP status; the texts exist for `KNOWN`.
        first_page: Where the link leads.
    """
    language = language_of(request)
    words = {key: escape(text) for key, text in TEXTS[language].items()}
    key = status if status in KNOWN else 500
    content = f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>{words["title"]} · {words[f"error.{key}.title"]}</title>
<style>{LOGIN_CSS}</style></head>
<body><main data-testid="error-page"><p class="brand">{LOGO_SVG}<span>{words["title"]}</span></p>
<h1>{words[f"error.{key}.title"]}</h1><p>{words[f"error.{key}"]}</p>
<p><a class="button" href="{escape(first_page, quote=True)}" data-testid="error-back">{words["error.back"]}</a></p>
<form class="plain" method="post" action="/logout"><button type="submit">{words["error.other_user"]}</button></form>
<p class="tagline">{words["error.code"].format(code=status)}</p></main></body></html>"""
    return HTMLResponse(content, status)
