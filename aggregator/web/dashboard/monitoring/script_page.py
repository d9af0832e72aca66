"""Pages that a script of ours fills from the HTTP API: the server keeps no list for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import PurePosixPath

from nicegui import Client, ui

from aggregator.web.dashboard.shell import assets
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession

SCRIPTS = {
    "/": "queue/main.js",
    "/live": "live/main.js",
    "/overview": "live/overview/main.js",
    "/map": "live/map/main.js",
    "/devices": "devices/main.js",
    "/silences": "pages/silences/main.js",
    "/escalation": "pages/escalation/main.js",
    "/notifications": "pages/notifications/main.js",
    "/consumers": "pages/consumers/main.js",
}
"""The module of each page, below `static/`."""


def pages(context: PageContext) -> dict[str, Callable[[Client], Awaitable[None]]]:
    """What builds each of these pages for a request.

    Args:
        context: What every page needs.
    """
    return {path: partial(_show, context, path, script) for path, script in SCRIPTS.items()}


async def _show(context: PageContext, path: str, script: str, client: Client) -> None:
    PageLayout(context, path, PageSession.of(client))
    folder = PurePosixPath(script).parent
    name = folder.name
    if len(folder.parts) > 1:  # pages of forms have a style sheet in common
        ui.add_head_html(f'<link rel="stylesheet" href="{assets.ADDRESS}/{folder.parts[0]}/style.css">')
    ui.add_body_html(
        f'<main id="main" class="{name}-page" data-testid="{name}-page" tabindex="-1"></main>'
        f'<script type="module" src="{assets.ADDRESS}/{script}"></script>'
    )
