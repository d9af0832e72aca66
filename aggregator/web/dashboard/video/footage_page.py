"""The page of footage: a camera's day, in blurred stills and film. Looks name a case or purpose, and are recorded."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from aggregator.domain.read_models import Camera
from aggregator.services.box_command_service import BoxCommandService
from aggregator.web.dashboard.html import footage_html as views
from aggregator.web.dashboard.page_layout import Known, PageContext, PageLayout, PageSession, html
from aggregator.web.dashboard.video.live_page import PLAYER_JS
from common.clock import MILLISECOND_NS, SECOND_NS
from common.errors import CommandError, Forbidden, StoreError
from protocol.commands import CommandName, Reply, Span
from protocol.live_frames import LONGEST_NS
from protocol.topics import BoxTopics

NEWEST_S = 5
"""A day opens this long before the newest footage."""


class FootagePage:
    """One open page.

    Args:
        context: What every page needs.
        commands: Asks boxes for footage.
        visitor: The user who opened it.
        known: Cameras and boxes.
    """

    def __init__(self, context: PageContext, commands: BoxCommandService, visitor: PageSession, known: Known) -> None:
        self._context, self._commands, self._words = context, commands, visitor.words
        within = visitor.caller.within("footage.look")
        self._frame = PageLayout(context, "/footage", visitor)
        self._cameras = {f"{it.site}/{it.box}/{it.id}": it for it in known.cameras if within.holds(it.site, it.id)}
        self._zones = {(box.site, box.box): box.timezone for box in known.boxes}
        self._day = (0, 0)
        self._asking = False
        self._run, self._playing = 0, False
        self._at_s = 0

    def build(self) -> None:
        """Lay the page out."""
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["footage"], tag="h2")
            if not self._cameras:
                html(words["footage.none"], "none", props="data-testid=no-cameras")
                return
            self._form()
            self._line = html("")
            self._facts = html("", "where", props="data-testid=day-facts")
            props = (
                f'type=range min=0 max=86399 step=1 value=0 data-testid=scrub aria-label="{words["footage.choose"]}"'
            )
            self._scrub = ui.element("input").props(props).classes("scrub")
            self._scrub.on("change", self._moved, js_handler="event => emit(Number(event.target.value))")
            self._scrub.set_visibility(False)
            self._shot = html("", "still", props="data-testid=still")
            self._caption = html("", "where", props="data-testid=still-time")
            self._film = html(views.player_html(words))
            self._film.set_visibility(False)
            self._play = html(words["footage.play"], "", "button", "type=button data-testid=play")
            self._play.on("click", self._toggle)
            self._play.set_visibility(False)
        ui.on("played", self._played)

    def _form(self) -> None:
        words = self._words
        names = {key: f"{self._context.sites.name(it.site)} · {it.name or it.id}" for key, it in self._cameras.items()}
        first = next(iter(names))
        with ui.element("div").classes("form"):
            self._camera = ui.select(names, value=first, label=words["footage.camera"])
            self._camera.props("dense outlined data-testid=footage-camera")
            today = self._local(first)
            self._date = ui.input(words["footage.day"], value=f"{today:%Y-%m-%d}")
            self._date.props("dense outlined type=date data-testid=footage-day")
            self._case = ui.input(words["footage.case"]).props("dense outlined maxlength=200 data-testid=footage-case")
            show_day = html(words["footage.show"], "main", "button", "type=button data-testid=show-footage")
            show_day.on("click", self._show)

    def _chosen(self) -> Camera:
        return self._cameras[str(self._camera.value)]

    def _zone(self, camera: Camera) -> ZoneInfo:
        return self._context.sites.zone(camera.site, self._zones.get((camera.site, camera.box)))

    def _local(self, key: str) -> datetime:
        now_s = self._context.now_ns // SECOND_NS
        return datetime.fromtimestamp(now_s, self._zone(self._cameras[key]))

    async def _ask(self, name: CommandName, span: tuple[int, int]) -> Reply | None:
        camera = self._chosen()
        try:
            caller = await self._frame.who()
            if caller is None:
                return None
            topics = BoxTopics(camera.site, camera.box)
            reason = str(self._case.value or "")
            return await self._commands.send(caller, topics, name, camera.id, reason=reason, span=span)
        except (CommandError, Forbidden, StoreError) as error:
            ui.notify(str(error), type="negative")
            return None

    async def _show(self) -> None:
        self._stop()
        camera = self._chosen()
        zone = self._zone(camera)
        try:
            self._day = views.day_range(str(self._date.value), zone)
        except ValueError:
            ui.notify(self._words["footage.day"], type="negative")
            return
        reply = await self._ask("footage-spans", self._day)
        if reply is None or reply.kept is None:
            return
        reader, day = self._context.reader, self._day
        moments = await asyncio.to_thread(reader.timeline, camera.site, camera.box, camera.id, day)
        self._line.set_content(views.line_html(reply.kept, moments, day, zone, self._words))
        self._facts.set_content(escape(views.facts(reply.kept, moments, self._words)))
        self._caption.set_content(self._words["footage.choose"])
        self._shot.set_content("")
        seconds = (day[1] - day[0]) // SECOND_NS
        self._scrub.props(f"max={seconds - 1}")
        newest = max(reply.kept.spans, key=lambda span: span.to_ns, default=Span(day[0], day[0]))
        at_ns = max(newest.from_ns, newest.to_ns - NEWEST_S * SECOND_NS)
        self._move((at_ns - day[0]) // SECOND_NS)
        self._scrub.set_visibility(bool(reply.kept.spans))
        self._play.set_visibility(bool(reply.kept.spans))
        if reply.kept.spans:
            await self._still()

    def _move(self, at_s: int) -> None:
        self._at_s = at_s
        self._scrub.props(f"value={at_s}")

    async def _moved(self, event: GenericEventArguments) -> None:
        """The slider was let go."""
        self._stop()
        self._at_s = int(event.args)
        await self._still()

    async def _still(self) -> None:
        """The picture at the slider's moment; one question at a time, and once more if the slider has moved since."""
        if self._asking:
            return
        self._asking, at_s = True, -1
        try:
            while at_s != self._at_s:
                at_s = self._at_s
                at_ns = self._day[0] + at_s * SECOND_NS
                reply = await self._ask("footage-still", (at_ns, at_ns + SECOND_NS))
        finally:
            self._asking = False
        if reply is None or reply.picture is None or self._playing:
            return
        moment = datetime.fromtimestamp(at_ns // SECOND_NS, self._zone(self._chosen()))
        caption = escape(self._words["footage.still"].format(time=f"{moment:%Y-%m-%d %H:%M:%S}"), quote=True)
        data = base64.b64encode(reply.picture).decode()
        self._shot.set_content(f'<img src="data:image/jpeg;base64,{data}" alt="{caption}" data-testid="still-picture">')
        self._caption.set_content(caption)
        self._film.set_visibility(False)

    def _toggle(self) -> None:
        """Play from the slider's position, or stop; the browser loads the video and moves the slider."""
        if self._playing:
            ui.run_javascript("paifangView.stop()")
            return
        camera, day_ms = self._chosen(), self._day[0] // MILLISECOND_NS
        from_ms = day_ms + self._at_s * 1000
        self._run += 1
        past = {
            "run": self._run,
            "from_ms": from_ms,
            "to_ms": min(from_ms + LONGEST_NS // MILLISECOND_NS, self._day[1] // MILLISECOND_NS),
            "reason": str(self._case.value or ""),
            "zone": self._zone(camera).key,
            "day_ms": day_ms,
        }
        ui.run_javascript(f"paifangView.start({json.dumps(self._camera.value)}, {json.dumps(past)})")
        self._playing = True
        self._play.set_content(self._words["footage.pause"])
        self._shot.set_content("")
        self._caption.set_content("")
        self._film.set_visibility(True)

    def _stop(self) -> None:
        """Stop playback because the selection has changed."""
        if self._playing:
            ui.run_javascript("paifangView.stop()")
            self._run += 1
            self._playing = False
            self._play.set_content(self._words["footage.play"])

    def _played(self, event: GenericEventArguments) -> None:
        """The film has ended, or was stopped, at this moment."""
        run, at_ms = (int(it) for it in event.args)
        if run != self._run:
            return
        self._playing = False
        self._play.set_content(self._words["footage.play"])
        seconds = (at_ms - self._day[0] // MILLISECOND_NS) // 1000
        self._move(max(0, min(seconds, (self._day[1] - self._day[0]) // SECOND_NS - 1)))


async def show(context: PageContext, commands: BoxCommandService, client: Client) -> None:
    """Build a page for a request."""
    ui.add_body_html(f"<script>{PLAYER_JS}</script>")  # before the first wait: later it is no part of the page
    FootagePage(context, commands, PageSession.of(client), await context.known()).build()
