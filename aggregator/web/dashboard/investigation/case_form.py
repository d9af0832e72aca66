"""The form that opens a case: reference, purpose, legal basis, site, how long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from aggregator.domain.investigation.case import BASES, MOST_CASE_DAYS, Case
from aggregator.services.search_service import SearchService
from aggregator.web.dashboard.forms.form import Dialog
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import PageLayout, html
from common.clock import DAY_NS

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

        async def submit() -> None:
            await self._open({
                "id": str(reference.value or "").strip(), "purpose": str(purpose.value or "").strip(),
                "basis": str(basis.value), "site": str(site.value or ""),
                "expires_ns": self._cases.clock.wall_ns() + int(days.value or 0) * DAY_NS,
            })  # fmt: skip

        dialog = Dialog(words["case.new"], words, submit)
        with dialog.body:
            reference = dialog.form.field("id", ui.input(words["case.reference"]))
            reference.props("autofocus maxlength=64 data-testid=case-id")
            purpose = dialog.form.field("purpose", ui.input(words["case.purpose"]))
            purpose.props("maxlength=500 data-testid=case-purpose")
            bases = {basis: words[f"basis.{basis}"] for basis in BASES}
            basis = ui.select(bases, value=BASES[0], label=words["case.basis"]).props("data-testid=case-basis")
            site = ui.select(self._sites, value=next(iter(self._sites), None), label=words["lists.site"])
            dialog.form.field("site", site)
            days = ui.number(words["case.days"], value=DAYS, min=1, max=MOST_CASE_DAYS, precision=0)
            dialog.form.field("expires_ns", days)
        dialog.open(words["case.open"], "open-case")

    async def _open(self, fields: dict[str, object]) -> None:
        caller = await self._frame.who()
        if caller is not None:
            await self._opened(await self._cases.open_case(caller, fields))
