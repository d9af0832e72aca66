"""Pages that a script of ours fills from the HTTP API: the server keeps no list for them."""

from __future__ import annotations

from nicegui import Client, ui

from aggregator.web.dashboard.page_layout import PageContext, PageLayout, PageSession
from aggregator.web.dashboard.shell import assets


async def show(context: PageContext, path: str, script: str, client: Client) -> None:
    """Build a page for a request.

    Args:
        context: What every page needs.
        path: Of the page.
        script: Its module below `static/`, such as `queue/main.js`.
        client: The request's.
    """
    PageLayout(context, path, PageSession.of(client))
    name = script.partition("/")[0]
    ui.add_body_html(
        f'<main id="main" class="{name}-page" data-testid="{name}-page" tabindex="-1"></main>'
        f'<script type="module" src="{assets.ADDRESS}/{script}"></script>'
    )
