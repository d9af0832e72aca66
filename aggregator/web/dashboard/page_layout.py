"""What all pages have in common: the bar at the top and the check that the session still lives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from nicegui import Client, core, ui
from nicegui.elements.html import Html

from aggregator.auth.authenticator import Authenticator
from aggregator.auth.client_address import session_of
from aggregator.domain.authorization import Principal
from aggregator.domain.read_models import Box, Camera
from aggregator.domain.store_port import Reader
from aggregator.monitoring.health import Health
from aggregator.services.site_clock import SiteClock
from aggregator.web.auth_middleware import may_see
from aggregator.web.dashboard.i18n.texts import LANGUAGES, TEXTS, Texts
from aggregator.web.dashboard.login.login import language_of
from aggregator.web.dashboard.style import BOARD_CSS, LOGO_SVG
from common import logging_setup
from common.errors import StoreError

_log = logging_setup.get("dashboard")
SECONDS_BETWEEN_CHECKS = 2.0
LEAVE_S = 1.0
"""A browser that was sent elsewhere has left by then."""
PAGES = {
    "/": "alerts",
    "/shift": "shift",
    "/gates": "gates",
    "/live": "live",
    "/footage": "footage",
    "/search": "search",
    "/releases": "releases",
    "/lists": "lists",
    "/reports": "reports",
    "/record": "record",
    "/staff": "staff",
    "/account": "account",
}
"""Path → its name in the texts."""
MANY = 6
"""More pages than this have a line of their own."""

THEME_JS = (
    "const root = document.documentElement; const dark = root.classList.contains('dark') || "
    "(!root.classList.contains('light') && matchMedia('(prefers-color-scheme: dark)').matches); "
    "root.classList.remove('dark', 'light'); root.classList.add(dark ? 'light' : 'dark'); "
    "localStorage.setItem('paifang-theme', dark ? 'light' : 'dark');"
)
THEME_AT_START = (
    "<script>const kept = localStorage.getItem('paifang-theme'); "
    "if (kept) document.documentElement.classList.add(kept);</script>"
)


def html(content: str, classes: str = "", tag: str = "div", props: str = "") -> Html:
    """An element of our own; the content is trusted, so escape what comes from outside."""
    return ui.html(content, sanitize=False, tag=tag).classes(classes).props(props)


def rendered(make: Callable[[], str], words: Texts) -> str:
    """A part of a page as HTML; one that cannot be made is replaced by a sentence, and breaks no other part."""
    try:
        return make()
    except Exception:
        _log.exception("part of a page not shown")
        return f'<p class="where">{escape(words["part.failed"])}</p>'


@dataclass(frozen=True)
class Known:
    """What there is to choose from when a page is opened."""

    cameras: list[Camera]
    boxes: list[Box]


@dataclass(frozen=True)
class PageSession:
    """The user of an open page.

    Attributes:
        caller: Who is logged in, and what they might do when the page was built.
        token: The session's, checked again now and then.
        language: What the page speaks.
    """

    caller: Principal
    token: str
    language: str

    @classmethod
    def of(cls, client: Client) -> PageSession:
        """Whoever has asked for the page."""
        request = client.request
        return cls(request.state.caller, session_of(request), language_of(request))

    @property
    def user(self) -> str:
        """Their name."""
        return self.caller.name

    @property
    def words(self) -> Texts:
        """The texts in their language."""
        return TEXTS[self.language]


@dataclass(frozen=True)
class PageContext:
    """What every page needs.

    Args:
        reader: Of the store.
        sites: Names and time zones of sites.
        health: Of the aggregator's parts, for the bar.
        authenticator: Checks that the session still lives.
    """

    reader: Reader
    sites: SiteClock
    health: Health
    authenticator: Authenticator

    @property
    def now_ns(self) -> int:
        """The present, UTC nanoseconds."""
        return self.sites.clock.wall_ns()

    async def known(self) -> Known:
        """Read cameras and boxes, off the event loop."""
        reader = self.reader
        return Known(*await asyncio.gather(asyncio.to_thread(reader.cameras), asyncio.to_thread(reader.boxes)))


class PageLayout:
    """The bar: brand, health, pages, language, theme, log-out.

    Args:
        context: Health and sessions.
        path: Of this page.
        visitor: The user who opened it.
    """

    def __init__(self, context: PageContext, path: str, visitor: PageSession) -> None:
        words, language = visitor.words, visitor.language
        self._context, self._words, self._token, self._path = context, words, visitor.token, path
        ui.add_head_html(f"{THEME_AT_START}<style>{BOARD_CSS}</style>")
        ui.page_title(f"{words['title']} · {words[PAGES[path]]}")
        with ui.element("header").classes("bar"):
            html(f"{LOGO_SVG}<span>{words['title']}</span>", "brand")
            self._health = html("", "chip", props="role=status data-testid=health")
            self.quarantine = html("", "chip plain", props="data-testid=quarantine-count")
            pages = {other: name for other, name in PAGES.items() if may_see(visitor.caller, other)}
            with ui.element("nav").classes("pages many" if len(pages) > MANY else "pages"):
                for other, name in pages.items():
                    current = "aria-current=page" if other == path else ""
                    html(words[name], "button", "a", f'href={other} data-testid="page-{name}" {current}')
            ui.element("div").classes("room")
            for code, name in LANGUAGES.items():
                if code != language:
                    html(name, "button", "a", f'href=/language/{code} lang={code} data-testid="language"')
            html("◐", tag="button", props=f'type=button title="{words["theme"]}" aria-label="{words["theme"]}"').on(
                "click", js_handler=f"() => {{ {THEME_JS} }}"
            )
            html(
                f'<form method="post" action="/logout"><button type="submit" data-testid="logout">{words["logout"]}'
                "</button></form>"
            )
        self._client, self._left = ui.context.client, False
        ui.timer(SECONDS_BETWEEN_CHECKS, self.check)  # the first time at once

    async def who(self) -> Principal | None:
        """Who is there, with their roles as they are now; None: they may not see this page, and it is closed.

        Raises:
            StoreError: The store does not answer.
        """
        caller = await asyncio.to_thread(self._context.authenticator.who, self._token)
        if caller is not None and may_see(caller, self._path):
            return caller
        self._leave("/login" if caller is None else "/account")
        return None

    def _leave(self, where: str) -> None:
        """Send the browser elsewhere; one that stays is cut off, for its socket was let in with the old session."""
        if self._left:
            return
        self._left = True
        with self._client:
            ui.navigate.to(where)
        asyncio.get_running_loop().call_later(LEAVE_S, lambda: asyncio.ensure_future(cut_off(self._client)))

    async def check(self) -> None:
        """The parts' health is in memory; the session may have ended in the meantime."""
        report = self._context.health.report()
        broken = [part for part in ("broker", "store", "ingest") if not report[part]]
        self._health.set_content(self._words[f"health.{broken[0]}" if broken else "health.good"])
        self._health.classes(replace="chip bad" if broken else "chip")
        with contextlib.suppress(StoreError):
            await self.who()


async def cut_off(client: Client) -> None:
    """End a page and its sockets."""
    sockets = list(client._socket_to_document_id)
    if client.id in Client.instances:
        client.delete()
    for socket in sockets:
        await core.sio.disconnect(socket)
