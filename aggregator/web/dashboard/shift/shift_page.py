"""The hand-over: what is open now, notes, and the signatures of two people."""

from __future__ import annotations

from html import escape

from nicegui import Client, ui
from nicegui.elements.html import Html

from aggregator.domain.shift.handover import MOST_NOTE, Handover
from aggregator.services.shift.handover_service import HandoverService
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession, html, rendered
from aggregator.web.dashboard.shift.handover_html import content_html, past_row, signatures_html
from aggregator.web.dashboard.shift.parts import add_style, scope_text, table_html
from common.errors import PaifangError

MOST_PAST = 30


class ShiftPage:
    """One open page.

    Args:
        context: What every page needs.
        handovers: Makes and signs documents.
        visitor: The user who opened it.
        wanted: The id of a document to show; empty: the present.
    """

    def __init__(self, context: PageContext, handovers: HandoverService, visitor: PageSession, wanted: str) -> None:
        self._context, self._handovers, self._words = context, handovers, visitor.words
        self._caller, self._wanted = visitor.caller, wanted
        self._frame = PageLayout(context, "/shift", visitor)
        add_style()
        self._scopes = handovers.scopes(visitor.caller)
        self._scope = self._scopes[0] if self._scopes else ""
        self._document: Handover | None = None

    async def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"):
            if len(self._scopes) > 1:
                with ui.element("div").classes("form"):
                    names = {it: scope_text(it, self._context.sites, words) for it in self._scopes}
                    ui.select(names, value=self._scope, on_change=lambda it: self._choose(str(it.value))).props(
                        f'dense outlined label="{escape(words["shift.scope"])}" data-testid=shift-scope'
                    )
            if self._wanted:
                await self._show_document()
            else:
                self._waiting = ui.element("div")
                self._show_present()
                self._past = html("", "sheet", "section", "data-testid=past")
                await self._refresh()

    def _show_present(self) -> None:
        words = self._words
        with ui.element("section").classes("sheet"):
            html(escape(words["shift.now"]), tag="h2")
            html(escape(words["shift.explain"]), "soft", "p")
            with ui.element("div").classes("form"):
                self._note = ui.textarea(words["shift.note"]).classes("note-field")
                self._note.props(f"dense outlined autogrow maxlength={MOST_NOTE} data-testid=shift-note")
                self._button("shift.add_note", self._add_note, "add-note")
            with ui.element("div").classes("form"):
                self._button("shift.hand_over", self._ask, "hand-over", main=True)
                self._button("shift.refresh", self._refresh, "refresh-shift")
            self._content = html("", props="data-testid=shift-content")
        with ui.dialog() as self._dialog, ui.element("div").classes("ask"):
            html(escape(words["shift.hand_over"]), tag="h2")
            html(escape(words["shift.sure"].format(who=self._caller.name)), tag="p")
            with ui.element("div").classes("form"):
                self._button("shift.sign", self._make, "sign-leaving", main=True)
                self._button("shift.cancel", self._dialog.close, "cancel-leaving")

    def _button(self, key: str, action: object, name: str, *, main: bool = False) -> Html:
        made = html(escape(self._words[key]), "main" if main else "", "button", f"type=button data-testid={name}")
        made.on("click", action)  # type: ignore[arg-type]
        return made

    async def _choose(self, scope: str) -> None:
        self._scope = scope
        await self._refresh()

    async def _refresh(self) -> None:
        words, sites = self._words, self._context.sites
        try:
            caller = await self._frame.who()
            if caller is None or not self._scope:
                return
            content = await self._handovers.current(caller, self._scope)
            newest = await self._handovers.newest(caller, MOST_PAST)
        except PaifangError as error:
            self._failed(error)
            return
        self._content.set_content(rendered(lambda: content_html(content, sites, words), words))
        self._waiting.clear()
        with self._waiting:
            for it in (it for it in newest if it.state == "waiting"):
                self._offer(it)
        heads = [words[f"shift.head.{name}"] for name in ("time", "scope", "left_by", "taken_by", "state")]
        title = escape(words["shift.past"])
        rows = [past_row(it, sites, words) for it in newest]
        table = (
            table_html(words["shift.past"], heads, rows)
            if rows
            else f'<p class="none">{escape(words["shift.none"])}</p>'
        )
        self._past.set_content(f"<h2>{title}</h2>{table}")

    def _offer(self, handover: Handover) -> None:
        """A document that waits for its second signature."""
        words = self._words
        own = handover.left_by == self._caller.name
        text = words["shift.waits_for_other" if own else "shift.waits_for_you"]
        scope = scope_text(handover.scope, self._context.sites, words)
        link = f'<a class="button" href="/shift?document={escape(handover.id)}" data-testid="read-waiting">'
        html(
            f"<p>{escape(text.format(who=handover.left_by, scope=scope))}</p>{link}{escape(words['shift.read'])}</a>",
            "sheet ask-for", "section", "data-testid=waiting",
        )  # fmt: skip

    async def _add_note(self) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            text = str(self._note.value or "")
            if not text.strip():
                ui.notify(self._words["shift.note_empty"], type="warning")
                return
            await self._handovers.note(caller, self._scope, text)
            self._note.set_value("")
        except PaifangError as error:
            self._failed(error)
            return
        await self._refresh()

    async def _ask(self) -> None:
        """What was typed and not added would be lost with the shift: it is added first."""
        if str(self._note.value or "").strip():
            await self._add_note()
        self._dialog.open()

    async def _make(self) -> None:
        self._dialog.close()
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            await self._handovers.make(caller, self._scope)
        except PaifangError as error:
            self._failed(error)
            return
        ui.notify(self._words["shift.made"], type="positive")
        await self._refresh()

    async def _show_document(self) -> None:
        words, sites = self._words, self._context.sites
        try:
            found = await self._handovers.one(self._caller, self._wanted)
            content = found.read() if found else None
        except PaifangError as error:
            html(escape(error_text(error, words)), "sheet", "section")
            return
        with ui.element("section").classes("sheet").props("data-testid=document"):
            if found is None or content is None:
                html(escape(words["shift.missing"]), tag="p")
            else:
                self._document = found
                html(escape(words["shift.document"]), tag="h2")
                html(signatures_html(found, sites, words), props="data-testid=signatures")
                html(rendered(lambda: content_html(content, sites, words), words))
                if found.state == "waiting" and found.left_by != self._caller.name:
                    html(escape(words["shift.take_explain"].format(who=self._caller.name)), "soft", "p")
                    self._button("shift.take", self._take, "take-over", main=True)
                elif found.state == "waiting":
                    html(escape(words["shift.another"]), "soft", "p")
            html(escape(words["shift.back"]), "button", "a", "href=/shift data-testid=back-to-shift")

    async def _take(self) -> None:
        if self._document is None:
            return
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            await self._handovers.take(caller, self._document.id, self._document.digest)
        except PaifangError as error:
            self._failed(error)
            return
        ui.navigate.to(f"/shift?document={self._document.id}")

    def _failed(self, error: PaifangError) -> None:
        """In words; what was typed stays where it is."""
        ui.notify(error_text(error, self._words), type="negative", timeout=8000)


async def show(context: PageContext, handovers: HandoverService, client: Client) -> None:
    """Build a page for a request."""
    wanted = client.request.query_params.get("document", "")[:64]
    await ShiftPage(context, handovers, PageSession.of(client), wanted).build()
