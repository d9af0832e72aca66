"""The page of live views: a camera is picked, its covered picture is shown, and how late it is."""

from __future__ import annotations

from html import escape
from pathlib import Path

from nicegui import Client, ui

from aggregator.web.dashboard.page_layout import PageContext, PageLayout, PageSession, html

PLAYER_JS = (Path(__file__).parents[1] / "static" / "live_player.js").read_text("utf-8")


async def show(context: PageContext, client: Client) -> None:
    """Build a page for a request."""
    visitor = PageSession.of(client)
    words, within = visitor.words, visitor.caller.within("live.see")
    PageLayout(context, "/live", visitor)
    ui.add_body_html(f"<script>{PLAYER_JS}</script>")  # before the first wait: later it is no part of the page
    known = await context.known()
    cameras = [it for it in known.cameras if within.holds(it.site, it.id)]
    with ui.element("main").classes("board wide"), ui.element("section"):
        with ui.element("div").classes("head"):
            html(words["live"], tag="h2")
        if not cameras:
            html(words["footage.none"], "none", props="data-testid=no-cameras")
            return
        options = "".join(
            f'<option value="{escape(f"{it.site}/{it.box}/{it.id}", quote=True)}">'
            f"{escape(context.sites.name(it.site))} · {escape(it.name or it.id)}</option>"
            for it in cameras
        )
        texts = " ".join(
            f'data-{name}="{escape(words[f"live.{name}"], quote=True)}"' for name in ("waits", "ended", "lag")
        )
        html(
            f'<select data-testid="live-camera" aria-label="{escape(words["footage.camera"], quote=True)}">{options}'
            f'</select> <button type="button" class="button" data-testid="live-start">{escape(words["live.start"])}'
            f'</button> <button type="button" class="button" data-testid="live-stop">{escape(words["live.stop"])}'
            '</button><div class="still"><video data-testid="live-video" muted playsinline></video></div>'
            f'<div class="where" data-testid="live-told" role="status" {texts}></div>'
        )
