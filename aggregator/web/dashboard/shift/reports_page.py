"""Reports: the figures of ISA-18.2 with charts and tables, the quality of rules, and changes replayed."""

from __future__ import annotations

import asyncio
import urllib.parse
from html import escape
from typing import Any

from nicegui import Client, ui

from aggregator.domain.quality.aggregates import Source
from aggregator.domain.quality.figures import MOST_OPERATORS
from aggregator.services.monitoring.place_directory import names_of
from aggregator.services.shift.statistics_service import Asked, Report, StatisticsService
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession, html, rendered
from aggregator.web.dashboard.shift import charts
from aggregator.web.dashboard.shift import report_html as tables
from aggregator.web.dashboard.shift.parts import add_style
from common.clock import DAY_NS
from common.errors import PaifangError
from protocol.identifiers import to_rfc3339

DAYS = (1, 7, 30, 90, 365)


class ReportsPage:
    """One open page.

    Args:
        context: What every page needs.
        statistics: The figures.
        visitor: The user who opened it.
        rule: The rule whose changes are shown; None: none.
    """

    def __init__(
        self, context: PageContext, statistics: StatisticsService, visitor: PageSession, rule: Source | None
    ) -> None:
        self._context, self._statistics, self._words, self._rule = context, statistics, visitor.words, rule
        self._frame = PageLayout(context, "/reports", visitor)
        add_style()
        within = visitor.caller.within("reports.see")
        self._names = {it: context.sites.name(it) for it in sorted(context.sites.sites) if within.touches(it)}
        self._site, self._days, self._operators = "", 7, 1
        self._found = False

    async def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"):
            with ui.element("div").classes("form"):
                self._filters()
                self._csv = html(escape(words["reports.csv"]), "button", "a", "download data-testid=reports-csv")
            self._figures = html("", "figures", props="data-testid=figures")
            self._charts = ui.element("div").classes("pair")
            self._more = html("", props="data-testid=report-tables")
            self._quality = html("", "sheet", "section", "data-testid=quality")
            self._changes = html("", "sheet", "section", "id=rule data-testid=rule-changes")
            self._changes.set_visibility(self._rule is not None)
        await self._refresh()

    def _filters(self) -> None:
        words = self._words
        everywhere = {"": words["reports.all_sites"]} | self._names
        spans = {it: words.counted("reports.last_days", it) for it in DAYS}
        ui.select(
            everywhere, value="", label=words["reports.site"], on_change=lambda it: self._set(_site=it.value)
        ).props("dense outlined data-testid=reports-site")
        ui.select(
            spans, value=self._days, label=words["reports.span"], on_change=lambda it: self._set(_days=it.value)
        ).props("dense outlined data-testid=reports-span")
        ui.number(
            words["reports.operators"], value=1, min=1, max=MOST_OPERATORS, precision=0,
            on_change=lambda it: self._set(_operators=it.value),
        ).props("dense outlined data-testid=reports-operators")  # fmt: skip

    async def _set(self, **changed: Any) -> None:
        for name, value in changed.items():
            if value is None:
                return
            setattr(self, name, value)
        await self._refresh()

    def _asked(self) -> Asked:
        now_ns = self._context.now_ns
        operators = min(max(int(self._operators), 1), MOST_OPERATORS)
        return Asked((now_ns - int(self._days) * DAY_NS, now_ns), str(self._site) or None, operators)

    async def _refresh(self) -> None:
        asked, words, context = self._asked(), self._words, self._context
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            report = await self._statistics.report(caller, asked)
            rules, devices = await self._statistics.quality(caller, asked)
            rule = await self._statistics.rule(caller, self._rule, asked.span) if self._rule else None
            named = tables.Named(context.sites, await asyncio.to_thread(names_of, context.fleet))
        except PaifangError as error:
            ui.notify(error_text(error, words), type="negative")
            return
        query = {"from": to_rfc3339(asked.span[0]), "to": to_rfc3339(asked.span[1]), "operators": asked.operators}
        query |= {"site": asked.site} if asked.site else {}
        self._csv.props(f'href="/api/statistics.csv?{urllib.parse.urlencode(query)}"')
        self._figures.set_content(rendered(lambda: tables.figures_html(report, words), words))
        self._draw(report, named)
        self._more.set_content(rendered(lambda: self._tables(report, named), words))
        quality = tables.quality_html(rules, words["reports.rules"], named, words)
        by_device = tables.quality_html(devices, words["reports.devices"], named, words)
        self._quality.set_content(
            f"<h2>{escape(words['reports.quality'])}</h2><p class=soft>{escape(words['reports.quality_explain'])}</p>"
            f"<h3>{escape(words['reports.rules'])}</h3>{quality}<h3>{escape(words['reports.devices'])}</h3>{by_device}"
        )
        if rule is not None:
            title = words["reports.changes"].format(rule=tables.source_text(rule.source, named, words))
            self._changes.set_content(f"<h2>{escape(title)}</h2>{tables.rule_html(rule, words)}")
            if not self._found:  # the browser has looked for the link's place before there was one
                self._found = True
                ui.run_javascript("document.getElementById('rule').scrollIntoView()")

    def _draw(self, report: Report, named: tables.Named) -> None:
        words = self._words
        names = [tables.short_text(source, named, words) for source, _ in report.counted.sources]
        shown = (
            ("days", charts.days_chart(report, words), tables.days_html(report, words)),
            ("severities", charts.severities_chart(report, words), tables.severities_html(report, words)),
            ("sources", charts.sources_chart(report, names), tables.sources_html(report, named, words)),
            ("responses", charts.responses_chart(report, words), tables.responses_html(report, words)),
        )
        self._charts.clear()
        with self._charts:
            for name, options, table in shown:
                with ui.element("section").classes("sheet").props(f"data-chart={name}"):
                    html(escape(words[f"reports.{name}"]), tag="h2")
                    ui.echart(options, renderer="svg").classes("chart").props("aria-hidden=true")
                    html(table)

    def _tables(self, report: Report, named: tables.Named) -> str:
        words = self._words
        parts = [("availability", tables.availability_html(report, named, words))]
        if report.retention:
            parts.append(("retention", tables.retention_html(report, self._context.sites, words)))
        return "".join(
            f'<section class="sheet"><h2>{escape(words[f"reports.{name}"])}</h2>'
            f'<p class="soft">{escape(words[f"reports.{name}_explain"])}</p>{table}</section>'
            for name, table in parts
        )


def _rule_of(client: Client) -> Source | None:
    asked = client.request.query_params
    if "kind" not in asked:
        return None
    return Source(*(asked.get(name, "")[:64] for name in Source._fields))


async def show(context: PageContext, statistics: StatisticsService, client: Client) -> None:
    """Build a page for a request."""
    await ReportsPage(context, statistics, PageSession.of(client), _rule_of(client)).build()
