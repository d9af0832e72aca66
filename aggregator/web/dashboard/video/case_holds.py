"""The legal holds of the chosen case, ended ones too, and the dialogs that place and end one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from nicegui import ui

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.investigation.hold import Hold
from aggregator.domain.read_models import Camera
from aggregator.domain.site_lists.local_dates import instant
from aggregator.services.footage.case_footage_service import Marked
from aggregator.services.footage.hold_service import HoldService
from aggregator.web.dashboard.forms.box_text import box_text
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.forms.form import Dialog
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import html
from common.clock import SECOND_NS
from common.errors import CaseError, ContractError, PaifangError
from protocol.commands import Span

PAGE = 10


def hold_html(hold: Hold, name: str, zone: ZoneInfo, words: Texts, now_ns: int) -> str:
    """A hold: of what, until when, who placed it and why, and who ended it and why."""

    def moment(time_ns: int, form: str = "%Y-%m-%d %H:%M:%S %Z") -> str:
        return f"{datetime.fromtimestamp(time_ns // SECOND_NS, zone):{form}}"

    over = hold.state == "placed" and now_ns >= hold.until_ns
    stands = words[f"hold.{'over' if over else hold.state}"].format(
        until=moment(hold.until_ns),
        who=hold.ended_by,
        time=moment(hold.ended_ns),
        reason=hold.end_reason,
        problem=box_text(hold.problem, hold.problem_code, words),
    )
    span = f"{moment(hold.from_ns, '%Y-%m-%d %H:%M:%S')} – {moment(hold.to_ns)}"
    placed = words["hold.by"].format(who=hold.placed_by, time=moment(hold.placed_ns), reason=hold.reason)
    return f"<b>{escape(stands)}</b><br>{escape(f'{name} · {span}')}<br><small>{escape(placed)}</small>"


@dataclass(frozen=True)
class HoldPage:
    """What the list and the dialogs need of their page.

    Attributes:
        words: The user's texts.
        who: The user as of now; None: the session is over.
        zone: The time zone of a site's box.
        cameras: Those of the page, by `site/box/camera`.
        changed: Called with a hold that was placed (True) or ended.
    """

    words: Texts
    who: Callable[[], Awaitable[Principal | None]]
    zone: Callable[[str, str], ZoneInfo]
    cameras: dict[str, Camera]
    changed: Callable[[Span, bool], Awaitable[None]]


class CaseHolds:
    """The list. It keeps no rows, only where the next page begins.

    Args:
        holds: The holds.
        page: What is around it.
    """

    def __init__(self, holds: HoldService, page: HoldPage) -> None:
        self._holds, self._page = holds, page
        self._case, self._after, self._reading = "", "", asyncio.Lock()
        self._dialogs = ui.element("div")  # outside the rows, which are drawn anew under an open dialog
        self._problem = html("", "form-error", props="role=alert data-testid=holds-problem")
        self._rows = ui.element("div").props("data-testid=case-holds")
        self._more = html(escape(page.words["search.more"]), "", "button", "type=button data-testid=holds-older")
        self._more.on("click", self._next)
        self._more.set_visibility(False)

    async def show(self, case: str) -> None:
        """The newest holds of a case; of none where what was typed is no case."""
        self._case = case
        async with self._reading:
            await self._read(None)

    async def _next(self) -> None:
        async with self._reading:  # a second click goes on after the holds of the first
            if self._after:
                await self._read(self._after)

    async def _read(self, before: str | None) -> None:
        found: list[Hold] = []
        self._problem.set_content("")
        try:
            caller = await self._page.who()
            if caller is None:
                return
            if self._case:
                found = await self._holds.of_case(caller, self._case, PAGE + 1, before)
        except CaseError:
            found = []  # a purpose, or a case of others
        except PaifangError as error:
            self._problem.set_content(escape(error_text(error, self._page.words)))
            return
        if before is None:
            self._rows.clear()
        with self._rows:
            for hold in found[:PAGE]:
                self._row(hold)
        self._after = found[PAGE - 1].id if len(found) > PAGE else ""
        self._more.set_visibility(bool(self._after))

    def _name(self, hold: Hold) -> str:
        camera = self._page.cameras.get(f"{hold.site}/{hold.box}/{hold.camera}")
        return camera.name or camera.id if camera is not None else hold.camera

    def _html(self, hold: Hold) -> str:
        zone, now_ns = self._page.zone(hold.site, hold.box), self._holds.now_ns
        return hold_html(hold, self._name(hold), zone, self._page.words, now_ns)

    def _row(self, hold: Hold) -> None:
        with ui.element("div").classes("person").props(f"data-testid=case-hold data-state={hold.state}"):
            html(self._html(hold), "name")
            if hold.can_end(self._holds.now_ns):
                label = escape(self._page.words["hold.end"])
                html(label, "", "button", "type=button data-testid=hold-end").on("click", lambda: self._ask_end(hold))

    def _ask_end(self, hold: Hold) -> None:
        words = self._page.words

        async def end() -> None:
            caller = await self._page.who()
            if caller is None:
                return
            try:
                ended = await self._holds.end(caller, hold.id, str(reason.value or ""))
            finally:
                await self._read(None)
            await self._page.changed(Span(ended.from_ns, ended.to_ns, ended.case_id), False)

        with self._dialogs:
            dialog = Dialog(escape(words["hold.end.title"]), words, end)
        with dialog.body:
            html(self._html(hold), "where")
            html(escape(words["hold.end.about"]), "where")
            reason = dialog.form.field("reason", ui.input(words["range.hold.reason"]))
            reason.props("dense outlined maxlength=200 autofocus data-testid=hold-end-reason")
        dialog.open(words["hold.end.send"], "hold-end-send")

    def ask_place(self, marked: Marked, camera: Camera) -> None:
        """Ask until when and why, and place a hold on a range."""
        words, zone = self._page.words, self._page.zone(camera.site, camera.box)

        async def place() -> None:
            caller = await self._page.who()
            if caller is None:
                return
            until_ns = instant(str(until.value or ""), "until", zone, end=True)
            if until_ns is None:
                raise ContractError("until: is missing", sentence="error.hold.until", field="until")
            try:
                await self._holds.place(caller, marked, until_ns, str(reason.value or ""))
            finally:
                await self._read(None)
            await self._page.changed(Span(*marked.span, marked.case), True)

        dialog = Dialog(escape(words["range.hold.title"]), words, place)
        with dialog.body:
            begin, end = (datetime.fromtimestamp(it // SECOND_NS, zone) for it in marked.span)
            about = f"{marked.case} · {camera.name or camera.id} · {begin:%Y-%m-%d %H:%M:%S} – {end:%H:%M:%S}"
            html(escape(about), "where")
            html(escape(words["range.hold.about"]), "where")
            until = dialog.form.field("until", ui.input(words["range.hold.until"]))
            until.props("dense outlined type=date data-testid=hold-until")
            reason = dialog.form.field("reason", ui.input(words["range.hold.reason"]))
            reason.props("dense outlined maxlength=200 autofocus data-testid=hold-reason")
        dialog.open(words["range.hold.send"], "hold-send")
