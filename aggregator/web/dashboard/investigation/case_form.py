"""The form that opens a case: reference, purpose, legal basis, site, how long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from aggregator.domain.case import BASES, MOST_CASE_DAYS, Case
from aggregator.domain.search_query import DAY_NS
from aggregator.services.search_service import SearchService
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.page_layout import PageLayout, html
from common.errors import CaseError, ContractError, Forbidden, StoreError

DAYS = 14


class CaseForm:
    """A button that opens a form that opens a case.

    Args:
        cases: The cases.
        frame: Knows who is there.
        words: The language.
        sites: Site → its name: where the visitor may open cases.
        opened: Told of the new case.
    """

    def __init__(
        self,
        cases: SearchService,
        frame: PageLayout,
        words: Texts,
        sites: dict[str, str],
        opened: Callable[[Case], Awaitable[None]],
    ) -> None:
        self._cases, self._frame, self._words = cases, frame, words
        self._sites, self._opened = sites, opened

    def button(self) -> None:
        """Put the button here."""
        html(self._words["case.new"], "main", "button", "type=button data-testid=new-case").on("click", self._ask)

    def _ask(self) -> None:
        words = self._words
        with ui.dialog() as dialog, ui.element("div").classes("ask"):
            html(words["case.new"], tag="h2")
            reference = ui.input(words["case.reference"]).props("autofocus maxlength=64 data-testid=case-id")
            purpose = ui.input(words["case.purpose"]).props("maxlength=500 data-testid=case-purpose")
            bases = {basis: words[f"basis.{basis}"] for basis in BASES}
            basis = ui.select(bases, value=BASES[0], label=words["case.basis"]).props("data-testid=case-basis")
            site = ui.select(self._sites, value=next(iter(self._sites), None), label=words["lists.site"])
            days = ui.number(words["case.days"], value=DAYS, min=1, max=MOST_CASE_DAYS, precision=0)
            with ui.element("div").classes("acts"):
                yes = html(words["case.open"], "main", "button", "type=button data-testid=open-case")
                html(words["cancel"], "", "button", "type=button").on("click", dialog.close)

        async def submit() -> None:
            fields: dict[str, object] = {
                "id": str(reference.value or ""), "purpose": str(purpose.value or ""), "basis": str(basis.value),
                "site": str(site.value or ""),
                "expires_ns": self._cases.clock.wall_ns() + int(days.value or 0) * DAY_NS,
            }  # fmt: skip
            if await self._open(fields):
                dialog.close()

        yes.on("click", submit)
        dialog.open()

    async def _open(self, fields: dict[str, object]) -> bool:
        try:
            caller = await self._frame.who()
            if caller is None:
                return False
            case = await self._cases.open_case(caller, fields)
        except (CaseError, ContractError, Forbidden, StoreError) as error:
            ui.notify(str(error), type="negative")
            return False
        await self._opened(case)
        return True
