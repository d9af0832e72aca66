"""The page of a site's list: vehicles and revoked cards. Every access is in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from nicegui import Client, ui
from nicegui.events import UploadEventArguments

from aggregator.domain.site_lists.conflicts import Conflict, ListConflict
from aggregator.domain.site_lists.list_entry import STANDINGS, Kind, ListEntry, ListEntryRequest
from aggregator.domain.site_lists.local_dates import shown
from aggregator.domain.store_port.site_lists import SiteListReader
from aggregator.services.site_lists.site_list_service import FileRows, SiteListService
from aggregator.web.body_limits import MOST_LIST_BYTES
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.forms.form import Dialog, Form
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import (
    SECONDS_BETWEEN_CHECKS,
    Known,
    PageContext,
    PageLayout,
    PageSession,
    html,
)
from common.clock import SECOND_NS
from common.errors import PaifangError

MOST_SHOWN = 20
"""So many conflicts and wrong rows are listed; the others are counted."""
_FIELDS = (
    ("text", "lists.text", "new-text maxlength=64"),
    ("standing", "", "new-standing"),
    ("owner", "lists.owner", "new-owner maxlength=200"),
    ("reason", "lists.why", "new-reason maxlength=200"),
    ("valid_from", "lists.from", "new-from placeholder=2026-12-31"),
    ("valid_until", "lists.until", "new-until placeholder=2026-12-31"),
)
"""Field of the entry, its label, its marks."""
COLUMNS = ("kind", "text", "standing", "owner", "why", "from", "until", "by")


def row_html(entry: ListEntry, words: Texts, zone: ZoneInfo) -> str:
    """An entry's cells; times are the site's."""
    days = [shown(entry.from_ns, zone), shown(entry.until_ns, zone, end=True)]
    kind, standing = words[f"kind.{entry.kind}"], words[f"standing.{entry.standing}"]
    cells = [kind, entry.text, standing, entry.owner, entry.reason, *days, entry.by]
    return "".join(f"<span>{escape(cell)}</span>" for cell in cells)


class ListsPage:
    """One open page.

    Args:
        context: What every page needs.
        reader: Versions of lists.
        lists: The lists.
        visitor: The user who opened it.
        known: Cameras and boxes.
    """

    def __init__(
        self,
        context: PageContext,
        reader: SiteListReader,
        lists: SiteListService,
        visitor: PageSession,
        known: Known,
    ) -> None:
        self._context, self._reader, self._lists, self._words = context, reader, lists, visitor.words
        within = visitor.caller.within("list.see")
        self._frame = PageLayout(context, "/lists", visitor)
        sites = sorted({box.site for box in known.boxes} | set(context.sites.sites))
        self._sites = {site: context.sites.name(site) for site in sites if within.holds(site)}
        self._fields: dict[str, ui.input | ui.select] = {}
        self._site, self._boxes = next(iter(self._sites), ""), known.boxes

    async def build(self) -> None:
        """Lay the page out; the list itself is shown when it is asked for."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["rail.lists"], tag="h2")
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
        ui.timer(SECONDS_BETWEEN_CHECKS, self._show_version)

    async def _choose(self, site: str) -> None:
        self._site = site
        await self._hide()

    async def _hide(self) -> None:
        """Nothing is shown before the access is in the audit log."""
        self._export.props(f'href="/api/sites/{self._site}/list.csv" download="{self._site}-list.csv"')
        self._zone_note.set_content(escape(self._words["lists.zone"].format(zone=self._zone().key)))
        await self._show_version()
        self._table.clear()
        with self._table:
            text = self._words["lists.show"]
            html(text, "main", "button", "type=button data-testid=show-list").on("click", self._show)

    async def _show(self) -> None:
        try:
            caller = await self._frame.who()
            if caller is not None:
                entries = await self._lists.entries(caller, self._site)
                await self._show_version()
                self._fill(entries)
        except PaifangError as error:
            ui.notify(error_text(error, self._words), type="negative")

    def _fill(self, entries: list[ListEntry]) -> None:
        self._table.clear()
        with self._table:
            if not entries:
                html(self._words["lists.none"], "none")
                return
            html("".join(f"<span>{escape(self._words[f'lists.{name}'])}</span>" for name in COLUMNS), "entry heads")
            for entry in entries:
                with ui.element("div").classes("line").props(f"data-testid=list-entry data-entry={entry.id}"):
                    html(row_html(entry, self._words, self._zone()), "entry")
                    remove = html(self._words["lists.remove"], "", "button", "type=button data-testid=remove-entry")
                    remove.on("click", lambda _, it=entry: self._remove(it.id))

    async def _show_version(self) -> None:
        site, reader, fleet = self._site, self._reader, self._context.fleet
        versions, boxes = await asyncio.to_thread(lambda: (reader.list_versions(), fleet.boxes()))
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
        form = Form(words, self._submit)
        fields = self._fields
        with ui.element("div").classes("form"):
            for name, label, more in _FIELDS:
                if name == "standing":
                    made: ui.input | ui.select = ui.select(standings, value="registered", label=words["lists.standing"])
                else:
                    made = ui.input(words[label])
                fields[name] = form.field(name, made.props(f"dense outlined data-testid={more}"))
            today = html(escape(words["lists.today"]), "", "button", "type=button data-testid=until-today")
            today.on("click", lambda: fields["valid_until"].set_value(self._today()))
            form.button(words["lists.add"], "add-entry")
            self._export = html(words["lists.export"], "button", "a", "data-testid=export-list")
            ui.upload(
                label=words["lists.import"], auto_upload=True, max_file_size=MOST_LIST_BYTES, on_upload=self._import
            ).props("flat accept=.csv data-testid=import-list")
        self._zone_note = html("", "where", props="data-testid=list-zone")
        self._report = html("", props="role=status data-testid=import-report")

    def _zone(self) -> ZoneInfo:
        return self._context.sites.zone_of_boxes(self._site, self._boxes)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._context.now_ns // SECOND_NS, self._zone()).date().isoformat()

    async def _submit(self) -> None:
        given = {name: str(field.value or "") for name, field in self._fields.items()}
        kind: Kind = "credential" if given["standing"] == "revoked" else "vehicle"
        chosen = given.pop("standing")
        standing = next(it for group in STANDINGS.values() for it in group if it == chosen)
        await self._add(ListEntryRequest(standing=standing, kind=kind, **given))

    async def _add(self, wanted: ListEntryRequest, *, replace: bool = False, reason: str = "") -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        try:
            await self._lists.add(caller, self._site, [wanted], replace=replace, reason=reason)
        except ListConflict as error:
            self._ask_replace([error.found[0]], lambda why: self._add(wanted, replace=True, reason=why))
            return
        ui.notify(self._words["done"], type="positive")
        for name in ("text", "reason"):
            self._fields[name].set_value("")
        await self._show()

    def _ask_replace(
        self,
        found: list[Conflict],
        replace: Callable[[str], Awaitable[None]],
        skip: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """What is there, and what would take its place; a reason first."""
        words = self._words

        async def act() -> None:
            await replace(str(reason.value or ""))

        title = words["lists.conflict"] if len(found) == 1 else words.counted("lists.conflicts", len(found))
        dialog = Dialog(escape(title), words, act)
        with dialog.body:
            items = "".join(f"<li>{escape(conflict_text(it, words, self._zone()))}</li>" for it in found[:MOST_SHOWN])
            more = words["lists.more"].format(count=len(found) - MOST_SHOWN) if len(found) > MOST_SHOWN else ""
            html(f"<ul>{items}</ul><p>{escape(more)}</p>", props="data-testid=conflict")
            field = ui.input(words["lists.replace.reason"]).props("autofocus maxlength=200 data-testid=conflict-reason")
            reason = dialog.form.field("reason", field)
        other = None if skip is None else (words["lists.skip"], "conflict-skip", skip)
        dialog.open(words["lists.replace"], "conflict-replace", other)

    async def _remove(self, entry: str) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            await self._lists.remove(caller, self._site, entry)
        except PaifangError as error:
            ui.notify(error_text(error, self._words), type="negative")
            return
        await self._show()

    async def _import(self, event: UploadEventArguments) -> None:
        """Conflicts are shown before anything is changed."""
        data = await event.file.read()
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            found = await self._lists.load(caller, self._site, data, preview=True)
            if found.conflicts:
                self._ask_replace(
                    list(found.conflicts.values()),
                    lambda why: self._load(data, replace=True, reason=why),
                    lambda: self._load(data),
                )
                self._tell(found, "lists.preview")
            else:
                await self._load(data)
        except PaifangError as error:
            self._report.set_content(escape(error_text(error, self._words)))

    async def _load(self, data: bytes, *, replace: bool = False, reason: str = "") -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        found = await self._lists.load(caller, self._site, data, replace=replace, reason=reason)
        self._tell(found, "lists.imported")
        await self._show()

    def _tell(self, found: FileRows, key: str) -> None:
        """How many rows were taken, and what is wrong with the others, line by line."""
        words, wrong = self._words, [row for row in found.rows if row.error is not None]
        lines = [
            words["lists.line"].format(line=row.line, problem=error_text(row.error, words))
            for row in wrong[:MOST_SHOWN]
            if row.error is not None
        ]
        if len(wrong) > MOST_SHOWN:
            lines.append(words["lists.more"].format(count=len(wrong) - MOST_SHOWN))
        text = words[key].format(added=found.added, wrong=len(wrong), conflicts=len(found.conflicts))
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        self._report.set_content(f"<p>{escape(text)}</p><ul>{items}</ul>")


def conflict_text(it: Conflict, words: Texts, zone: ZoneInfo) -> str:
    """What is there and what would take its place, in one sentence."""
    until = shown(it.present.until_ns, zone, end=True)
    key = "lists.conflict.until" if until else "lists.conflict.always"
    return words[key].format(
        text=it.present.text, standing=words[f"standing.{it.present.standing}"], until=until, owner=it.present.owner,
        reason=it.present.reason or "–", new=words[f"standing.{it.wanted.standing}"],
    )  # fmt: skip


async def show(context: PageContext, reader: SiteListReader, lists: SiteListService, client: Client) -> None:
    """Build a page for a request."""
    await ListsPage(context, reader, lists, PageSession.of(client), await context.known()).build()
