"""Pages that a script of ours fills from the HTTP API: the server keeps no list for them."""

from __future__ import annotations

from pathlib import PurePosixPath

from nicegui import Client, ui

from aggregator.web.dashboard.shell import assets
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession


async def show(context: PageContext, path: str, script: str, client: Client) -> None:
    """Build a page for a request.

    Args:
        context: What every page needs.
        path: Of the page.
        script: Its module below `static/`, such as `queue/main.js`.
        client: The request's.
    """
    PageLayout(context, path, PageSession.of(client))
    folder = PurePosixPath(script).parent
    name = folder.name
    if len(folder.parts) > 1:  # pages of forms have a style sheet in common
        ui.add_head_html(f'<link rel="stylesheet" href="{assets.ADDRESS}/{folder.parts[0]}/style.css">')
    ui.add_body_html(
        f'<main id="main" class="{name}-page" data-testid="{name}-page" tabindex="-1"></main>'
        f'<script type="module" src="{assets.ADDRESS}/{script}"></script>'
    )
