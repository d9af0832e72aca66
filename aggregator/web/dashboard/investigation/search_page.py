"""The investigator's page: a case, then metadata and redacted stills. Every query is in the audit log."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from html import escape
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from nicegui import Client, ui

from aggregator.domain.investigation.case import Case
from aggregator.domain.investigation.search_query import OBJECTS, Key, SearchQuery, make
from aggregator.domain.investigation.visit_grouping import Visit, VisitGrouper
from aggregator.domain.site_lists.local_dates import instant
from aggregator.services.search_service import SearchService
from aggregator.web.dashboard.forms.form import Form
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.investigation.case_form import CaseForm
from aggregator.web.dashboard.investigation.case_list import CaseList, open_cases
from aggregator.web.dashboard.investigation.chosen_case import ChosenCases
from aggregator.web.dashboard.investigation.clip_button import ClipButton
from aggregator.web.dashboard.investigation.releases_page import link_of
from aggregator.web.dashboard.shell.page_layout import Known, PageContext, PageLayout, PageSession, html
from common.clock import SECOND_NS
from common.errors import CaseError, ContractError, PaifangError
from protocol.event_types import KINDS

HOURS = 24
FORM = "%Y-%m-%dT%H:%M"


def visit_html(visit: Visit, case: str, words: Texts, where: tuple[str, str], when: str) -> str:
    """A visit: a blurred picture of it where there is one, what, how often, where, when."""
    hit = visit.shown
    shot = f"<div>{escape(words['no_picture'])}</div>"
    if hit.picture:
        source = f"/api/footage/{escape(hit.id)}/picture?case={quote(case)}"
        shot = f'<img src="{source}" alt="{escape(words[f"kind.{hit.kind}"], quote=True)}" loading="lazy">'
    named = (words.get(f"object.{hit.object}", hit.object) if hit.object else "", *sorted(visit.zones))
    details = " · ".join(escape(it) for it in named if it)
    count = f' <b data-testid="visit-count">{escape(words["visit.count"].format(count=visit.count))}</b>'
    return (
        f'<div class="shot">{shot}</div><div class="body"><div class="what">{escape(words[f"kind.{hit.kind}"])} '
        f"<small>{details}</small>{count if visit.count > 1 else ''}</div>"
        f'<div class="where"><b>{escape(where[0])}</b> · {escape(where[1])}</div>'
        f'<div class="when">{escape(when)}</div></div>'
    )


class SearchPage:
    """One open page.

    Args:
        context: What every page needs.
        searches: Cases and searches.
        chosen: The case of each session.
        visitor: The user who opened it.
        known: Cameras and boxes.
    """

    def __init__(
        self,
        context: PageContext,
        searches: SearchService,
        chosen: ChosenCases,
        visitor: PageSession,
        known: Known,
    ) -> None:
        self._context, self._words, self._visitor = context, visitor.words, visitor
        self._searches = searches
        self._frame = PageLayout(context, "/search", visitor)
        self._cases: dict[str, Case] = {}
        self._doors: dict[str, str] = {}
        self._known = known.cameras
        self._zones = {(box.site, box.box): box.timezone for box in known.boxes}
        self._cameras = {(it.site, it.id): it for it in known.cameras}
        self._seen = {box.site for box in known.boxes}
        self._asked: tuple[str, SearchQuery] | None = None
        self._after: Key | None = None
        self._reading = asyncio.Lock()
        self._grouper = VisitGrouper()
        self._chosen_cases, self._session = chosen, visitor.token

    async def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["rail.search"], tag="h2")
                ui.element("div").classes("room")
                sites = self._sites()
                CaseForm(self._searches, self._frame, words, sites, self._opened).button()
            form = self._form = Form(words, self._search)
            with ui.element("div").classes("form"):
                self._case = ui.select({}, label=words["search.case"], on_change=self._chosen)
                self._case.props("dense outlined data-testid=search-case")
                self._place = ui.select({}, label=words["search.place"], multiple=True).classes("long")
                self._from = ui.input(words["search.from"]).props("dense outlined type=datetime-local data-testid=from")
                self._until = ui.input(words["search.until"]).props(
                    "dense outlined type=datetime-local data-testid=until"
                )
                kinds = {kind: words[f"kind.{kind}"] for kind in KINDS}
                self._kinds = ui.select(kinds, label=words["search.kind"], multiple=True).props(
                    "data-testid=search-kind"
                )
                objects = {name: words[f"object.{name}"] for name in OBJECTS if f"object.{name}" in words}
                self._objects = ui.select(objects, label=words["search.object"], multiple=True)
                for chosen in (self._place, self._kinds, self._objects):
                    chosen.props("dense outlined use-chips")
                for name, element in (("from", self._from), ("until", self._until), ("case", self._case)):
                    form.field(name, element)
                form.button(words["search.go"], "search-go")
                close = html(words["search.close"], "", "button", "type=button data-testid=close-case")
                close.on("click", self._close)
            self._message = html("", "where", props="data-testid=search-told")
            self._all_cases = CaseList(
                self._searches, self._frame, words, self._context.sites, zone=self._zone, chosen=self._opened
            )
            self._hits = ui.element("div").classes("cards").props("data-testid=hits")
            self._more = html(words["search.more"], "main", "button", "type=button data-testid=search-more")
            self._more.on("click", self._next)
            self._more.set_visibility(False)
        await self._fill_cases()

    def _sites(self) -> dict[str, str]:
        within = self._visitor.caller.within("case.work")
        known = self._seen | set(self._context.sites.sites)
        return {site: self._context.sites.name(site) for site in sorted(known) if within.holds(site)}

    def _zone(self, site: str) -> ZoneInfo:
        box_zone = next((zone for (its, _), zone in self._zones.items() if its == site), "UTC")
        return self._context.sites.zone(site, box_zone)

    async def _fill_cases(self, chosen: str = "") -> None:
        kept = chosen or self._chosen_cases.of(self._session).case
        self._cases = await open_cases(self._searches, self._visitor.caller, kept)
        places = await asyncio.to_thread(self._context.fleet.places)
        self._doors = {f"{it.site}/{name}": name for it in places if (name := getattr(it.status, "id", ""))}
        names = {case.id: f"{case.id} · {self._context.sites.name(case.site)}" for case in self._cases.values()}
        self._case.set_options(names, value=kept if kept in names else next(iter(names), None))
        if not names:
            self._asked = self._after = None
            self._grouper = VisitGrouper()
            self._show()
            self._message.set_content(escape(self._words["search.first"]))

    async def _opened(self, case: Case) -> None:
        """A case was opened, or chosen in the list of all."""
        await self._fill_cases(case.id)
        await self._all_cases.refresh()

    def _chosen(self) -> None:
        """Another case: its places, and the last day as a beginning."""
        case = self._cases.get(str(self._case.value))
        if case is None:
            return
        now = datetime.fromtimestamp(self._context.now_ns // SECOND_NS, self._zone(case.site))
        self._from.set_value(f"{now - timedelta(hours=HOURS):{FORM}}")
        self._until.set_value(f"{now + timedelta(minutes=1):{FORM}}")
        cameras = {f"{it.site}/{it.id}": it.name or it.id for it in self._known if it.site == case.site}
        every = cameras | {spot: name for spot, name in self._doors.items() if spot.startswith(f"{case.site}/")}
        spots = {spot: every.get(spot, spot) for spot in case.places} if case.places else every
        self._place.set_options(spots, value=list(case.places))
        self._message.set_content(escape(case.purpose))
        self._chosen_cases.change(self._session, case=case.id)
        self._grouper, self._after = VisitGrouper(), None
        self._show()

    def _question(self, case: Case) -> SearchQuery:
        zone, times = self._zone(case.site), {}
        for key, name, field in (("from_ns", "from", self._from), ("until_ns", "until", self._until)):
            time_ns = instant(str(field.value or ""), name, zone, end=key == "until_ns")
            if time_ns is None:
                raise ContractError("write both times", sentence="error.search.times", field=name)
            times[key] = time_ns
        places = tuple(self._place.value or ())
        where = {"places": places} if places else {"sites": (case.site,)}
        return make(
            times | where | {"kinds": tuple(self._kinds.value or ()), "objects": tuple(self._objects.value or ())}
        )

    async def _search(self) -> None:
        case = self._cases.get(str(self._case.value))
        if case is None:
            raise CaseError("open a case first", sentence="search.first", field="case")
        asked = case.id, self._question(case)
        async with self._reading:
            self._asked, self._after, self._grouper = asked, None, VisitGrouper()
            await self._page()

    async def _next(self) -> None:
        async with self._reading:  # a second click goes on after the hits of the first
            try:
                if self._after is not None:
                    await self._page()
            except PaifangError as error:
                self._form.show_error(error)

    async def _page(self) -> None:
        """Read hits until there are so many more visits, the search ends, or it has read enough."""
        if self._asked is None:
            return
        (case, question), grouper = self._asked, self._grouper
        caller = await self._frame.who()
        if caller is None:
            return
        page = await self._searches.visits_from(caller, case, question, self._after, grouper)
        if grouper is not self._grouper:  # another case was chosen meanwhile
            return
        self._after = page.after
        self._show()
        until = datetime.fromtimestamp(page.searched_until_ns // SECOND_NS, self._zone(self._cases[case].site))
        text = self._words["search.searched"].format(time=f"{until:%Y-%m-%d %H:%M:%S %Z}")
        hits = sum(visit.count for visit in self._grouper.visits)
        counted = self._words["visit.counted"].format(visits=len(self._grouper.visits), hits=hits)
        self._message.set_content(escape(f"{counted} · {text}"))

    def _show(self) -> None:
        """All visits so far: an earlier one may have grown."""
        self._hits.clear()
        case = self._asked[0] if self._asked is not None else ""
        with self._hits:
            for visit in self._grouper.visits:
                self._visit(visit, case)
        self._more.set_visibility(self._after is not None)

    def _visit(self, visit: Visit, case: str) -> None:
        hit, words = visit.shown, self._words
        zone = self._zone(hit.site)
        first, last = (datetime.fromtimestamp(it // SECOND_NS, zone) for it in (visit.first_ns, visit.last_ns))
        when = f"{first:%Y-%m-%d %H:%M:%S}" + (f" – {last:%H:%M:%S}" if last != first else "") + f" {first:%Z}"
        camera = self._cameras.get((hit.site, hit.place))
        name = camera.name or camera.id if camera else self._doors.get(f"{hit.site}/{hit.place}", hit.place)
        where = (self._context.sites.name(hit.site), name)
        with ui.element("article").classes("card low").props(f"data-testid=hit data-event={hit.id}"):
            html(visit_html(visit, case, words, where, when))
            if not case or camera is None:
                return
            with ui.element("div").classes("acts"):
                ClipButton(self._searches, self._frame.who, words, case, hit.id)
                caller = self._visitor.caller
                if caller.may("footage.look", hit.site, hit.place):
                    asked = {"camera": f"{hit.site}/{camera.box}/{hit.place}", "at": visit.first_ns // SECOND_NS}
                    link = f"/footage?{urlencode(asked)}"
                    html(words["search.footage"], "where", "a", f'href="{link}" data-testid=open-footage')
                if caller.may("release.ask", hit.site, hit.place):
                    where_to = link_of(case, hit.place, hit.time_ns)
                    html(words["release.ask"], "where", "a", f'href="{where_to}" data-testid=ask-release')

    async def _close(self) -> None:
        try:
            caller = await self._frame.who()
            if caller is not None and self._case.value:
                await self._searches.close_case(caller, str(self._case.value))
        except PaifangError as error:
            self._form.show_error(error)
        await self._fill_cases()
        await self._all_cases.refresh()


async def show(context: PageContext, searches: SearchService, chosen: ChosenCases, client: Client) -> None:
    """Build a page for a request."""
    await SearchPage(context, searches, chosen, PageSession.of(client), await context.known()).build()
