"""Procedures: the checklist of a kind at a site, its versions, and a new version by a supervisor."""

from __future__ import annotations

from html import escape

from nicegui import Client, ui
from nicegui.elements.checkbox import Checkbox
from nicegui.elements.input import Input

from aggregator.domain.shift.default_procedures import DEFAULTS
from aggregator.domain.shift.procedure import MOST_STEPS, MOST_TEXT, Procedure, built_in
from aggregator.domain.shift.step import Step
from aggregator.services.shift.procedure_service import ProcedureService
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession, html
from aggregator.web.dashboard.shift.parts import add_style, kind_text, table_html, time_html
from common.errors import PaifangError


class ProceduresPage:
    """One open page.

    Args:
        context: What every page needs.
        procedures: Reads and changes them.
        visitor: The user who opened it.
    """

    def __init__(self, context: PageContext, procedures: ProcedureService, visitor: PageSession) -> None:
        self._context, self._procedures, self._words = context, procedures, visitor.words
        self._language = visitor.language.replace("-", "_")
        self._frame = PageLayout(context, "/procedures", visitor)
        add_style()
        change, see = visitor.caller.within("procedure.change"), visitor.caller.within("alerts.see")
        self._sites = {it: context.sites.name(it) for it in sorted(context.sites.sites) if see.touches(it)}
        self._change = change
        self._kind, self._site = next(iter(DEFAULTS)), ""
        self._seen = built_in(self._kind)
        self._steps: list[Step] = []
        self._fields: list[tuple[Input, Input, Checkbox]] = []

    async def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"):
            with ui.element("div").classes("form"):
                kinds = {it: kind_text(it, words) for it in DEFAULTS}
                ui.select(
                    kinds,
                    value=self._kind,
                    label=words["procedures.kind"],
                    on_change=lambda it: self._choose(kind=it.value),
                ).props("dense outlined data-testid=procedure-kind")
                sites = {"": words["procedures.all_sites"]} | self._sites
                ui.select(
                    sites, value="", label=words["shift.head.site"], on_change=lambda it: self._choose(site=it.value)
                ).props("dense outlined data-testid=procedure-site")
            self._now = ui.element("section").classes("sheet").props("data-testid=procedure")
            self._past = html("", "sheet", "section", "data-testid=procedure-versions")
        await self._load()

    async def _choose(self, kind: str | None = None, site: str | None = None) -> None:
        self._kind, self._site = kind or self._kind, self._site if site is None else site
        await self._load()

    async def _load(self) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            versions = await self._procedures.versions(caller, self._kind, self._site)
        except PaifangError as error:
            ui.notify(error_text(error, self._words), type="negative")
            return
        default = built_in(self._kind)
        nothing = Procedure(kind=self._kind, site=self._site, version=0, steps=default.steps)
        self._seen = versions[0] if versions else nothing
        self._steps = list(self._seen.steps)
        self._draw()
        self._past.set_content(self._versions_html(versions))

    def _may_change(self) -> bool:
        return self._change.holds(self._site) if self._site else self._change.everywhere

    def _draw(self) -> None:
        words, seen = self._words, self._seen
        self._now.clear()
        with self._now:
            title = words["procedures.version" if seen.version else "procedures.built_in"].format(version=seen.version)
            html(escape(title), tag="h2")
            if self._site and not seen.version:
                html(escape(words["procedures.inherits"]), "soft", "p")
            if not self._may_change():
                html(self._steps_html(self._seen.steps))
                html(escape(words["procedures.read_only"]), "soft", "p")
                return
            html(escape(words["procedures.explain"]), "soft", "p")
            self._form()

    def _form(self) -> None:
        words = self._words
        self._fields = []
        for number, step in enumerate(self._steps, 1):
            with ui.element("div").classes("step-row").props(f"data-testid=step-{number}"):
                html(str(number), "number")
                english = ui.input(words["procedures.english"].format(number=number), value=step.en)
                chinese = ui.input(words["procedures.chinese"].format(number=number), value=step.zh_CN)
                for field in (english, chinese):
                    field.props(f"dense outlined maxlength={MOST_TEXT}")
                required = ui.checkbox(words["procedures.required"], value=step.required)
                remove = html(escape(words["procedures.remove"]), "", "button", "type=button")
                remove.on("click", lambda _, it=number: self._remove(it))
            self._fields.append((english, chinese, required))
        with ui.element("div").classes("form"):
            add = html(escape(words["procedures.add"]), "", "button", "type=button data-testid=add-step")
            add.on("click", self._add)
            save = html(escape(words["procedures.save"]), "main", "button", "type=button data-testid=save-procedure")
            save.on("click", self._save)

    def _typed(self) -> list[Step]:
        """What stands in the fields."""
        return [
            Step(en=str(en.value or "").strip(), zh_CN=str(zh.value or "").strip(), required=bool(required.value))
            for en, zh, required in self._fields
        ]

    def _add(self) -> None:
        self._steps = self._typed()
        if len(self._steps) < MOST_STEPS:
            self._steps.append(Step())
        self._draw()

    def _remove(self, number: int) -> None:
        self._steps = self._typed()
        del self._steps[number - 1]
        self._draw()

    async def _save(self) -> None:
        """What was typed stays where a field is wrong or somebody was faster."""
        words, steps = self._words, self._typed()
        empty = next((number for number, it in enumerate(steps, 1) if not (it.en or it.zh_CN)), None)
        if empty is not None:
            ui.notify(words["procedures.empty"].format(number=empty), type="warning")
            return
        wanted = Procedure(kind=self._kind, site=self._site, version=self._seen.version + 1, steps=tuple(steps))
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            made = await self._procedures.change(caller, wanted)
        except PaifangError as error:
            ui.notify(error_text(error, words), type="negative", timeout=8000)
            return
        if not made:
            ui.notify(words["procedures.conflict"], type="negative", timeout=8000)
            return
        ui.notify(words["procedures.saved"], type="positive")
        await self._load()

    def _steps_html(self, steps: tuple[Step, ...]) -> str:
        if not steps:
            return f'<p class="none">{escape(self._words["procedures.none"])}</p>'
        mark = f' <span class="mark">{escape(self._words["procedures.required"])}</span>'
        rows = "".join(f"<li>{escape(it.text(self._language))}{mark if it.required else ''}</li>" for it in steps)
        return f"<ol>{rows}</ol>"

    def _versions_html(self, versions: list[Procedure]) -> str:
        words, sites = self._words, self._context.sites
        title = f"<h2>{escape(words['procedures.versions'])}</h2>"
        if not versions:
            return f'{title}<p class="none">{escape(words["shift.none"])}</p>'
        rows = [
            [str(it.version), time_html(sites, it.site, it.made_ns), escape(it.made_by), self._steps_html(it.steps)]
            for it in versions
        ]
        heads = [words[f"procedures.head.{name}"] for name in ("version", "since", "by", "steps")]
        return title + table_html(words["procedures.versions"], heads, rows)


async def show(context: PageContext, procedures: ProcedureService, client: Client) -> None:
    """Build a page for a request."""
    await ProceduresPage(context, procedures, PageSession.of(client)).build()
