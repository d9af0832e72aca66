"""The part of one's own account with API tokens: what there is, making one, ending one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from html import escape

from nicegui import run, ui

from aggregator.auth.account_service import MOST_DAYS, AccountService
from aggregator.auth.reauthentication import Proof
from aggregator.domain.accounts.account import ApiToken
from aggregator.domain.accounts.authorization import PERMISSIONS, Permission
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.forms.form import Form
from aggregator.web.dashboard.shell.page_layout import PageLayout, PageSession, html
from common.clock import SECOND_NS
from common.errors import PaifangError
from common.secret import Secret


class TokensSection:
    """One open page's part.

    Args:
        accounts: The accounts.
        frame: Of the page.
        visitor: Whose tokens they are.
    """

    def __init__(self, accounts: AccountService, frame: PageLayout, visitor: PageSession) -> None:
        self._accounts, self._frame, self._words = accounts, frame, visitor.words
        self._own: list[Permission] = [it for it in PERMISSIONS if visitor.caller.may(it)]

    async def build(self) -> None:
        """Lay the part out."""
        words = self._words
        with ui.element("div").classes("head").props("id=tokens"):
            html(words["tokens"], tag="h2")
        html(escape(words["tokens.about"]), "where")
        form = Form(words, self._make)
        with ui.element("div").classes("form"):
            label = ui.input(words["tokens.label"]).props("dense outlined maxlength=100 data-testid=token-label")
            self._label = form.field("label", label)
            names = {it: words.get(f"permission.{it}", it) for it in self._own}
            chosen = ui.select(names, multiple=True, label=words["tokens.permissions"])
            self._permissions = form.field("permissions", chosen.props("dense outlined data-testid=token-permissions"))
            days = ui.number(words["tokens.days"], value=90, min=1, max=MOST_DAYS, precision=0)
            self._days = form.field("days", days.props("dense outlined data-testid=token-days"))
            current = ui.input(words["account.current"], password=True)
            self._current = form.field(
                "current",
                current.props("dense outlined maxlength=1024 autocomplete=current-password data-testid=token-password"),
            )
            code = ui.input(words["account.old_code"]).props("dense outlined maxlength=20 data-testid=token-code")
            self._code = form.field("code", code)
            form.button(words["tokens.make"], "make-token")
        self._shown = html("", "where", props="role=status data-testid=new-token")
        self._table = ui.element("div").classes("table").props("data-testid=tokens")
        await self._fill()

    async def _make(self) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        proof = Proof(Secret(str(self._current.value or "")), str(self._code.value or ""))
        label, permissions = str(self._label.value or ""), list(self._permissions.value or ())
        days = int(self._days.value or 0)
        make = partial(self._accounts.make_token, caller, label, permissions, days, proof)
        made, text = await asyncio.to_thread(make)
        once = escape(self._words["tokens.once"].format(label=made.label))
        self._shown.set_content(f"<p>{once}</p><code>{escape(text)}</code>")
        self._current.set_value("")
        await self._fill()

    async def _end(self, token: str) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            await run.io_bound(self._accounts.end_token, caller, token)
        except PaifangError as error:
            self._shown.set_content(escape(error_text(error, self._words)))
            return
        await self._fill()

    async def _fill(self) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        tokens = await asyncio.to_thread(self._accounts.tokens, caller)
        self._table.clear()
        with self._table:
            if not tokens:
                html(escape(self._words["tokens.none"]), "none")
            for token in tokens:
                self._line(token)

    def _line(self, token: ApiToken) -> None:
        words = self._words
        names = ", ".join(words.get(f"permission.{it}", it) for it in token.permissions)
        until = datetime.fromtimestamp(token.expires_ns // SECOND_NS, UTC)
        with ui.element("div").classes("person").props("data-testid=token"):
            text = words["tokens.line"].format(
                label=token.label, permissions=names, until=f"{until:%Y-%m-%d %H:%M} UTC"
            )
            html(escape(text), "name")
            end = html(words["tokens.end"], "", "button", "type=button data-testid=end-token")
            end.on("click", partial(self._end, token.id))
