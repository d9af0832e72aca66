"""The auditor's page: the audit log in sentences, anomalies, a case's dossier, the export of the whole log."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from html import escape
from typing import Protocol, get_args
from urllib.parse import quote
from zoneinfo import ZoneInfo

from nicegui import Client, ui

from aggregator.audit import query
from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.audit.names import AuditNames, NamesReader
from aggregator.audit.query import AuditFilter
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.read_models import Box
from aggregator.domain.site_lists.local_dates import instant
from aggregator.domain.store_port.audit import AuditReader
from aggregator.web.dashboard.forms.form import Form
from aggregator.web.dashboard.html.audit_html import finding_html, row_html
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession, html
from common.errors import PaifangError, RecordError

COLUMNS = ("number", "time", "sentence", "site", "reason")


class RecordReader(AuditReader, NamesReader, Protocol):
    """Reads the audit log and the names of what its entries are about."""


class AuditPage:
    """One open page.

    Args:
        context: What every page needs.
        reader: The audit log and names.
        audit_log: Where the access is logged.
        visitor: The user who opened it.
        boxes: For the sites' time zones.
    """

    def __init__(
        self,
        context: PageContext,
        reader: RecordReader,
        audit_log: AuditLogWriter,
        visitor: PageSession,
        boxes: list[Box],
    ) -> None:
        self._context, self._reader, self._audit_log = context, reader, audit_log
        self._words, self._boxes = visitor.words, boxes
        self._frame = PageLayout(context, "/record", visitor)
        self._before: int | None = None
        self._reading = asyncio.Lock()
        self._sites = sorted({box.site for box in boxes} | set(context.sites.sites))

    def build(self) -> None:
        """Lay the page out; the record itself is shown when it is asked for."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["rail.record"], tag="h2")
                ui.element("div").classes("room")
                html(words["record.whole"], "button", "a", 'href="/api/record.jsonl" download="record.jsonl"')
            self._form()
            self._signs = html("", "where", props="data-testid=signs")
            self._dossier_link = html("", "where", props="data-testid=dossier-link")
            self._table = ui.element("div").classes("table acts-table").props("data-testid=acts")
            self._more = html(words["search.more"], "", "button", "type=button data-testid=more-acts")
            self._more.on("click", self._next)
            self._more.set_visibility(False)

    def _form(self) -> None:
        words = self._words
        form = self._filter = Form(words, self._first)
        with ui.element("div").classes("form"):
            self._who = form.field("who", ui.input(words["record.who"]))
            self._who.props("dense outlined maxlength=64 data-testid=record-who")
            kinds = {"": "–"} | {kind: words.get(f"action.{kind}", kind) for kind in get_args(Action)}
            what = ui.select(kinds, value="", label=words["record.what"])
            self._what = form.field("what", what.props("dense outlined data-testid=record-what"))
            sites = {"": "–"} | {site: self._context.sites.name(site) for site in self._sites}
            site = ui.select(sites, value="", label=words["record.site"])
            self._site = form.field("site", site.props("dense outlined data-testid=record-site"))
            self._case = form.field("case", ui.input(words["record.case"]))
            self._case.props("dense outlined maxlength=64 data-testid=record-case")
            self._from = form.field("from", ui.input(words["record.from"]))
            self._from.props("dense outlined maxlength=25 placeholder=2026-11-27 data-testid=record-from")
            self._until = form.field("until", ui.input(words["record.until"]))
            self._until.props("dense outlined maxlength=25 placeholder=2026-11-27 data-testid=record-until")
            form.button(words["record.show"], "show-record")
            html(escape(words["record.dossier"]), "", "button", "type=button data-testid=show-dossier").on(
                "click", self._ask_dossier
            )

    def _zone(self, site: str = "") -> ZoneInfo:
        """Of a site; of the chosen one, or of the only one, where an entry is about none."""
        chosen = site or str(self._site.value or "") or (self._sites[0] if len(self._sites) == 1 else "")
        return self._context.sites.zone_of_boxes(chosen, self._boxes) if chosen else ZoneInfo("UTC")

    def _wanted(self) -> AuditFilter:
        zone, fields = self._zone(), (self._who, self._what, self._site, self._case)
        who, what, site, case = (str(field.value or "").strip() for field in fields)
        return AuditFilter(
            who, what, site, case,
            instant(str(self._from.value or ""), "from", zone),
            instant(str(self._until.value or ""), "until", zone, end=True),
        )  # fmt: skip

    async def _first(self) -> None:
        async with self._reading:
            await self._show(first=True)

    async def _next(self) -> None:
        async with self._reading:  # a second click goes on after the entries of the first
            try:
                if self._before is not None:
                    await self._show(first=False)
            except PaifangError as error:
                self._filter.show_error(error)

    async def _log(self, target: str, asked: dict[str, str], case: str = "") -> bool:
        """Put the access in the audit log; False: the session is over."""
        caller = await self._frame.who()
        if caller is None:
            return False
        now_ns = self._context.now_ns
        act = AuditEntry(time_ns=now_ns, who=caller.name, what="view", target=target, case=case, detail=asked)
        await self._audit_log.record(act)
        return True

    async def _show(self, *, first: bool) -> None:
        reader, now_ns, wanted = self._reader, self._context.now_ns, self._wanted()
        asked = {name: str(value) for name, value in asdict(wanted).items() if value}
        if not await self._log("record", asked):
            return
        if first:
            signs = await asyncio.to_thread(query.recent_anomalies, reader, now_ns)
            zone = self._zone()
            self._signs.set_content("".join(f"<p>{finding_html(it, self._words, zone)}</p>" for it in signs))
            self._dossier_link.set_content("")
        before = None if first else self._before
        found, self._before = await asyncio.to_thread(query.page, reader, wanted, before)
        await self._fill(found, first=first)
        self._more.set_visibility(self._before is not None)

    async def _ask_dossier(self) -> None:
        self._filter.clear_errors()
        try:
            async with self._reading:
                await self._dossier()
        except PaifangError as error:
            self._filter.show_error(error)

    async def _dossier(self) -> None:
        """Everything that was done under a case, oldest first."""
        case, words = str(self._case.value or "").strip(), self._words
        if not case:
            raise RecordError("case: name the case", sentence="error.dossier.case", field="case")
        if not await self._log("record", {"dossier": case}, case):
            return
        found = await asyncio.to_thread(query.dossier, self._reader, case)
        if not found:
            text = f"case: the audit log names no case '{case}'"
            raise RecordError(text, sentence="error.dossier.none", field="case", case=case)
        await self._fill(found, first=True)
        self._more.set_visibility(False)
        text = escape(words.counted("record.dossier.shown", len(found), case=case))
        link = f'href="/api/record/dossier.jsonl?case={quote(case)}" download="{quote(case)}.jsonl"'
        self._dossier_link.set_content(f"{text} <a {link}>{escape(words['record.dossier.export'])}</a>")

    async def _fill(self, found: list[tuple[int, AuditEntry]], *, first: bool) -> None:
        words, sites = self._words, self._context.sites
        names = await asyncio.to_thread(AuditNames.of, self._reader, [act for _, act in found])
        if first:
            self._table.clear()
        with self._table:
            if first and not found:
                html(escape(words["record.none"]), "none")
            elif first:
                html("".join(f"<span>{escape(words[f'record.{name}'])}</span>" for name in COLUMNS), "entry heads")
            for number, act in found:
                site = sites.name(act.site) if act.site else ""
                cells = row_html((number, act), names, words, zone=self._zone(act.site), site=site)
                html(cells, "entry", props="data-testid=act")


async def show(context: PageContext, reader: RecordReader, audit_log: AuditLogWriter, client: Client) -> None:
    """Build a page for a request."""
    AuditPage(context, reader, audit_log, PageSession.of(client), (await context.known()).boxes).build()
