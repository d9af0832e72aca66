"""The page of one's own account: roles, password, second factor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from html import escape

import segno
from nicegui import Client, run, ui

from aggregator.auth.account_service import AccountService
from aggregator.auth.reauthentication import Proof
from aggregator.domain.accounts.authorization import Principal
from aggregator.web.dashboard.accounts.accounts_page import scope_words
from aggregator.web.dashboard.accounts.tokens_section import TokensSection
from aggregator.web.dashboard.forms.form import Form
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession, html
from common.secret import Secret


class AccountPage:
    """One open page.

    Args:
        context: What every page needs.
        accounts: The accounts.
        visitor: Whose account it is.
    """

    def __init__(self, context: PageContext, accounts: AccountService, visitor: PageSession) -> None:
        self._accounts, self._words, self._visitor = accounts, visitor.words, visitor
        self._frame = PageLayout(context, "/account", visitor)

    async def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(f"{words['rail.account']}: {escape(self._visitor.user)}", tag="h2")
            roles = [f"{words[f'role.{it.role}']} · {scope_words(it, words)}" for it in self._visitor.caller.grants]
            html(escape(f"{words['account.roles']}: {', '.join(roles) or words['staff.none']}"), "where")
            self._password()
            self._factor()
            self._recovery()
            await TokensSection(self._accounts, self._frame, self._visitor).build()

    def _password(self) -> None:
        words = self._words

        async def change() -> None:
            await self._do(work)

        def work(caller: Principal) -> None:
            proof = Proof(Secret(str(old.value or "")), str(code.value or ""))
            self._accounts.change_password(caller, proof, Secret(str(new.value or "")))

        form = Form(words, change)
        with ui.element("div").classes("form"):
            old = form.field("current", ui.input(words["account.current"], password=True))
            old.props("dense outlined maxlength=1024 autocomplete=current-password data-testid=current-password")
            new = form.field("password", ui.input(words["account.password"], password=True))
            new.props("dense outlined maxlength=1024 autocomplete=new-password data-testid=new-password")
            code = form.field("code", ui.input(words["account.old_code"]))
            code.props("dense outlined maxlength=20 autocomplete=one-time-code data-testid=password-code")
            form.button(words["account.change"], "change-password")

    def _factor(self) -> None:
        words = self._words

        async def confirm() -> None:
            await self._do(work)

        def work(caller: Principal) -> None:
            proof = Proof(Secret(str(current.value or "")), str(current_code.value or ""))
            self._accounts.confirm_factor(caller, str(code.value or ""), proof)

        with ui.element("div").classes("head"):
            html(words["account.factor"], tag="h2")
        form = Form(words, confirm)
        with ui.element("div").classes("form"):
            shown = html(words["account.show"], "", "button", "type=button data-testid=show-secret")
            current = form.field("current", ui.input(words["account.current"], password=True))
            current.props("dense outlined maxlength=1024 autocomplete=current-password data-testid=factor-password")
            current_code = form.field("current_code", ui.input(words["account.old_code"]))
            current_code.props("dense outlined maxlength=20 data-testid=factor-old-code")
            code = form.field("code", ui.input(words["account.new_code"]))
            code.props("dense outlined maxlength=10 data-testid=factor-code")
            form.button(words["account.confirm"], "confirm-factor")
        self._secret = html("", "where", props="data-testid=secret")
        shown.on("click", self._show)

    def _recovery(self) -> None:
        """Ten codes, shown once; made anew, the ones before end."""
        words = self._words
        with ui.element("div").classes("head"):
            html(words["account.recovery"], tag="h2")
        html(escape(words["account.recovery.about"]), "where")
        form = Form(words, self._make_codes)
        with ui.element("div").classes("form"):
            self._codes_password = form.field("current", ui.input(words["account.current"], password=True))
            self._codes_password.props("dense outlined maxlength=1024 autocomplete=current-password")
            self._codes_password.props("data-testid=recovery-password")
            self._codes_code = form.field("code", ui.input(words["account.old_code"]))
            self._codes_code.props("dense outlined maxlength=20 data-testid=recovery-code")
            form.button(words["account.recovery.make"], "make-recovery-codes")
        self._codes = html("", "where", props="role=status data-testid=recovery-codes")

    async def _make_codes(self) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        proof = Proof(Secret(str(self._codes_password.value or "")), str(self._codes_code.value or ""))
        codes = await asyncio.to_thread(self._accounts.make_recovery_codes, caller, proof)
        items = "".join(f"<li><code>{escape(code)}</code></li>" for code in codes)
        self._codes.set_content(f"<p>{escape(self._words['account.recovery.once'])}</p><ol>{items}</ol>")

    async def _show(self) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        secret, link = await asyncio.to_thread(self._accounts.show_factor, caller)
        picture = segno.make(link).svg_inline(scale=4, border=2, light="#fff")
        self._secret.set_content(f"<p>{escape(self._words['account.scan'])}: <code>{secret}</code></p>{picture}")

    async def _do(self, work: Callable[[Principal], None]) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        await run.io_bound(work, caller)
        self._secret.set_content("")
        ui.notify(self._words["done"], type="positive")


async def show(context: PageContext, accounts: AccountService, client: Client) -> None:
    """Build a page for a request."""
    await AccountPage(context, accounts, PageSession.of(client)).build()
