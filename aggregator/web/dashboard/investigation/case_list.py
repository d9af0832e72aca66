"""All cases of a user's sites, ended ones too, page by page; a case that is open can be chosen here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.events import GenericEventArguments

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.investigation.case import Case
from aggregator.services.search_service import SearchService
from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import PageLayout, html
from common.clock import SECOND_NS
from common.errors import CaseError, PaifangError

PAGE = 20
MOST_CHOICES = 100
"""Open cases that a field offers; the list leads to the others."""


async def open_cases(cases: SearchService, caller: Principal, *kept: str) -> dict[str, Case]:
    """What a field offers: the newest open cases, and those of `kept` that are open too."""
    found = {case.id: case for case in await cases.cases(caller, MOST_CHOICES, only_open=True)}
    for case_id in kept:
        if case_id and case_id not in found:
            try:
                found[case_id] = await cases.open_case_of(caller, case_id)
            except CaseError:  # it has ended, or it was a purpose and no case
                continue
    return found


def case_html(case: Case, words: Texts, site: str, zone: ZoneInfo, now_ns: int) -> str:
    """A case: what it is for, who opened it, and until when it is or was open."""

    def moment(time_ns: int) -> str:
        return f"{datetime.fromtimestamp(time_ns // SECOND_NS, zone):%Y-%m-%d %H:%M %Z}"

    if case.closed_ns is not None:
        stands = words["cases.closed"].format(who=case.closed_by, time=moment(case.closed_ns))
    else:
        key = "cases.open" if case.open_at(now_ns) else "cases.expired"
        stands = words[key].format(time=moment(case.expires_ns))
    opened = words["cases.opened"].format(who=case.opened_by, time=moment(case.opened_ns))
    return (
        f"<b>{escape(case.id)}</b> · {escape(site)} · {escape(stands)}<br>{escape(case.purpose)} "
        f"<small>{escape(opened)}</small>"
    )


class CaseList:
    """The list, folded until somebody opens it. It keeps no rows, only where the next page begins.

    Args:
        cases: The cases.
        frame: Knows who is there.
        words: The user's texts.
        sites: Names of sites, and the present time.
        zone: The time zone of a site.
        chosen: Told which case to work on.
    """

    def __init__(
        self,
        cases: SearchService,
        frame: PageLayout,
        words: Texts,
        sites: SiteClock,
        *,
        zone: Callable[[str], ZoneInfo],
        chosen: Callable[[Case], Awaitable[None]],
    ) -> None:
        self._cases, self._frame, self._words = cases, frame, words
        self._sites, self._zone, self._chosen = sites, zone, chosen
        self._before: tuple[int, str] | None = None
        self._shown, self._reading = 0, asyncio.Lock()
        with ui.element("details").classes("all-cases").props("data-testid=all-cases") as self._fold:
            html(escape(words["cases.all"]), tag="summary")
            self._problem = html("", "form-error", props="role=alert")
            self._rows = ui.element("div").props("data-testid=cases")
            self._more = html(escape(words["cases.older"]), "", "button", "type=button data-testid=cases-older")
            self._more.on("click", self._next)
        self._fold.on("toggle", self._toggled, js_handler="event => emit(event.target.open)")
        self._is_open = False

    async def refresh(self) -> None:
        """Read as many again as are shown, where the list is unfolded."""
        if self._is_open:
            await self._read(again=True)

    async def _toggled(self, event: GenericEventArguments) -> None:
        self._is_open = bool(event.args)
        await self.refresh()

    async def _next(self) -> None:
        await self._read(again=False)

    async def _read(self, *, again: bool) -> None:
        async with self._reading:  # a second click goes on after the rows of the first
            before, count = (None, max(PAGE, self._shown)) if again else (self._before, PAGE)
            if before is None and not again:
                return
            try:
                caller = await self._frame.who()
                if caller is None:
                    return
                found = await self._cases.cases(caller, count + 1, before)  # one more: is there another page?
            except PaifangError as error:
                self._problem.set_content(escape(error_text(error, self._words)))
                return
            self._problem.set_content("")
            if again:
                self._rows.clear()
                self._shown = 0
            self._show(found[:count], more=len(found) > count)

    def _show(self, cases: list[Case], *, more: bool) -> None:
        self._shown += len(cases)
        with self._rows:
            if not self._shown:
                html(escape(self._words["cases.none"]), "none")
            for case in cases:
                self._row(case)
        self._before = (cases[-1].opened_ns, cases[-1].id) if more else None
        self._more.set_visibility(more)

    def _row(self, case: Case) -> None:
        now_ns = self._sites.clock.wall_ns()
        with ui.element("div").classes("person").props("data-testid=case"):
            html(case_html(case, self._words, self._sites.name(case.site), self._zone(case.site), now_ns), "name")
            if case.open_at(now_ns):
                label = escape(self._words["cases.choose"])
                named = escape(f"{self._words['cases.choose']}: {case.id}", quote=True)
                button = html(label, "", "button", f'type=button data-testid=case-choose aria-label="{named}"')
                button.on("click", lambda: self._chosen(case))
