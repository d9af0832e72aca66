"""The page of a site's list: vehicles and revoked cards. Every access is in the audit log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from html import escape

from nicegui import Client, ui
from nicegui.events import UploadEventArguments

from aggregator.domain.list_entry import STANDINGS, Kind, ListEntry, ListEntryRequest
from aggregator.services.site_list_service import SiteListService
from aggregator.web.body_limits import MOST_LIST_BYTES
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.page_layout import (
    SECONDS_BETWEEN_CHECKS,
    Known,
    PageContext,
    PageLayout,
    PageSession,
    html,
)
from common.clock import SECOND_NS
from common.errors import Forbidden, ListError, StoreError

COLUMNS = ("kind", "text", "standing", "owner", "why", "from", "until", "by")


def row_html(entry: ListEntry, words: Texts) -> str:
    """An entry's cells."""
    days = [_day(entry.from_ns), _day(entry.until_ns)]
    kind, standing = words[f"kind.{entry.kind}"], words[f"standing.{entry.standing}"]
    cells = [kind, entry.text, standing, entry.owner, entry.reason, *days, entry.by]
    return "".join(f"<span>{escape(cell)}</span>" for cell in cells)


def _day(time_ns: int | None) -> str:
    return "" if time_ns is None else f"{datetime.fromtimestamp(time_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M} UTC"


class ListsPage:
    """One open page.

    Args:
        context: What every page needs.
        lists: The lists.
        visitor: The user who opened it.
        known: Cameras and boxes.
    """

    def __init__(self, context: PageContext, lists: SiteListService, visitor: PageSession, known: Known) -> None:
        self._context, self._lists, self._words = context, lists, visitor.words
        within = visitor.caller.within("list.see")
        self._frame = PageLayout(context, "/lists", visitor)
        sites = sorted({box.site for box in known.boxes} | set(context.sites.sites))
        self._sites = {site: context.sites.name(site) for site in sites if within.holds(site)}
        self._site = next(iter(self._sites), "")

    async def build(self) -> None:
        """Lay the page out; the list itself is shown when it is asked for."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["lists"], tag="h2")
                self._version = html("", "chip plain", props="data-testid=list-version")
                ui.element("div").classes("room")
                ui.select(self._sites, value=self._site or None, on_change=lambda it: self._choose(it.value)).props(
                    f'dense outlined label="{words["lists.site"]}" data-testid=list-site'
                )
            if not self._site:
                html(words["gates.none"], "none")
                return
            self._form()
            self._table = ui.element("div").classes("table").props("data-testid=list")
        await self._hide()
        ui.timer(SECONDS_BETWEEN_CHECKS, self._tell_version)

    async def _choose(self, site: str) -> None:
        self._site = site
        await self._hide()

    async def _hide(self) -> None:
        """Nothing is shown before the access is in the audit log."""
        await self._tell_version()
        self._table.clear()
        with self._table:
            text = self._words["lists.show"]
            html(text, "main", "button", "type=button data-testid=show-list").on("click", self._show)

    async def _show(self) -> None:
        try:
            caller = await self._frame.who()
            if caller is not None:
                entries = await self._lists.entries(caller, self._site)
                await self._tell_version()
                self._fill(entries)
        except (StoreError, ListError, Forbidden) as error:
            ui.notify(str(error), type="negative")

    def _fill(self, entries: list[ListEntry]) -> None:
        self._table.clear()
        with self._table:
            if not entries:
                html(self._words["lists.none"], "none")
                return
            html("".join(f"<span>{escape(self._words[f'lists.{name}'])}</span>" for name in COLUMNS), "entry heads")
            for entry in entries:
                with ui.element("div").classes("line").props(f"data-testid=list-entry data-entry={entry.id}"):
                    html(row_html(entry, self._words), "entry")
                    remove = html(self._words["lists.remove"], "", "button", "type=button data-testid=remove-entry")
                    remove.on("click", lambda _, it=entry: self._remove(it.id))

    async def _tell_version(self) -> None:
        site, reader = self._site, self._context.reader
        versions, boxes = await asyncio.to_thread(lambda: (reader.list_versions(), reader.boxes()))
        if site != self._site:  # another site was chosen meanwhile
            return
        version = versions.get(site, 0)
        boxes = [box for box in boxes if box.site == site]
        good = sum(box.lists == version for box in boxes)
        text = self._words["lists.version"].format(version=version, count=good, all=len(boxes))
        self._version.set_content(escape(text))

    def _form(self) -> None:
        words = self._words
        standings = {it: words[f"standing.{it}"] for group in STANDINGS.values() for it in group}
        with ui.element("div").classes("form"):
            text = ui.input(words["lists.text"]).props("dense outlined maxlength=64 data-testid=new-text")
            standing = ui.select(standings, value="registered").props("dense outlined data-testid=new-standing")
            owner = ui.input(words["lists.owner"]).props("dense outlined maxlength=200 data-testid=new-owner")
            reason = ui.input(words["lists.why"]).props("dense outlined maxlength=200 data-testid=new-reason")
            until = ui.input(words["lists.until"]).props("dense outlined placeholder=2026-12-31 data-testid=new-until")
            add = html(words["lists.add"], "main", "button", "type=button data-testid=add-entry")
            link = f'href="/api/sites/{self._site}/list.csv" download="{self._site}-list.csv"'
            html(words["lists.export"], "button", "a", link)
            ui.upload(
                label=words["lists.import"], auto_upload=True, max_file_size=MOST_LIST_BYTES, on_upload=self._import
            ).props("flat accept=.csv")

        async def submit() -> None:
            kind: Kind = "credential" if standing.value == "revoked" else "vehicle"
            fields = {"text": text.value, "owner": owner.value, "reason": reason.value, "valid_until": until.value}
            given = {name: str(value or "") for name, value in fields.items()}
            await self._add(ListEntryRequest(standing=standing.value, kind=kind, **given))

        add.on("click", submit)

    async def _add(self, wanted: ListEntryRequest) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            await self._lists.add(caller, self._site, [wanted])
        except (ListError, StoreError, Forbidden) as error:
            ui.notify(str(error), type="negative")
            return
        ui.notify(self._words["done"], type="positive")
        await self._show()

    async def _remove(self, entry: str) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            await self._lists.remove(caller, self._site, entry)
        except (ListError, StoreError, Forbidden) as error:
            ui.notify(str(error), type="negative")
            return
        await self._show()

    async def _import(self, event: UploadEventArguments) -> None:
        data = await event.file.read()
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            rows = await self._lists.load(caller, self._site, data)
        except (ListError, StoreError, Forbidden) as error:
            ui.notify(str(error), type="negative")
            return
        wrong = [row for row in rows if row.wanted is None]
        summary = self._words["lists.imported"].format(added=len(rows) - len(wrong), wrong=len(wrong))
        lines = "; ".join(f"{row.line}: {row.problem}" for row in wrong[:5])
        ui.notify(f"{summary}. {lines}", type="warning" if wrong else "positive", timeout=10_000 if wrong else 3_000)
        await self._show()


async def show(context: PageContext, lists: SiteListService, client: Client) -> None:
    """Build a page for a request."""
    await ListsPage(context, lists, PageSession.of(client), await context.known()).build()
