"""The auditor's page: entries of the audit log, anomalies, and the export of the whole log."""

from __future__ import annotations

import asyncio
from html import escape
from typing import get_args

from nicegui import Client, ui

from aggregator.audit import query
from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.audit.query import AuditFilter
from aggregator.domain.audit_anomalies import Anomaly
from aggregator.domain.audit_entry import Action, AuditEntry
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.page_layout import PageContext, PageLayout, PageSession, html
from common.errors import StoreError
from protocol.identifiers import to_rfc3339

COLUMNS = ("number", "time", "who", "what", "site", "target", "case", "reason")


def time_text(time_ns: int) -> str:
    """To the second, UTC: the record has no other clock."""
    return to_rfc3339(time_ns)[:19].replace("T", " ") + " UTC"


def row_html(number: int, act: AuditEntry) -> str:
    """An act's cells."""
    detail = ", ".join(f"{name}: {value}" for name, value in act.detail.items())
    reason = " · ".join(text for text in (act.reason, detail) if text)
    cells = (str(number), time_text(act.time_ns), act.who, act.what, act.site, act.target, act.case, reason)
    return "".join(f"<span>{escape(cell)}</span>" for cell in cells)


def finding_html(finding: Anomaly, words: Texts) -> str:
    """A finding in words."""
    text = words.counted(f"sign.{finding.sign}", finding.count, who=finding.who, about=finding.about)
    return f"<b>{escape(text)}</b> <span>{time_text(finding.from_ns)} – {time_text(finding.to_ns)}</span>"


class AuditPage:
    """One open page.

    Args:
        context: What every page needs.
        audit_log: Where the access is logged.
        visitor: The user who opened it.
    """

    def __init__(self, context: PageContext, audit_log: AuditLogWriter, visitor: PageSession) -> None:
        self._context, self._audit_log, self._words = context, audit_log, visitor.words
        self._frame = PageLayout(context, "/record", visitor)
        self._before: int | None = None

    def build(self) -> None:
        """Lay the page out; the record itself is shown when it is asked for."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["record"], tag="h2")
                ui.element("div").classes("room")
                html(words["record.whole"], "button", "a", 'href="/api/record.jsonl" download="record.jsonl"')
            with ui.element("div").classes("form"):
                self._who = ui.input(words["record.who"]).props("dense outlined maxlength=64 data-testid=record-who")
                kinds = {"": "–"} | {kind: kind for kind in get_args(Action)}
                self._what = ui.select(kinds, value="", label=words["record.what"]).props("dense outlined")
                self._site = ui.input(words["record.site"]).props("dense outlined maxlength=64")
                self._case = ui.input(words["record.case"]).props("dense outlined maxlength=64 data-testid=record-case")
                show = html(words["record.show"], "main", "button", "type=button data-testid=show-record")
                show.on("click", lambda: self._show(first=True))
            self._signs = html("", "where", props="data-testid=signs")
            self._table = ui.element("div").classes("table acts-table").props("data-testid=acts")
            self._more = html(words["search.more"], "", "button", "type=button data-testid=more-acts")
            self._more.on("click", lambda: self._show(first=False))
            self._more.set_visibility(False)

    async def _show(self, *, first: bool) -> None:
        reader, now_ns = self._context.reader, self._context.now_ns
        wanted = AuditFilter(
            *(str(field.value or "").strip() for field in (self._who, self._what, self._site, self._case))
        )
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            asked = {name: value for name, value in vars(wanted).items() if value}
            act = AuditEntry(time_ns=now_ns, who=caller.name, what="view", target="record", detail=asked)
            await self._audit_log.record(act)
            if first:
                signs = await asyncio.to_thread(query.recent_anomalies, reader, now_ns)
                self._signs.set_content("".join(f"<p>{finding_html(it, self._words)}</p>" for it in signs))
            before = None if first else self._before
            found, self._before = await asyncio.to_thread(query.page, reader, wanted, before)
        except StoreError as error:
            ui.notify(str(error), type="negative")
            return
        if first:
            self._table.clear()
        with self._table:
            if first:
                html(
                    "".join(f"<span>{escape(self._words[f'record.{name}'])}</span>" for name in COLUMNS), "entry heads"
                )
            for number, act in found:
                html(row_html(number, act), "entry", props="data-testid=act")
        self._more.set_visibility(self._before is not None)


async def show(context: PageContext, audit_log: AuditLogWriter, client: Client) -> None:
    """Build a page for a request."""
    AuditPage(context, audit_log, PageSession.of(client)).build()
