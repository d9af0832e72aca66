"""What all pages have in common: the bar at the top and the check that the session still lives."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from nicegui import Client, core, ui
from nicegui.elements.html import Html
from nicegui.language import Language

from aggregator.auth.authenticator import Authenticator
from aggregator.auth.client_address import session_of
from aggregator.domain.accounts.authorization import PERMISSIONS, Principal
from aggregator.domain.read_models import Box, Camera
from aggregator.domain.store_port.events import FleetReader
from aggregator.services.site_clock import SiteClock
from aggregator.web.auth_middleware import may_see
from aggregator.web.dashboard.i18n.texts import TEXTS, Texts
from aggregator.web.dashboard.shell import assets
from aggregator.web.dashboard.shell.rail import page_name
from aggregator.web.dashboard.shell.top_bar import ShellData, shell_html
from aggregator.web.error_page import language_of
from common import logging_setup
from common.errors import StoreError

STYLES = ("palette", "board", "work", "shell", "queue", "live")
_log = logging_setup.get("dashboard")
SECONDS_BETWEEN_CHECKS = 2.0
LEAVE_S = 1.0
"""A browser that was sent elsewhere has left by then."""
THEME_COOKIE = "paifang_theme"
QUASAR_LANGUAGES: dict[str, Language] = {"en": "en-US", "zh-CN": "zh-CN"}
THEME_AT_START = (
    "<script>const kept = document.cookie.match(/paifang_theme=(dark|light)/); "
    "if (kept) document.documentElement.classList.add(kept[1]);</script>"
)

EVENTS_IN_ORDER = (
    "<script>{ let connected; const waiting = [], timer = window.setTimeout; "
    "window.setTimeout = (task, ...more) => task?.name === 'delayed_emitter' && connected === false "
    "? waiting.push(task) : timer(task, ...more); "
    "Object.defineProperty(window, 'did_handshake', { get: () => connected, set: (value) => { "
    "connected = value; if (value) for (const send of waiting.splice(0)) send(); } }); }</script>"
)
"""NiceGUI lets each event wait for the connection by a timer of its own (`delayed_emitter`), so that Enter can be sent
before the text that was typed. This sends what waits in the order in which the user did it."""

TO_LOGIN = (
    "const here = location.pathname + location.search; "
    "location.assign('/login?' + (here === '/' ? '' : `next=${encodeURIComponent(here)}&`) + 'ended=1')"
)
"""The page's address as it is now, with its filters, is where the log-in leads back to."""


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
        fleet: Cameras, boxes, gates and doors.
        sites: Names and time zones of sites.
        authenticator: Checks sessions.
    """

    fleet: FleetReader
    sites: SiteClock
    authenticator: Authenticator

    @property
    def now_ns(self) -> int:
        """The present, UTC nanoseconds."""
        return self.sites.clock.wall_ns()

    async def known(self) -> Known:
        """Read cameras and boxes, off the event loop."""
        fleet = self.fleet
        return Known(*await asyncio.gather(asyncio.to_thread(fleet.cameras), asyncio.to_thread(fleet.boxes)))


class PageLayout:
    """What stands around a page: navigation, the bar at the top, and the check that the session still lives.

    The page itself adds one element `main`. Navigation and bar are plain HTML before the application, so that they
    are painted at once; `static/shell/main.js` keeps them up to date.

    Args:
        context: Sites and sessions.
        path: Of this page.
        visitor: The user who opened it.
    """

    def __init__(self, context: PageContext, path: str, visitor: PageSession) -> None:
        words, self._client = visitor.words, ui.context.client
        self._context, self._token, self._path, self._left = context, visitor.token, path, False
        theme = self._client.request.cookies.get(THEME_COOKIE, "")
        self._client.page = copy.copy(self._client.page)  # of this request only
        self._client.page.language = QUASAR_LANGUAGES[visitor.language]
        self._client.page.dark = {"dark": True, "light": False}.get(theme)
        self._client.page_container.default_slot.children[0].tag = "div"  # Quasar's is a second `main`
        data = ShellData(path, visitor.language, visitor.caller, _sites(context, visitor.caller), assets.ADDRESS)
        links = "".join(f'<link rel="stylesheet" href="{assets.ADDRESS}/{name}.css">' for name in STYLES)
        ui.add_head_html(f"{THEME_AT_START}{EVENTS_IN_ORDER}{links}")
        ui.add_body_html(shell_html(data, words))
        ui.page_title(f"{words['title']} · {page_name(path, words)}")
        ui.timer(SECONDS_BETWEEN_CHECKS, self.check)  # the first time at once

    async def who(self) -> Principal | None:
        """Who is there, with their roles as they are now; None: they may not see this page, and it is closed.

        Raises:
            StoreError: The store does not answer.
        """
        caller = await asyncio.to_thread(self._context.authenticator.who, self._token)
        if caller is not None and may_see(caller, self._path):
            return caller
        self._leave("" if caller is None else "/account")
        return None

    def _leave(self, where: str) -> None:
        """Send the browser elsewhere, by default to the log-in.

        One that stays is cut off: its socket was let in with the old session.
        """
        if self._left:
            return
        self._left = True
        with self._client:
            ui.run_javascript(f"location.assign({where!r})" if where else TO_LOGIN)
        asyncio.get_running_loop().call_later(LEAVE_S, lambda: asyncio.ensure_future(cut_off(self._client)))

    async def check(self) -> None:
        """The session may have ended in the meantime."""
        with contextlib.suppress(StoreError):
            await self.who()


def _sites(context: PageContext, caller: Principal) -> dict[str, tuple[str, str]]:
    """The configured sites that a caller has any role in: id → (name, time zone)."""
    scopes = [caller.within(permission) for permission in PERMISSIONS]
    return {
        site: (context.sites.name(site), about.timezone or "")
        for site, about in context.sites.sites.items()
        if any(scope.touches(site) for scope in scopes)
    }


async def cut_off(client: Client) -> None:
    """End a page and its sockets."""
    sockets = list(client._socket_to_document_id)
    if client.id in Client.instances:
        client.delete()
    for socket in sockets:
        await core.sio.disconnect(socket)
