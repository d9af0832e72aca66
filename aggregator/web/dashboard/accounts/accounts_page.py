"""The page of accounts, for administrators: users and their roles. Every change is in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from html import escape

from nicegui import Client, run, ui

from aggregator.auth.account_service import AccountService
from aggregator.domain.account import Account
from aggregator.domain.authorization import ROLES, Principal, RoleAssignment, parse
from aggregator.web.dashboard.page_layout import PageContext, PageLayout, PageSession, html
from common.errors import Forbidden, StaffError, StoreError


class AccountsPage:
    """One open page.

    Args:
        context: What every page needs.
        accounts: The accounts.
        visitor: The user who opened it.
    """

    def __init__(self, context: PageContext, accounts: AccountService, visitor: PageSession) -> None:
        self._accounts, self._words = accounts, visitor.words
        self._frame = PageLayout(context, "/staff", visitor)

    async def build(self) -> None:
        """Lay the page out and show who there is."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["staff"], tag="h2")
            with ui.element("div").classes("form"):
                name = ui.input(words["staff.user"]).props("dense outlined maxlength=64 data-testid=staff-user")
                button = html(words["staff.add"], "main", "button", "type=button data-testid=add-user")
                button.on("click", lambda: self._add(str(name.value or "")))
                roles = {role: words[f"role.{role}"] for role in ROLES}
                role = ui.select(roles, value="monitor", label=words["staff.role"])
                role.props("dense outlined data-testid=staff-role")
                scope = ui.input(words["staff.scope"], value="*").props("dense outlined data-testid=staff-scope")
                give = html(words["staff.give"], "main", "button", "type=button data-testid=give-role")
                give.on("click", lambda: self._give(str(name.value or ""), f"{role.value}@{scope.value}"))
            self._message = html("", "where", props="data-testid=staff-told")
            self._table = ui.element("div").classes("table").props("data-testid=accounts")
        await self._fill()

    async def _fill(self) -> None:
        caller = await self._frame.who()
        if caller is None:
            return
        accounts = await asyncio.to_thread(self._accounts.accounts, caller)
        self._table.clear()
        with self._table:
            for account in accounts:
                self._line(account)

    def _line(self, account: Account) -> None:
        words = self._words
        with ui.element("div").classes("line").props(f"data-testid=account data-user={account.name}"):
            factor = f" · {words['staff.factor']}" if account.second_factor else ""
            html(f"<b>{escape(account.name)}</b>{escape(factor)}", "entry")
            for grant in account.grants:
                text = f"{words[f'role.{grant.role}']} · {grant.scope} ✕"
                props = f'type=button title="{words["staff.take"]}" data-testid=role'
                html(escape(text), "chip", "button", props).on(
                    "click", lambda _, it=grant: self._act(lambda who: self._accounts.revoke(who, account.name, it))
                )
            if not account.grants:
                html(words["staff.none"], "chip plain")
            if account.second_factor:
                html(words["staff.forget"], "", "button", "type=button").on(
                    "click", lambda: self._act(lambda who: self._accounts.forget_factor(who, account.name))
                )
            html(words["staff.remove"], "", "button", "type=button data-testid=remove-user").on(
                "click", lambda: self._act(lambda who: self._accounts.remove(who, account.name))
            )

    async def _give(self, name: str, text: str) -> None:
        def give(who: Principal) -> None:
            grant: RoleAssignment = parse(text)
            self._accounts.grant(who, name, grant)

        await self._act(give)

    async def _add(self, name: str) -> None:
        def add(who: Principal) -> str:
            return self._words["staff.password"].format(name=name, password=self._accounts.add(who, name))

        await self._act(add)

    async def _act(self, work: Callable[[Principal], str | None]) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            message = await run.io_bound(work, caller)
        except (StaffError, Forbidden, StoreError) as error:
            ui.notify(str(error), type="negative")
            return
        self._message.set_content(escape(message or self._words["done"]))
        await self._fill()


async def show(context: PageContext, accounts: AccountService, client: Client) -> None:
    """Build a page for a request."""
    await AccountsPage(context, accounts, PageSession.of(client)).build()
