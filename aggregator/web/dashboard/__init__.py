"""The dashboard: NiceGUI pages on the aggregator's own application. Every file comes from this machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from fastapi import FastAPI
from nicegui import Client, ui

from aggregator.web.dashboard.shell import assets

Show: TypeAlias = Callable[[Client], Awaitable[None]]
"""Builds a page for a request."""


def mount(app: FastAPI, pages: Mapping[str, Show]) -> None:
    """Add pages by their paths. NiceGUI keeps global state: once per process."""
    for path, show in pages.items():
        _add(path, show)
    assets.mount(app)
    # No page uses Tailwind's classes; its compiler would run in every browser on every change of a page.
    ui.run_with(app, title="Paifang", show_welcome_message=False, tailwind=False, dark=None)


def _add(path: str, show: Show) -> None:
    @ui.page(path)
    async def page(client: Client) -> None:
        await show(client)
