"""The dashboard: NiceGUI pages on the aggregator's own application. Every file comes from this machine."""

from __future__ import annotations

from fastapi import FastAPI
from nicegui import Client, ui

from aggregator.web.dashboard import alerts_page, gates_page, site_lists_page
from aggregator.web.dashboard.accounts import account_page, accounts_page
from aggregator.web.dashboard.investigation import audit_page, releases_page, search_page
from aggregator.web.dashboard.login import login
from aggregator.web.dashboard.page_updates import PageUpdates
from aggregator.web.dashboard.video import footage_page, live_page
from aggregator.web.services import Services


def mount(app: FastAPI, services: Services) -> None:
    """Add the log-in page and the dashboard. NiceGUI keeps global state: once per process."""
    login.mount(app, services)
    live = PageUpdates(services)

    @ui.page("/")
    async def start(client: Client) -> None:
        await alerts_page.show(services, live, client)

    @ui.page("/gates")
    async def gates_and_doors(client: Client) -> None:
        await gates_page.show(services, live, client)

    @ui.page("/footage")
    async def footage(client: Client) -> None:
        await footage_page.show(services, client)

    @ui.page("/live")
    async def live_views(client: Client) -> None:
        await live_page.show(services, client)

    @ui.page("/lists")
    async def lists(client: Client) -> None:
        await site_lists_page.show(services, client)

    @ui.page("/search")
    async def search(client: Client) -> None:
        await search_page.show(services, client)

    @ui.page("/record")
    def record(client: Client) -> None:
        audit_page.show(services, client)

    @ui.page("/releases")
    async def releases(client: Client) -> None:
        await releases_page.show(services, client)

    @ui.page("/staff")
    async def staff(client: Client) -> None:
        await accounts_page.show(services, client)

    @ui.page("/account")
    def account(client: Client) -> None:
        account_page.show(services, client)

    ui.run_with(app, title="Paifang", show_welcome_message=False)
