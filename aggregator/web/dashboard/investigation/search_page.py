"""The investigator's page: a case, then metadata and redacted stills. Every query is in the audit log."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

from nicegui import Client, ui

from aggregator.domain.case import Case
from aggregator.domain.search_query import OBJECTS, Key, ResultPage, SearchQuery, SearchResult, make
from aggregator.services.search_service import SearchService
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.investigation.case_form import CaseForm
from aggregator.web.dashboard.investigation.releases_page import link_of
from aggregator.web.dashboard.page_layout import Known, PageContext, PageLayout, PageSession, html
from common.clock import SECOND_NS
from common.errors import CaseError, ContractError, Forbidden, StoreError
from protocol.event_types import KINDS

HOURS = 24
FORM = "%Y-%m-%dT%H:%M"


def hit_html(hit: SearchResult, case: str, words: Texts, when: str) -> str:
    """A hit: its blurred picture where there is one, what, where, when."""
    shot = f"<div>{escape(words['no_picture'])}</div>"
    if hit.picture:
        source = f"/api/footage/{escape(hit.id)}/picture?case={quote(case)}"
        shot = f'<img src="{source}" alt="{escape(words[f"kind.{hit.kind}"], quote=True)}" loading="lazy">'
    details = " · ".join(escape(words.get(f"object.{it}", it)) for it in (hit.object, hit.zone) if it)
    return (
        f'<div class="shot">{shot}</div><div class="body"><div class="what">{escape(words[f"kind.{hit.kind}"])} '
        f'<small>{details}</small></div><div class="where"><b>{escape(hit.site)}</b> · {escape(hit.place)}</div>'
        f'<div class="when">{escape(when)}</div></div>'
    )


class SearchPage:
    """One open page.

    Args:
        context: What every page needs.
        searches: Cases and searches.
        visitor: The user who opened it.
        known: Cameras and boxes.
    """

    def __init__(self, context: PageContext, searches: SearchService, visitor: PageSession, known: Known) -> None:
        self._context, self._words, self._visitor = context, visitor.words, visitor
        self._searches = searches
        self._frame = PageLayout(context, "/search", visitor)
        self._cases: dict[str, Case] = {}
        self._doors: dict[str, str] = {}
        self._known = known.cameras
        self._zones = {(box.site, box.box): box.timezone for box in known.boxes}
        self._cameras = {(it.site, it.id) for it in known.cameras}
        self._seen = {box.site for box in known.boxes}
        self._asked: tuple[str, SearchQuery] | None = None
        self._after: Key | None = None

    async def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["search"], tag="h2")
                ui.element("div").classes("room")
                sites = self._sites()
                CaseForm(self._searches, self._frame, words, sites, self._opened).button()
            with ui.element("div").classes("form"):
                self._case = ui.select({}, label=words["search.case"], on_change=self._chosen)
                self._case.props("dense outlined data-testid=search-case")
                self._place = ui.select({}, label=words["search.place"], multiple=True)
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
                go = html(words["search.go"], "main", "button", "type=button data-testid=search-go")
                go.on("click", self._search)
                close = html(words["search.close"], "", "button", "type=button data-testid=close-case")
                close.on("click", self._close)
            self._message = html("", "where", props="data-testid=search-told")
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
        now_ns = self._context.now_ns
        found = await self._searches.cases(self._visitor.caller)
        places = await asyncio.to_thread(self._context.reader.places)
        self._doors = {f"{it.site}/{name}": name for it in places if (name := getattr(it.status, "id", ""))}
        self._cases = {case.id: case for case in found if case.open_at(now_ns)}
        names = {case.id: f"{case.id} · {self._context.sites.name(case.site)}" for case in self._cases.values()}
        self._case.set_options(names, value=chosen or next(iter(names), None))
        if not names:
            self._asked = self._after = None
            self._show([], first=True)
            self._message.set_content(escape(self._words["search.first"]))

    async def _opened(self, case: Case) -> None:
        await self._fill_cases(case.id)

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
        self._show([], first=True)

    def _question(self, case: Case) -> SearchQuery:
        zone = self._zone(case.site)
        times = {}
        for key, field in (("from_ns", self._from), ("until_ns", self._until)):
            try:
                moment = datetime.strptime(str(field.value or ""), FORM).replace(tzinfo=zone)
            except ValueError as error:
                raise ContractError(self._words["search.times"]) from error
            times[key] = round(moment.timestamp()) * SECOND_NS
        places = tuple(self._place.value or ())
        where = {"places": places} if places else {"sites": (case.site,)}
        return make(
            times | where | {"kinds": tuple(self._kinds.value or ()), "objects": tuple(self._objects.value or ())}
        )

    async def _search(self) -> None:
        case = self._cases.get(str(self._case.value))
        if case is None:
            ui.notify(self._words["search.first"], type="negative")
            return
        try:
            self._asked, self._after = (case.id, self._question(case)), None
        except ContractError as error:
            ui.notify(str(error), type="negative")
            return
        await self._page(first=True)

    async def _next(self) -> None:
        await self._page(first=False)

    async def _page(self, *, first: bool) -> None:
        if self._asked is None:
            return
        case, question = self._asked
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            page: ResultPage = await self._searches.search_from(caller, case, question, self._after)
        except (CaseError, ContractError, Forbidden, StoreError) as error:
            ui.notify(str(error), type="negative")
            return
        self._after = page.after
        self._show(page.hits, first=first)
        zone = self._zone(self._cases[case].site)
        until = datetime.fromtimestamp(page.searched_until_ns // SECOND_NS, zone)
        self._message.set_content(escape(self._words["search.searched"].format(time=f"{until:%Y-%m-%d %H:%M:%S}")))

    def _show(self, hits: list[SearchResult], *, first: bool) -> None:
        if first:
            self._hits.clear()
        case = self._asked[0] if self._asked is not None else ""
        with self._hits:
            for hit in hits:
                moment = datetime.fromtimestamp(hit.time_ns // SECOND_NS, self._zone(hit.site))
                with ui.element("article").classes("card low").props(f"data-testid=hit data-event={hit.id}"):
                    html(hit_html(hit, case, self._words, f"{moment:%Y-%m-%d %H:%M:%S}"))
                    if case and (hit.site, hit.place) in self._cameras:
                        self._clip(case, hit.id)
                    if (
                        case
                        and (hit.site, hit.place) in self._cameras
                        and self._visitor.caller.may("release.ask", hit.site, hit.place)
                    ):
                        where = link_of(case, hit.place, hit.time_ns)
                        html(self._words["release.ask"], "where", "a", f'href="{where}" data-testid=ask-release')
        self._more.set_visibility(self._after is not None and bool(hits or not first))

    def _clip(self, case: str, event_id: str) -> None:
        """A button that requests the clip; pressed again, it shows the request's state or the stored clip."""
        button = html(self._words["search.clip"], "", "button", "type=button data-testid=ask-clip")
        place = html("")

        async def press() -> None:
            try:
                caller = await self._frame.who()
                if caller is None:
                    return
                clip = await self._searches.ask_clip(caller, case, event_id)
            except (CaseError, Forbidden, StoreError) as error:
                ui.notify(str(error), type="negative")
                return
            if clip is not None and clip.state == "stored":
                source = f"/api/footage/{escape(event_id)}/clip?case={quote(case)}"
                place.set_content(f'<video src="{source}" controls muted autoplay data-testid="hit-clip"></video>')
            else:
                place.set_content(escape(self._words["search.clip.waits"].format(problem=clip.problem if clip else "")))

        button.on("click", press)

    async def _close(self) -> None:
        try:
            caller = await self._frame.who()
            if caller is not None and self._case.value:
                await self._searches.close_case(caller, str(self._case.value))
        except (CaseError, Forbidden, StoreError) as error:
            ui.notify(str(error), type="negative")
        await self._fill_cases()


async def show(context: PageContext, searches: SearchService, client: Client) -> None:
    """Build a page for a request."""
    await SearchPage(context, searches, PageSession.of(client), await context.known()).build()
