"""The page of footage: a camera's day, in blurred stills and film. Looks name a case or purpose, and are recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from html import escape
from zoneinfo import ZoneInfo

from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from aggregator.domain.read_models import Camera
from aggregator.domain.store_port.events import EventReader
from aggregator.services.box_command_service import BoxCommandService
from aggregator.services.footage.case_footage_service import CaseFootageService
from aggregator.services.footage.hold_service import HoldService
from aggregator.web.dashboard.forms.box_text import gap_text
from aggregator.web.dashboard.forms.form import Form
from aggregator.web.dashboard.html import footage_html as views
from aggregator.web.dashboard.investigation.chosen_case import ChosenCases
from aggregator.web.dashboard.shell import assets
from aggregator.web.dashboard.shell.page_layout import Known, PageContext, PageLayout, PageSession, html
from aggregator.web.dashboard.video.range_actions import RangeActions
from aggregator.web.dashboard.video.timeline import Timeline
from common.clock import MILLISECOND_NS, SECOND_NS
from common.errors import ContractError, PaifangError
from protocol.commands import CommandName, Reply, Span
from protocol.live_frames import LONGEST_NS
from protocol.topics import BoxTopics

_MOMENT = "() => emit(Number(document.querySelector('[data-testid=scrub]').value))"
"""The moment of the slider, which goes along while video plays."""
NEWEST_S = 5
"""A day opens this long before the newest footage."""


@dataclass(frozen=True)
class FootageServices:
    """What the page works with.

    Args:
        events: Those on the timeline.
        commands: Requests footage from boxes.
        case_footage: Clips of marked ranges.
        holds: Legal holds of marked ranges.
    """

    events: EventReader
    commands: BoxCommandService
    case_footage: CaseFootageService
    holds: HoldService


class FootagePage:
    """One open page.

    Args:
        context: What every page needs.
        services: Events, footage, and what cases do with it.
        chosen: The case and range of each session.
        visitor: The user who opened it.
        known: Cameras and boxes.
    """

    def __init__(
        self,
        context: PageContext,
        services: FootageServices,
        chosen: ChosenCases,
        visitor: PageSession,
        *,
        known: Known,
    ) -> None:
        self._context, self._words = context, visitor.words
        self._reader, self._commands, self._case_footage = services.events, services.commands, services.case_footage
        self._holds = services.holds
        within = visitor.caller.within("footage.look")
        self._frame = PageLayout(context, "/footage", visitor)
        self._cameras = {_key(it): it for it in known.cameras if within.holds(it.site, it.id)}
        self._zones = {(box.site, box.box): box.timezone for box in known.boxes}
        self._chosen_cases, self._visitor = chosen, visitor
        self._asking = False
        self._run, self._playing = 0, False

    async def build(self, asked: dict[str, str]) -> None:
        """Lay the page out.

        Args:
            asked: What the address fills in: camera (`site/box/camera`), at (seconds since 1970).
        """
        words = self._words
        with ui.element("main").classes("board wide"), ui.element("section"):
            with ui.element("div").classes("head"):
                html(words["rail.footage"], tag="h2")
            if not self._cameras:
                html(words["footage.none"], "none", props="data-testid=no-cameras")
                return
            at_s = self._form(asked)
            self._timeline = Timeline(self._reader, words, self._clicked)
            self._tools()
            self._timeline.add_summary()
            props = f'type=range min=0 max=86399 step=1 data-testid=scrub aria-label="{words["footage.choose"]}"'
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
        if at_s is not None and str(self._case.value or "").strip():
            await self._show_at(at_s)

    def _form(self, asked: dict[str, str]) -> int | None:
        """The form, with what the address or the session has chosen; the moment that the address names."""
        words = self._words
        names = {key: f"{self._context.sites.name(it.site)} · {_name(it)}" for key, it in self._cameras.items()}
        kept, at = self._chosen_cases.of(self._visitor.token), asked.get("at", "")
        first = next((it for it in (asked.get("camera", ""), kept.camera) if it in names), next(iter(names)))
        at_s = int(at) if at.isascii() and at.isdecimal() and len(at) < 11 else None
        form = self._form_ = Form(words, self._show)
        with ui.element("div").classes("form"):
            self._camera = form.field("camera", ui.select(names, value=first, label=words["footage.camera"]))
            self._camera.props("dense outlined data-testid=footage-camera")
            shown = self._local(first, at_s)
            self._date = form.field("day", ui.input(words["footage.day"], value=f"{shown:%Y-%m-%d}"))
            self._date.props("dense outlined type=date data-testid=footage-day")
            self._case = form.field("reason", ui.input(words["footage.case"], value=kept.case))
            self._case.props("dense outlined maxlength=200 data-testid=footage-case")
            form.button(words["footage.show"], "show-footage")
        return at_s

    def _tools(self) -> None:
        """Zoom and the marked range, for mouse, touch and keyboard."""
        words = self._words
        with ui.element("div").classes("form") as self._tool_row:
            for label, test_id, act in (
                ("footage.zoom.in", "zoom-in", partial(self._timeline.zoom, 0.25)),
                ("footage.zoom.out", "zoom-out", partial(self._timeline.zoom, 4.0)),
                ("footage.zoom.day", "zoom-day", self._timeline.zoom_out),
                ("footage.mark.in", "mark-in", partial(self._mark, "from_ns")),
                ("footage.mark.out", "mark-out", partial(self._mark, "to_ns")),
            ):
                button = html(escape(words[label]), "", "button", f"type=button data-testid={test_id}")
                button.on("click", partial(self._at_moment, act), js_handler=_MOMENT)
            self._range = html("", "where", props="role=status data-testid=marked-range")
        self._actions = self._range_actions()
        self._tool_row.set_visibility(False)

    async def _at_moment(self, act: Callable[[], Awaitable[None]], event: GenericEventArguments) -> None:
        self._timeline.moved(int(event.args))
        await act()

    def _range_actions(self) -> RangeActions | None:
        """For users who work on cases."""
        if not (self._visitor.caller.may("search") and self._visitor.caller.may("case.work")):
            return None
        zones = self._zones
        return RangeActions(
            self._case_footage, self._words, self._frame.who,
            lambda site, box: self._context.sites.zone(site, zones.get((site, box))), self._cameras, holds=self._holds,
            changed=self._timeline.hold_changed,
        )  # fmt: skip

    def _chosen(self) -> Camera:
        return self._cameras[str(self._camera.value)]

    def _zone(self, camera: Camera) -> ZoneInfo:
        return self._context.sites.zone(camera.site, self._zones.get((camera.site, camera.box)))

    def _local(self, key: str, at_s: int | None) -> datetime:
        moment_s = self._context.now_ns // SECOND_NS if at_s is None else at_s
        return datetime.fromtimestamp(moment_s, self._zone(self._cameras[key]))

    async def _ask(self, camera: Camera, name: CommandName, span: tuple[int, int]) -> Reply | None:
        """Ask the box; None: the session is over.

        Raises:
            CommandError: The reason is missing, the box does not answer, or it refuses.
            Forbidden: The caller may not.
            StoreError: It could not be recorded.
        """
        caller = await self._frame.who()
        if caller is None:
            return None
        topics, reason = BoxTopics(camera.site, camera.box), str(self._case.value or "")
        return await self._commands.send(caller, topics, name, camera.id, reason=reason, span=span)

    async def _show(self) -> None:
        await self._show_at(None)

    async def _show_at(self, at_s: int | None) -> None:
        """A day, at a moment of it in seconds since 1970, or shortly before the newest footage."""
        self._stop()
        camera = self._chosen()
        try:
            day = views.day_range(str(self._date.value), self._zone(camera))
        except ValueError as error:
            text = "day: write a day such as 2026-12-31"
            raise ContractError(text, sentence="error.list.date", field="day") from error
        self._chosen_cases.change(
            self._visitor.token, case=str(self._case.value or "").strip(), camera=str(self._camera.value)
        )
        try:
            reply = await self._ask(camera, "footage-spans", day)
        except PaifangError:
            self._close()
            await self._tell_range()  # clips and holds of the case do not need the box
            raise
        if reply is None or reply.kept is None:
            return
        self._stop()  # it may have been started while the box was asked
        self._film.set_visibility(False)
        await self._timeline.open(camera, self._zone(camera), day, reply.kept)
        self._caption.set_content(self._words["footage.choose"])
        self._shot.set_content("")
        self._scrub.props(f"max={(day[1] - day[0]) // SECOND_NS - 1} data-day_ms={day[0] // MILLISECOND_NS}")
        newest = max(reply.kept.spans, key=lambda span: span.to_ns, default=Span(day[0], day[0]))
        at_ns = max(newest.from_ns, newest.to_ns - NEWEST_S * SECOND_NS) if at_s is None else at_s * SECOND_NS
        self._timeline.move((at_ns - day[0]) // SECOND_NS)
        for element in (self._scrub, self._play, self._tool_row):
            element.set_visibility(bool(reply.kept.spans))
        await self._tell_range()
        if reply.kept.spans:
            await self._still()

    def _close(self) -> None:
        """The box of the chosen camera does not answer: nothing of another camera or day stays below its name."""
        self._timeline.close()
        self._shot.set_content("")
        self._caption.set_content("")
        for element in (self._scrub, self._play, self._tool_row, self._film):
            element.set_visibility(False)

    async def _clicked(self, at_ns: int) -> None:
        """A click on the timeline plays from there."""
        timeline = self._timeline
        self._stop()
        timeline.move((at_ns - timeline.day[0]) // SECOND_NS)
        gap = views.gap_at(timeline.recorded, at_ns)
        if gap is not None:
            zone = timeline.zone
            begin, end = (datetime.fromtimestamp(it // SECOND_NS, zone) for it in (gap.from_ns, gap.to_ns))
            why = gap_text(gap.about, self._words)
            text = self._words["footage.in_gap"].format(begin=f"{begin:%H:%M:%S}", end=f"{end:%H:%M:%S}", why=why)
            self._shot.set_content("")
            self._caption.set_content(escape(text))
            return
        self._toggle()

    async def _mark(self, end: str) -> None:
        """Begin or end of the range that clips and requests take, at the moment that is shown."""
        kept = self._chosen_cases.of(self._visitor.token)
        at_ns = self._timeline.at_ns
        begin_ns = at_ns if end == "from_ns" else kept.from_ns
        end_ns = at_ns if end == "to_ns" else kept.to_ns
        if end_ns and begin_ns >= end_ns:  # the other end no longer fits
            begin_ns, end_ns = (begin_ns, 0) if end == "from_ns" else (0, end_ns)
        camera = _key(self._timeline.shown)
        self._chosen_cases.change(self._visitor.token, from_ns=begin_ns, to_ns=end_ns, camera=camera)
        await self._tell_range()

    async def _tell_range(self) -> None:
        kept, camera = self._chosen_cases.of(self._visitor.token), self._timeline.camera
        if camera is None or kept.camera != _key(camera):
            kept = replace(kept, from_ns=0, to_ns=0)
        marked = (kept.from_ns, kept.to_ns)
        self._timeline.mark(marked)
        self._range.set_content(views.range_html(marked, self._timeline.zone, self._words))
        if self._actions is not None:
            await self._actions.show(kept)

    async def _moved(self, event: GenericEventArguments) -> None:
        """The slider was let go."""
        self._stop()
        self._form_.clear_errors()
        self._timeline.moved(int(event.args))
        try:
            await self._still()
        except PaifangError as error:
            if not self._playing:  # else nobody waits for the picture any more
                self._shot.set_content("")
                self._caption.set_content("")
                self._form_.show_error(error)

    async def _still(self) -> None:
        """The picture at the slider's moment; one question at a time, and once more if the slider has moved since."""
        if self._asking:
            return
        self._asking, timeline, reply = True, self._timeline, None
        asked: tuple[Camera | None, int] = (None, 0)
        try:
            while timeline.camera is not None and asked != (timeline.camera, timeline.at_ns):
                asked = camera, at_ns = timeline.camera, timeline.at_ns
                reply = await self._ask(camera, "footage-still", (at_ns, at_ns + SECOND_NS))
        finally:
            self._asking = False
        if timeline.camera is None or reply is None or reply.picture is None or self._playing:
            return
        moment = datetime.fromtimestamp(at_ns // SECOND_NS, timeline.zone)
        text = self._words["footage.still"].format(time=f"{moment:%Y-%m-%d %H:%M:%S %Z}")
        caption = escape(f"{_name(camera)} · {text}", quote=True)
        data = base64.b64encode(reply.picture).decode()
        self._shot.set_content(
            f'<img src="data:image/jpeg;base64,{data}" alt="{caption}" data-at_ms="{at_ns // MILLISECOND_NS}" '
            'data-testid="still-picture">'
        )
        self._shot.set_visibility(True)
        self._caption.set_content(caption)
        self._film.set_visibility(False)

    def _toggle(self) -> None:
        """Play from the slider's position, or stop; the browser loads the video and moves the slider."""
        if self._playing:
            ui.run_javascript("paifangView.stop()")
            return
        timeline, camera = self._timeline, self._timeline.shown
        day_ms, from_ms = timeline.day[0] // MILLISECOND_NS, timeline.at_ns // MILLISECOND_NS
        self._run += 1
        to_ms = min(from_ms + LONGEST_NS // MILLISECOND_NS, timeline.day[1] // MILLISECOND_NS)
        past = {
            "run": self._run, "from_ms": from_ms, "to_ms": to_ms, "day_ms": day_ms,
            "reason": str(self._case.value or ""), "zone": timeline.zone.key, "name": _name(camera),
        }  # fmt: skip
        self._form_.clear_errors()
        ui.run_javascript(f"paifangView.start({json.dumps(_key(camera))}, {json.dumps(past)})")
        self._playing = True
        self._play.set_content(self._words["footage.pause"])
        self._shot.set_visibility(False)  # the player shows the still until the first frame, where it is of that moment
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
        self._timeline.move((at_ms - self._timeline.day[0] // MILLISECOND_NS) // 1000)


def _key(camera: Camera) -> str:
    return f"{camera.site}/{camera.box}/{camera.id}"


def _name(camera: Camera) -> str:
    return camera.name or camera.id


async def show(context: PageContext, services: FootageServices, chosen: ChosenCases, client: Client) -> None:
    """Build a page for a request."""
    # before the first wait: later it is no part of the page
    ui.add_body_html(f'<script type="module" src="{assets.ADDRESS}/footage/main.js"></script>')
    asked = dict(client.request.query_params)
    visitor, known = PageSession.of(client), await context.known()
    await FootagePage(context, services, chosen, visitor, known=known).build(asked)
