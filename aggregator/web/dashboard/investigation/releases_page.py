"""Clear copies: an investigator asks and fetches, an approver decides. Nobody sees a picture here."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from nicegui import Client, ui

from aggregator.domain.investigation.case import Case
from aggregator.domain.investigation.release import STATES, Release, State
from aggregator.domain.site_lists.local_dates import instant
from aggregator.services.release_service import ReleaseService
from aggregator.web.dashboard.forms.box_text import box_text
from aggregator.web.dashboard.forms.form import Dialog, Form
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.investigation.case_list import open_cases
from aggregator.web.dashboard.investigation.chosen_case import ChosenCases
from aggregator.web.dashboard.shell.page_layout import (
    SECONDS_BETWEEN_CHECKS,
    Known,
    PageContext,
    PageLayout,
    PageSession,
    html,
)
from common.clock import SECOND_NS
from common.errors import CaseError, ContractError, Forbidden, ReleaseError, StoreError

FORM = "%Y-%m-%dT%H:%M:%S"
TROUBLE = (CaseError, ContractError, Forbidden, ReleaseError, StoreError)
PAGE = 50
AROUND_S = 30
"""Before and after a hit that a copy is asked for from the search."""


def link_of(case: str, camera: str, time_ns: int) -> str:
    """The page, filled in for a moment."""
    return "/releases?" + urlencode({"case": case, "camera": camera, "at": time_ns // SECOND_NS})


def release_html(it: Release, words: Texts, zone: ZoneInfo, *, place: str, purpose: str) -> str:
    """A release: what, why, who, and where it stands.

    Args:
        it: The release.
        words: The user's texts.
        zone: Of its site.
        place: Its site and camera by name.
        purpose: Of its case.
    """

    def moment(time_ns: int, form: str = "%Y-%m-%d %H:%M:%S %Z") -> str:
        return f"{datetime.fromtimestamp(time_ns // SECOND_NS, zone):{form}}"

    people = [words["release.asked"].format(who=it.asked_by)]
    if it.decided_by:
        people.append(words["release.decided"].format(who=it.decided_by, why=it.decision))
    if it.problem:
        people.append(box_text(it.problem, it.problem_code, words))
    if it.state in ("ready", "fetched"):
        gone = not it.sealed
        people.append(words["release.gone"] if gone else words["release.until"].format(time=moment(it.expires_ns)))
    lines = (
        f"{place} · {moment(it.from_ns, '%Y-%m-%d %H:%M:%S')} – {moment(it.to_ns)}",
        words["release.case"].format(case=it.case_id, purpose=purpose),
        words["release.because"].format(reason=it.reason),
    )
    about = "".join(f'<div class="where">{escape(line)}</div>' for line in lines)
    return (
        f'<div class="body"><div class="what">{escape(words[f"release.{it.state}"])}</div>'
        f'{about}<div class="when">{escape(" · ".join(people))}</div></div>'
    )


class ReleasesPage:
    """One open page.

    Args:
        context: What every page needs.
        releases: The releases.
        visitor: The user who opened it.
        known: Cameras and boxes.
        asked: What the address fills in: case, camera, at (seconds since 1970).
        chosen: The case and range of each session.
    """

    def __init__(
        self,
        context: PageContext,
        releases: ReleaseService,
        visitor: PageSession,
        asked: dict[str, str],
        known: Known,
        *,
        chosen: ChosenCases,
    ) -> None:
        self._context, self._words, self._visitor = context, visitor.words, visitor
        self._releases, self._asked = releases, asked
        self._frame = PageLayout(context, "/releases", visitor)
        self._known, self._chosen_cases = known.cameras, chosen
        self._zones = {(box.site, box.box): box.timezone for box in known.boxes}
        self._cases: dict[str, Case] = {}
        self._purposes: dict[str, str] = {}
        self._shown: tuple[tuple[str | None, str], list[tuple[str, int]]] | None = None
        self._before: str | None = None
        self._after: str | None = None

    async def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["rail.releases"], tag="h2")
            if self._visitor.caller.may("release.ask"):
                await self._form()
            with ui.element("div").classes("form"):
                self._state = ui.select(
                    {"": words["release.all"]} | {it: words[f"release.{it}"] for it in STATES},
                    value="", label=words["release.state"], on_change=self._newest,
                )  # fmt: skip
                self._state.props("dense outlined data-testid=release-state")
            self._list = ui.element("div").classes("cards").props("data-testid=releases")
            with ui.element("div").classes("acts"):
                self._first = html(escape(words["release.newest"]), "", "button", "type=button")
                self._first.props("data-testid=releases-newest").on("click", self._newest)
                self._older = html(escape(words["search.more"]), "", "button", "type=button")
                self._older.props("data-testid=releases-older").on("click", self._next)
        await self._fill()
        ui.timer(SECONDS_BETWEEN_CHECKS, self._fill)

    async def _form(self) -> None:
        words = self._words
        chosen = self._asked.get("case", "") or self._chosen_cases.of(self._visitor.token).case
        self._cases = await open_cases(self._releases.investigations, self._visitor.caller, chosen)
        if not self._cases:
            html(words["search.first"], "where")
            return
        form = Form(words, self._ask)
        with ui.element("div").classes("form"):
            names = {case.id: f"{case.id} · {self._context.sites.name(case.site)}" for case in self._cases.values()}
            first = chosen if chosen in names else next(iter(names))
            self._case = ui.select(names, value=first, label=words["search.case"], on_change=self._chosen)
            self._camera = ui.select({}, label=words["release.camera"]).props("data-testid=release-camera")
            for it in (self._case, self._camera):
                it.props("dense outlined")
            times = "dense outlined type=datetime-local step=1"
            self._from = ui.input(words["search.from"]).props(f"{times} data-testid=release-from")
            self._to = ui.input(words["search.until"]).props(f"{times} data-testid=release-to")
            self._reason = ui.input(words["release.reason"]).classes("long")
            self._reason.props("dense outlined maxlength=200 data-testid=release-reason")
            fields = {"from_ns": self._from, "to_ns": self._to, "reason": self._reason, "camera": self._camera}
            for name, element in fields.items():
                form.field(name, element)
            form.button(words["release.ask"], "release-ask")
        self._chosen()

    def _zone(self, site: str) -> ZoneInfo:
        box_zone = next((zone for (its, _), zone in self._zones.items() if its == site), "UTC")
        return self._context.sites.zone(site, box_zone)

    def _chosen(self) -> None:
        """Another case: its cameras, and the moment that the address names, or the last minute."""
        case = self._cases[str(self._case.value)]
        marked = self._chosen_cases.change(self._visitor.token, case=case.id)
        cameras = {it.id: it.name or it.id for it in self._known if it.site == case.site}
        if case.places:
            cameras = {name: text for name, text in cameras.items() if f"{case.site}/{name}" in case.places}
        wanted = self._asked.get("camera", "")
        site, _, camera = marked.camera.partition("/")
        wanted = wanted or (camera.partition("/")[2] if site == case.site else "")
        self._camera.set_options(cameras, value=wanted if wanted in cameras else next(iter(cameras), None))
        if marked.from_ns and not self._asked.get("at"):
            zone = self._zone(case.site)
            for field, time_ns in ((self._from, marked.from_ns), (self._to, marked.to_ns)):
                field.set_value(f"{datetime.fromtimestamp(time_ns // SECOND_NS, zone):{FORM}}")
            return
        at = self._asked.get("at", "")
        now_s = self._context.now_ns // SECOND_NS
        at_s = int(at) if at.isascii() and at.isdecimal() and len(at) < 11 else now_s - AROUND_S
        middle = datetime.fromtimestamp(at_s, self._zone(case.site))
        self._from.set_value(f"{middle - timedelta(seconds=AROUND_S):{FORM}}")
        self._to.set_value(f"{min(middle + timedelta(seconds=AROUND_S), _now(now_s, middle)):{FORM}}")

    def _moment(self, text: str, field: str, site: str) -> int:
        time_ns = instant(text, field, self._zone(site), end=field == "to_ns")
        if time_ns is None:
            raise ContractError("write both times", sentence="error.search.times", field=field)
        return time_ns

    async def _ask(self) -> None:
        case = self._cases[str(self._case.value)]
        caller = await self._frame.who()
        if caller is None:
            return
        fields: dict[str, object] = {
            "case": case.id, "camera": str(self._camera.value or ""),
            "from_ns": self._moment(str(self._from.value or ""), "from_ns", case.site),
            "to_ns": self._moment(str(self._to.value or ""), "to_ns", case.site),
            "reason": str(self._reason.value or ""),
        }  # fmt: skip
        await self._releases.ask(caller, fields)
        self._reason.set_value("")
        await self._fill()

    async def _fill(self) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            asked = self._before, str(self._state.value or "")
            more = await self._releases.shown(caller, PAGE + 1, self._before, state=_state(asked[1]))
            found = more[:PAGE]
            now = asked, [(it.id, it.step) for it in found]
            if now == self._shown or asked != (self._before, str(self._state.value or "")):
                return
            self._shown, self._purposes = now, await self._releases.purposes(found)
        except TROUBLE:
            return
        self._after = found[-1].id if len(more) > PAGE else None
        self._older.set_visibility(self._after is not None)
        self._first.set_visibility(self._before is not None)
        self._list.clear()
        with self._list:
            for it in found:
                with ui.element("article").classes("card low").props(f"data-testid=release data-state={it.state}"):
                    html(self._html(it))
                    with ui.element("div").classes("acts"):
                        self._acts(it)
        if not found:
            with self._list:
                html(self._words["release.none"], "none")

    async def _newest(self) -> None:
        self._before = None
        await self._fill()

    async def _next(self) -> None:
        self._before = self._after
        await self._fill()

    def _html(self, it: Release) -> str:
        key = (it.site, it.box, it.camera)
        name = next((one.name for one in self._known if (one.site, one.box, one.id) == key and one.name), it.camera)
        place = f"{self._context.sites.name(it.site)} · {name}"
        purpose = self._purposes.get(it.case_id, "")
        return release_html(it, self._words, self._zone(it.site), place=place, purpose=purpose)

    def _acts(self, it: Release) -> None:
        words, caller = self._words, self._visitor.caller
        mine = it.asked_by == caller.name
        if it.state == "requested" and not mine and caller.may("release.decide", it.site):
            for name, approved in (("approve", True), ("refuse", False)):
                button = html(words[f"release.{name}"], "main" if approved else "", "button", "type=button")
                button.props(f"data-testid=release-{name}")
                button.on("click", lambda _, yes=approved: self._question(it, approved=yes))
        if it.state in ("ready", "fetched") and mine and it.sealed:
            html(
                f'<form method="post" action="/api/releases/{escape(it.id)}/fetch"><button type="submit" class="main" '
                f'data-testid="release-fetch">{escape(words["release.fetch"])}</button></form>'
            )

    def _question(self, it: Release, *, approved: bool) -> None:
        words = self._words

        async def decide() -> None:
            caller = await self._frame.who()
            if caller is None:
                return
            await self._releases.decide(caller, it.id, approved=approved, reason=str(reason.value or ""))
            await self._fill()

        dialog = Dialog(words["release.approve" if approved else "release.refuse"], words, decide)
        with dialog.body:
            html(self._html(it))
            reason = dialog.form.field("reason", ui.input(words["release.why"]))
            reason.props("autofocus maxlength=200 data-testid=release-why")
        dialog.open(words["release.decide"], "release-decide")


def _state(chosen: str) -> State | None:
    return next((it for it in STATES if it == chosen), None)


def _now(now_s: int, like: datetime) -> datetime:
    return datetime.fromtimestamp(now_s, like.tzinfo)


async def show(context: PageContext, releases: ReleaseService, chosen: ChosenCases, client: Client) -> None:
    """Build a page for a request."""
    asked, visitor = dict(client.request.query_params), PageSession.of(client)
    await ReleasesPage(context, releases, visitor, asked, await context.known(), chosen=chosen).build()
