"""The page of accounts, for administrators: users and their roles. Every change is in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from html import escape

from nicegui import Client, run, ui

from aggregator.auth.account_service import AccountService
from aggregator.auth.accounts.grant_requests import GrantRequests
from aggregator.auth.accounts.role_conflicts import conflicts
from aggregator.domain.accounts.account import Account, GrantRequest
from aggregator.domain.accounts.authorization import EVERYWHERE, ROLES, Principal, Role, RoleAssignment, parse
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.forms.form import Dialog, Form
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession, html
from common.errors import PaifangError

Work = Callable[[Principal], "str | None"]
"""Changes an account; returns a text that is shown until the next change."""


def scope_words(grant: RoleAssignment, words: Texts) -> str:
    """Where a role counts."""
    return words["shift.everywhere"] if grant.scope == EVERYWHERE else grant.scope


def warning_text(pairs: list[tuple[Role, Role]], words: Texts) -> str:
    """Roles that should not meet in one person, as a sentence; empty for none."""
    named = (words["staff.apart"].format(one=words[f"role.{a}"], other=words[f"role.{b}"]) for a, b in pairs)
    return " ".join(named)


class AccountsPage:
    """One open page.

    Args:
        context: What every page needs.
        accounts: The accounts.
        grants: Gives roles.
        visitor: The user who opened it.
    """

    def __init__(
        self, context: PageContext, accounts: AccountService, grants: GrantRequests, visitor: PageSession
    ) -> None:
        self._accounts, self._grants, self._words = accounts, grants, visitor.words
        self._context, self._user = context, visitor.user
        self._frame = PageLayout(context, "/staff", visitor)
        self._passwords: dict[str, str] = {}
        """User → the sentence with the password that was made on this page: shown until the page is left."""

    async def build(self) -> None:
        """Lay the page out and show who there is."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["rail.staff"], tag="h2")
            self._form()
            self._message = html("", "where", props="role=status data-testid=staff-told")
            self._requests = ui.element("div").props("data-testid=requests")
            self._table = ui.element("div").classes("table").props("data-testid=accounts")
        await self._fill()

    def _form(self) -> None:
        words = self._words
        adding, giving = Form(words, self._add), Form(words, self._give)
        with ui.element("div").classes("form"):
            field = ui.input(words["staff.user"]).props("dense outlined maxlength=64 data-testid=staff-user")
            self._name = adding.field("user", field)
            adding.button(words["staff.add"], "add-user")
            role = ui.select(
                {role: words[f"role.{role}"] for role in ROLES}, value="monitor", label=words["staff.role"]
            )
            self._role = giving.field("role", role.props("dense outlined data-testid=staff-role"))
            scope = ui.input(words["staff.scope"], value="*").props("dense outlined data-testid=staff-scope")
            self._scope = giving.field("scope", scope)
            giving.button(words["staff.give"], "give-role")

    async def _fill(self) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        accounts, waiting = await asyncio.gather(
            asyncio.to_thread(self._accounts.accounts, caller), asyncio.to_thread(self._grants.waiting, caller)
        )
        self._requests.clear()
        with self._requests:
            for request in waiting:
                self._request(request)
        self._table.clear()
        with self._table:
            for account in accounts:
                self._line(account)

    def _request(self, it: GrantRequest) -> None:
        """A role that waits; who has requested it can only withdraw it."""
        words, mine = self._words, it.asked_by == self._user
        text = words["staff.waits"].format(
            user=it.user, role=words[f"role.{it.grant.role}"], scope=scope_words(it.grant, words), by=it.asked_by
        )
        with ui.element("div").classes("person").props("data-testid=request"):
            html(escape(text), "name")
            if not mine:
                approve = html(words["staff.approve"], "main", "button", "type=button data-testid=approve-grant")
                approve.on("click", partial(self._try, lambda who: _none(self._grants.approve(who, it.id))))
            label = words["staff.withdraw" if mine else "staff.refuse"]
            refuse = html(label, "", "button", "type=button data-testid=refuse-grant")
            refuse.on("click", partial(self._try, lambda who: _none(self._grants.refuse(who, it.id))))

    def _line(self, account: Account) -> None:
        words, name = self._words, account.name
        with ui.element("div").classes("person").props(f'data-testid=account data-user="{name}"'):
            factor = f" · {words['staff.factor']}" if account.second_factor else ""
            html(f"<b>{escape(name)}</b>{escape(factor)}", "name")
            for grant in account.grants:
                text = f"{words[f'role.{grant.role}']} · {scope_words(grant, words)}"
                props = f'type=button title="{words["staff.take"]}" data-testid=role'
                ask = partial(self._confirm, "take", name, partial(self._accounts.revoke, grant=grant), about=text)
                html(escape(f"{text} ✕"), "chip", "button", props).on("click", ask)
            if not account.grants:
                html(words["staff.none"], "chip plain")
            if account.second_factor:
                forget = partial(self._try, lambda who: self._accounts.forget_factor(who, name))
                html(words["staff.forget"], "", "button", "type=button").on("click", forget)
            self._button("staff.reset", "reset-password", lambda: self._confirm("reset", name, self._reset))
            self._button("staff.remove", "remove-user", lambda: self._confirm("remove", name, self._remove))
            if warning := warning_text(conflicts(account.grants), words):
                html(escape(warning), "warning", props="data-testid=role-warning")

    def _button(self, label: str, test_id: str, act: Callable[[], None]) -> None:
        html(self._words[label], "", "button", f"type=button data-testid={test_id}").on("click", act)

    def _confirm(self, what: str, name: str, work: Callable[[Principal, str], str | None], *, about: str = "") -> None:
        """What cannot be undone is said and confirmed first."""
        words = self._words

        async def act() -> None:
            await self._do(lambda who: work(who, name))

        dialog = Dialog(escape(words[f"staff.{what}.title"].format(name=name)), words, act)
        with dialog.body:
            html(escape(" · ".join(filter(None, (about, words[f"staff.{what}.effect"])))), "where")
        dialog.open(words[f"staff.{what}"], f"confirm-{what}")

    def _reset(self, who: Principal, name: str) -> None:
        self._keep(name, self._accounts.reset_password(who, name))

    def _keep(self, name: str, password: str) -> None:
        self._passwords[name] = self._words["staff.password"].format(name=name, password=password)

    def _remove(self, who: Principal, name: str) -> None:
        self._accounts.remove(who, name)

    async def _give(self) -> None:
        name, words = str(self._name.value or "").strip(), self._words

        def give(who: Principal) -> str:
            grant: RoleAssignment = parse(f"{self._role.value}@{self._scope.value}")
            done = self._grants.grant(who, name, grant)
            text = words["staff.asked" if done.request is not None else "done"].format(role=words[f"role.{grant.role}"])
            return f"{text} {warning_text(done.warnings, words)}".strip()

        await self._do(give)

    async def _add(self) -> None:
        name = str(self._name.value or "").strip()

        await self._do(lambda who: self._keep(name, self._accounts.add(who, name)))

    async def _try(self, work: Work) -> None:
        """For buttons outside a form."""
        try:
            await self._do(work)
        except PaifangError as error:
            self._tell(error_text(error, self._words))

    def _tell(self, text: str) -> None:
        """Say what was done, and the new passwords: who gives a user a role has not written the password down yet."""
        self._message.set_content("<br>".join(escape(it) for it in (text, *self._passwords.values())))

    async def _do(self, work: Work) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        message = await run.io_bound(work, caller)
        self._tell(message or self._words["done"])
        await self._fill()


def _none(_: object) -> None:
    return None


async def show(context: PageContext, accounts: AccountService, grants: GrantRequests, client: Client) -> None:
    """Build a page for a request."""
    await AccountsPage(context, accounts, grants, PageSession.of(client)).build()
