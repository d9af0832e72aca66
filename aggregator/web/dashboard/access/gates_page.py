"""The page of gates and doors: what passed, what was decided, and a person's hand on them, with a reason."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from html import escape

from nicegui import Client, ui
from nicegui.elements.html import Html
from nicegui.events import GenericEventArguments

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.read_models import Passage, Place
from aggregator.domain.store_port.events import EventReader
from aggregator.monitoring.change_feed import ChangeSet
from aggregator.services.box_command_service import BoxCommandService
from aggregator.services.site_lists.passage_service import EntryReason, PassageService
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.forms.form import Dialog
from aggregator.web.dashboard.html import place_html as views
from aggregator.web.dashboard.shell.page_layout import PageContext, PageLayout, PageSession, html, rendered
from aggregator.web.dashboard.shell.page_updates import PageUpdates
from common.errors import ListError, PaifangError, StoreError
from protocol.commands import CommandName
from protocol.receipts import DoorStatus
from protocol.topics import BoxTopics

_PLATE_CLICK = "(event) => { const it = event.target.closest('[data-plate]'); if (it) emit(it.dataset.plate); }"
LAST = 6
TICK_S = 1.0


@dataclass
class _Card:
    frame: ui.element
    place: Place
    shot: Html | None
    state: Html
    events: Html


class GatesPage:
    """One open page.

    Args:
        context: What every page needs.
        events: The last passages.
        commands: Opens gates and doors.
        passages: Says why a gate decided so.
        visitor: The user who opened it.
    """

    def __init__(
        self,
        context: PageContext,
        events: EventReader,
        commands: BoxCommandService,
        passages: PassageService,
        visitor: PageSession,
    ) -> None:
        self._context, self._commands, self._words = context, commands, visitor.words
        self._events, self._passages = events, passages
        self._plates: dict[str, str] = {}
        self.see_as(visitor.caller)
        self._frame = PageLayout(context, "/gates", visitor)
        self._cards: dict[tuple[str, str, str], _Card] = {}
        self._reading = False
        self._again = False

    async def who(self) -> Principal | None:
        """The user as of now; None if the session has ended."""
        return await self._frame.who()

    def see_as(self, caller: Principal) -> None:
        """From now on show what this caller may see."""
        self._within, self._opens = caller.within("passages.see"), caller.within("gate.open")

    async def build(self) -> None:
        """Lay the page out and show what is there."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            self._none = html(words["gates.none"], "none", props="data-testid=no-places")
            self._gates = self._group("gates.gates", "gates")
            self._doors = self._group("gates.doors", "doors")
        await self.refresh()
        ui.timer(TICK_S, self._tick)

    async def refresh(self) -> None:
        """Read and show everything again; asked for meanwhile, once more afterwards."""
        self._again = True
        if self._reading:
            return
        self._reading = True
        try:
            while self._again:
                self._again = False
                self._show(await asyncio.to_thread(self._read))
        except (ListError, StoreError) as error:
            ui.notify(error_text(error, self._words), type="negative")
        finally:
            self._reading = False

    def _read(self) -> list[tuple[Place, list[Passage], dict[str, EntryReason]]]:
        places = [it for it in self._context.fleet.places() if self._sees(it)]
        seen = [(it, self._events.passages(*views.key_of(it), LAST)) for it in places]
        return [(place, last, self._passages.reasons(place.site, last)) for place, last in seen]

    def _sees(self, place: Place) -> bool:
        site, _, name = views.key_of(place)
        return self._within.holds(site, name) or self._within.holds(site, views.target_of(place))

    def _group(self, key: str, test_id: str) -> ui.element:
        with ui.element("div").classes("head"):
            html(self._words[key], tag="h2")
        return ui.element("div").classes("cards").props(f"data-testid={test_id}")

    def _show(self, found: list[tuple[Place, list[Passage], dict[str, EntryReason]]]) -> None:
        self._none.set_visibility(not found)
        for gone in self._cards.keys() - {views.key_of(place) for place, _, _ in found}:
            self._cards.pop(gone).frame.delete()
        for place, last, reasons in found:
            key = views.key_of(place)
            card = self._cards.get(key)
            if card is None:
                card = self._cards[key] = self._make(place)
            card.place = place
            if card.shot is not None:
                card.shot.set_content(rendered(partial(views.shot_html, last, self._words), self._words))
            card.events.set_content(rendered(partial(self._events_html, place, last, reasons), self._words))
        self._tick()

    def _events_html(self, place: Place, last: list[Passage], reasons: dict[str, EntryReason]) -> str:
        zone = self._context.sites.zone(place.site, place.timezone)
        local = [(it, self._context.sites.local(place.site, it.time_ns, place.timezone)) for it in last]
        return views.events_html(local, self._words, views.Reasons(reasons, self._plates, zone))

    def _make(self, place: Place) -> _Card:
        door = isinstance(place.status, DoorStatus)
        with self._doors if door else self._gates, ui.element("article").classes("card low") as frame:
            shot = None if door else html("", "shot")
            with ui.element("div").classes("body"):
                state, events = html(""), html("")
                chosen = partial(self._plate_asked, views.key_of(place))
                events.on("click", chosen, js_handler=_PLATE_CLICK)
            with ui.element("div").classes("acts"):
                props = f"type=button data-testid={'unlock-door' if door else 'open-gate'}"
                label = self._words["door.unlock" if door else "gate.open"]
                button = html(label, "main", "button", props).on("click", lambda: self._ask(place))
                button.set_visibility(self._opens.holds(place.site, views.target_of(place)))
        return _Card(frame, place, shot, state, events)

    async def _plate_asked(self, key: tuple[str, str, str], event: GenericEventArguments) -> None:
        await self._show_plate(str(event.args), key)

    def _tick(self) -> None:
        """Timers of open doors."""
        now_ns = self._context.now_ns
        for card in self._cards.values():
            site = self._context.sites.name(card.place.site)
            made = partial(views.state_html, card.place, site, self._words, now_ns)
            card.state.set_content(rendered(made, self._words))

    def _ask(self, place: Place) -> None:
        """A reason first."""
        words = self._words

        async def act() -> None:
            await self._act(place, str(reason.value or ""))

        dialog = Dialog(escape(views.name_of(place)), words, act)
        with dialog.body:
            field = ui.input(words["reason"]).props("autofocus maxlength=200 data-testid=reason")
            reason = dialog.form.field("reason", field)
            with ui.element("div").classes("chips"):
                for text in words["gate.reasons"].split(" | "):
                    chosen = partial(reason.set_value, text)
                    html(escape(text), "chip plain", "button", "type=button data-testid=reason-chip").on(
                        "click", chosen
                    )
        dialog.open(words["door.unlock" if isinstance(place.status, DoorStatus) else "gate.open"])

    async def _act(self, place: Place, reason: str) -> None:
        command: CommandName = "unlock-door" if isinstance(place.status, DoorStatus) else "open-gate"
        caller = await self._frame.who()
        if caller is None:
            return
        topics = BoxTopics(place.site, place.box)
        await self._commands.send(caller, topics, command, views.target_of(place), reason=reason)
        ui.notify(self._words["done"], type="positive")

    async def _show_plate(self, event: str, key: tuple[str, str, str]) -> None:
        """The plate of a list entry, after the access is in the audit log."""
        try:
            caller = await self._frame.who()
            text = None if caller is None else await self._passages.plate(caller, event)
        except PaifangError as error:
            ui.notify(error_text(error, self._words), type="negative")
            return
        if text is not None and key in self._cards:
            self._plates[event] = text
            await self.refresh()


async def show(
    context: PageContext,
    events: EventReader,
    client: Client,
    *,
    commands: BoxCommandService,
    passages: PassageService,
    updates: PageUpdates,
) -> None:
    """Build a page for a request and keep it up to date until its browser leaves."""
    page = GatesPage(context, events, commands, passages, PageSession.of(client))
    await page.build()

    def show_changes(update: ChangeSet, caller: Principal) -> None:
        page.see_as(caller)
        if update.passages or update.boxes:
            with client:
                ui.timer(0, page.refresh, once=True)

    client.on_delete(updates.follow(page.who, show_changes))
