"""The page that people work at: live cards, camera health, boxes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from nicegui import Client, background_tasks, ui
from nicegui.elements.html import Html

from aggregator.domain.alerts.decisions import Request, Wish
from aggregator.domain.alerts.types import SEVERITIES, Acknowledged, Alert, Closed
from aggregator.domain.authorization import Principal
from aggregator.domain.read_models import AlertQuery
from aggregator.monitoring.change_feed import ChangeSet
from aggregator.services.alert_service import AlertService
from aggregator.web.dashboard.html import alert_html
from aggregator.web.dashboard.html.card_renderer import CardRenderer
from aggregator.web.dashboard.page_layout import PageContext, PageLayout, PageSession, html, rendered
from aggregator.web.dashboard.page_updates import PageUpdates
from common.errors import StoreError

MAX_CARDS = 60


def urgency(alert: Alert) -> tuple[int, int, int, str]:
    """What is more urgent is greater: open before closed, unacknowledged first, then by severity, then the newest."""
    unseen = alert.acknowledgement == "unacknowledged"
    return (alert.status == "open") + unseen, SEVERITIES.index(alert.severity), alert.opened_ns, alert.id


@dataclass
class _Card:
    frame: ui.element
    media: Html
    body: Html
    acknowledge: Html
    resolve: Html
    alert: Alert


class AlertsPage:
    """One open page.

    Args:
        context: What every page needs.
        alerts: Takes operators' decisions.
        updates: What all pages show.
        renderer: Renders cards for all pages.
        visitor: The user who opened it.
    """

    def __init__(
        self,
        context: PageContext,
        alerts: AlertService,
        updates: PageUpdates,
        renderer: CardRenderer,
        visitor: PageSession,
    ) -> None:
        self._context, self._alerts, self._live, self._visitor = context, alerts, updates, visitor
        self._renderer = renderer
        self._user, self._words = visitor.user, visitor.words
        self._see_as(visitor.caller)
        self._cards: dict[str, _Card] = {}
        self._show_all = False
        self._clips: set[str] = set()

    async def build(self) -> None:
        """Lay the page out, show what is there, and follow what comes."""
        await self._live.refresh()
        self._frame = PageLayout(self._context, "/", self._visitor)
        with ui.element("main").classes("board"):
            with ui.element("section"):
                self._head()
                self._none = html(self._words["alerts.none"], "none", props="data-testid=no-alerts")
                self._grid = ui.element("div").classes("cards").props("data-testid=alerts aria-live=polite")
                self._more = html("", "none", props="data-testid=more-alerts role=status")
            with ui.element("aside"):
                self._cameras = self._panel("cameras", "camera-health")
                self._boxes = self._panel("boxes", "box-status")
        await self._fill()
        self._panels()

    async def who(self) -> Principal | None:
        """The user as of now; None if the session has ended."""
        return await self._frame.who()

    def _see_as(self, caller: Principal) -> None:
        self._caller, self._within = caller, caller.within("alerts.see")
        self._places, self._trouble = caller.within("places.see"), caller.may("trouble.see")

    def show_changes(self, update: ChangeSet, caller: Principal) -> None:
        """Show changes, with the roles that the user has now."""
        self._see_as(caller)
        for card in [it for it in self._cards.values() if not self._within.holds(it.alert.site, it.alert.place)]:
            del self._cards[card.alert.id]
            card.frame.delete()
        for alert in sorted(update.alerts.values(), key=urgency):
            if self._within.holds(alert.site, alert.place):
                self._show(alert, fresh=True)
        if update.alerts:
            background_tasks.create_lazy(self._count(), name=f"count alerts of {id(self)}")
        self._clips |= update.clips
        for card in [self._cards[it] for it in update.clips if it in self._cards]:
            self._dress(card, card.alert)
        if update.boxes or update.quarantine:
            self._panels()

    def _head(self) -> None:
        with ui.element("div").classes("head"):
            html(self._words["alerts"], tag="h2")
            ui.element("div").classes("room")
            self._filters = {
                False: self._button("alerts.work", lambda: self._filter(False), "filter-work"),
                True: self._button("alerts.all", lambda: self._filter(True), "filter-all"),
            }

    def _button(self, key: str, act: Callable[[], object], test_id: str, classes: str = "") -> Html:
        props = f"type=button data-testid={test_id}"
        return html(self._words[key], classes, "button", props).on("click", act)

    def _panel(self, key: str, test_id: str) -> Html:
        with ui.element("section").classes("panel").props(f"data-testid={test_id}"):
            html(self._words[key], tag="h2")
            return html("")

    async def _filter(self, show_all: bool) -> None:
        self._show_all = show_all
        caller = await self._frame.who()
        if caller is not None:
            self._see_as(caller)
            await self._fill()

    async def _fill(self) -> None:
        for value, button in self._filters.items():
            button.props(f"aria-pressed={str(value == self._show_all).lower()}")
        alerts, self._clips = await asyncio.to_thread(self._read, self._query())
        self._grid.clear()
        self._cards.clear()
        for alert in alerts:
            self._show(alert, fresh=False)
        self._none.set_visibility(not self._cards)
        await self._count()

    def _query(self) -> AlertQuery:
        if self._show_all:
            return AlertQuery(limit=MAX_CARDS, within=self._within)
        return AlertQuery(order="urgency", status="open", limit=MAX_CARDS, within=self._within)

    async def _count(self) -> None:
        """Say how many alerts are not shown. They come back with the next filling of the page."""
        try:
            there = await asyncio.to_thread(self._context.reader.alert_count, self._query())
        except StoreError:
            return
        hidden = max(0, there - len(self._cards))
        if hidden and len(self._cards) < MAX_CARDS:
            await self._fill()
            return
        self._more.set_content(self._words.counted("alerts.more", hidden))
        self._more.set_visibility(hidden > 0)

    def _read(self, query: AlertQuery) -> tuple[list[Alert], set[str]]:
        reader = self._context.reader
        alerts = reader.alerts(query)
        return alerts, reader.stored_clips([it.id for it in alerts])

    def _show(self, alert: Alert, *, fresh: bool) -> None:
        card = self._cards.get(alert.id)
        if alert.status == "closed" and not self._show_all:
            if card is not None:
                del self._cards[alert.id]
                card.frame.delete()
        elif card is None:
            self._cards[alert.id] = self._make(alert, fresh)
            self._place(self._cards[alert.id])
            if len(self._cards) > MAX_CARDS:
                last = min(self._cards.values(), key=lambda it: urgency(it.alert))
                self._cards.pop(last.alert.id).frame.delete()
        else:
            self._dress(card, alert)
            self._place(card)
        self._none.set_visibility(not self._cards)

    def _place(self, card: _Card) -> None:
        """Put a card where its urgency belongs; others keep their order."""
        before = sum(urgency(it.alert) > urgency(card.alert) for it in self._cards.values() if it is not card)
        if self._grid.default_slot.children.index(card.frame) != before:  # moving it takes the focus from its buttons
            card.frame.move(target_index=before)

    def _make(self, alert: Alert, fresh: bool) -> _Card:
        with self._grid, ui.element("article").props(f"data-testid=alert-card data-alert={alert.id}") as frame:
            media = html("", "shot")
            body = html("", "body")
            with ui.element("div").classes("acts"):
                taken = self._button("acknowledge", lambda: self._act(alert.id, Acknowledged()), "acknowledge")
                done = self._button("resolve", lambda: self._act(alert.id, Closed("real")), "resolve")
        card = _Card(frame, media, body, taken.classes("main"), done, alert)
        self._dress(card, alert)
        if fresh:
            frame.classes("new")
        return card

    def _dress(self, card: _Card, alert: Alert) -> None:
        card.alert = alert
        camera = self._live.panels.camera_name(alert)
        card.frame.classes(replace=f"card {alert.severity} {alert_html.state_of(alert)}")
        clip = alert.id in self._clips and self._caller.may("clips.see", alert.site, alert.place)
        language, zone = self._visitor.language, self._live.panels.timezone(alert.site, alert.box)
        media = rendered(lambda: self._renderer.media(alert, language, camera, clip=clip), self._words)
        body = rendered(lambda: self._renderer.body(alert, language, camera, zone), self._words)
        card.media.set_content(media)
        card.body.set_content(body)
        card.acknowledge.set_visibility(alert_html.state_of(alert) == "open")
        card.resolve.set_visibility(alert.status == "open")

    async def _act(self, alert_id: str, wish: Wish) -> None:
        try:
            caller = await self._frame.who()
            if caller is None:
                return
            (verdict,) = await self._alerts.decide(caller, [Request(alert_id, wish)])
            if verdict.result != "done":
                ui.notify(self._words["forbidden"], type="negative")
        except StoreError:
            ui.notify(self._words["failed"], type="negative")

    def _panels(self) -> None:
        panels = self._live.panels
        cameras = [it for it in panels.cameras if self._places.holds(it.site, it.id)]
        boxes = [it for it in panels.boxes if self._places.touches(it.site)]
        self._cameras.set_content(rendered(lambda: alert_html.cameras_html(cameras, self._words), self._words))
        self._boxes.set_content(rendered(lambda: alert_html.boxes_html(boxes, self._words), self._words))
        self._frame.quarantine.set_visibility(self._trouble)
        self._frame.quarantine.set_content(self._words["quarantine"].format(count=panels.quarantined))
        self._frame.quarantine.classes(replace="chip plain bad" if panels.quarantined else "chip plain")


async def show(
    context: PageContext, alerts: AlertService, updates: PageUpdates, renderer: CardRenderer, client: Client
) -> None:
    """Build a page for a request and keep it up to date until its browser leaves."""
    page = AlertsPage(context, alerts, updates, renderer, PageSession.of(client))
    await page.build()

    def show_changes(update: ChangeSet, caller: Principal) -> None:
        with client:
            page.show_changes(update, caller)

    client.on_delete(updates.follow(page.who, show_changes))
