"""The timeline of a camera's day on the page Footage: the visible part, the playhead and the marked range."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from zoneinfo import ZoneInfo

import msgspec
from nicegui import ui
from nicegui.events import GenericEventArguments

from aggregator.domain.read_models import Camera
from aggregator.domain.store_port.events import EventReader
from aggregator.web.dashboard.html import footage_html as views
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import html
from common.clock import MILLISECOND_NS, SECOND_NS
from protocol.commands import RecordedRanges, Span

_SHARE = """(event) => {{
  const line = event.currentTarget.querySelector("[data-testid=day-line]");
  if (!line) return;
  if (event.type === "wheel") event.preventDefault();
  const box = line.getBoundingClientRect();
  emit(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)){more});
}}"""
"""Where on the timeline the pointer is, 0 to 1."""
_WHOLE_DAY = 1e6


class Timeline:
    """What is recorded of a camera's day, and the playhead: the moment that is shown, which the slider moves too.

    Elements are made where it is constructed. The browser moves the playhead while video plays
    (`static/footage/main.js`).

    Args:
        reader: Counts the events.
        words: The user's texts.
        clicked: Called with the moment of a click, UTC nanoseconds.

    Attributes:
        day: Begin and end, UTC nanoseconds; equal before a day is opened.
        at_s: The moment that is shown, seconds since the day's begin.
        recorded: What the box has.
        camera: Whose day it is; None before a day is opened.
        zone: Of its site.
    """

    def __init__(self, reader: EventReader, words: Texts, clicked: Callable[[int], Awaitable[None]]) -> None:
        self._reader, self._words, self._on_click = reader, words, clicked
        self.day = self._view = (0, 0)
        self.at_s = 0
        self.recorded = RecordedRanges()
        self.camera: Camera | None = None
        self.zone = ZoneInfo("UTC")
        self._marked = (0, 0)
        self._density, self._events = views.Density([], []), 0
        self._line = html("", "line-zoom")
        self._line.on("click", self._clicked, js_handler=_SHARE.format(more=""))
        self._line.on("wheel", self._wheeled, js_handler=_SHARE.format(more=", event.deltaY"), throttle=0.2)

    def add_summary(self) -> None:
        """Add the element that describes the day in words, at the place where the page is being built."""
        self._facts = html("", "where", props="role=status data-testid=day-facts")

    @property
    def at_ns(self) -> int:
        """The moment that is shown, UTC nanoseconds."""
        return self.day[0] + self.at_s * SECOND_NS

    @property
    def shown(self) -> Camera:
        """Whose day it is.

        Raises:
            RuntimeError: No day is open.
        """
        if self.camera is None:
            raise RuntimeError("no day is open")
        return self.camera

    async def open(self, camera: Camera, zone: ZoneInfo, day: tuple[int, int], recorded: RecordedRanges) -> None:
        """Show the whole of another day.

        Args:
            camera: Whose day it is.
            zone: Of the site.
            day: Begin and end, UTC nanoseconds.
            recorded: What the box has of it.
        """
        self.camera, self.zone, self.recorded = camera, zone, recorded
        self.day = self._view = day
        await self._count()

    def close(self) -> None:
        """Show no day."""
        self.camera, self.day, self._view = None, (0, 0), (0, 0)
        self._line.set_content("")
        self._facts.set_content("")

    async def hold_changed(self, hold: Span, placed: bool) -> None:
        """A hold was placed or ended: the timeline shows it at once."""
        others = tuple(it for it in self.recorded.holds if it != hold)
        holds = (*others, hold) if placed else others
        self.recorded = msgspec.structs.replace(self.recorded, holds=holds)
        self._draw()

    def mark(self, marked: tuple[int, int]) -> None:
        """Show another marked range: begin and end, UTC nanoseconds; 0 where that end is not marked."""
        if marked != self._marked:
            self._marked = marked
            self._draw()

    def move(self, at_s: int) -> None:
        """Show another moment, seconds since the day's begin, on the slider and on the timeline."""
        self.moved(at_s)
        # no property of the slider's element: each change of the page would take back what the user moved
        ui.run_javascript(f"paifangView.point({self.day[0] // MILLISECOND_NS}, {self.at_s})")

    def moved(self, at_s: int) -> None:
        """The browser shows another moment, seconds since the day's begin."""
        self.at_s = max(0, min(at_s, (self.day[1] - self.day[0]) // SECOND_NS - 1))

    async def zoom(self, factor: float, share: float | None = None) -> None:
        """Show a part, longer by a factor, around a share of the timeline or around the moment that is shown."""
        if self.day[1] <= self.day[0]:
            return
        if share is None:
            self._view = views.zoomed_around(self._view, self.day, self.at_ns, factor)
        else:
            self._view = views.zoomed(self._view, self.day, share, factor)
        await self._count()

    async def zoom_out(self) -> None:
        """Show the whole day."""
        await self.zoom(_WHOLE_DAY)

    async def _clicked(self, event: GenericEventArguments) -> None:
        await self._on_click(round(self._view[0] + float(event.args) * (self._view[1] - self._view[0])))

    async def _wheeled(self, event: GenericEventArguments) -> None:
        share, delta = (float(it) for it in event.args)
        await self.zoom(0.5 if delta < 0 else 2.0, share)

    async def _count(self) -> None:
        """Draw the visible part, with all of its events counted by the database."""
        camera, view = self.camera, self._view
        if camera is None:
            return
        density, whole = await asyncio.to_thread(self._read, camera, view)
        if (camera, view) != (self.camera, self._view):  # another part was chosen meanwhile
            return
        self._density = density
        self._events = whole if view == self.day else self._events
        self._draw()

    def _read(self, camera: Camera, view: tuple[int, int]) -> tuple[views.Density, int]:
        where = (camera.site, camera.box, camera.id)
        bins = self._reader.timeline_bins(where, view, views.BINS)
        moments = self._reader.timeline(*where, view) if sum(bins) <= views.MOST_MOMENTS else []
        return views.Density(bins, moments), sum(bins)

    def _draw(self) -> None:
        if self.camera is None:
            return
        pointers = views.Pointers(self.at_ns, self._marked)
        drawn = views.line_html(self.recorded, self._density, self._view, (self.zone, self._words), pointers)
        self._line.set_content(drawn)
        self._facts.set_content(escape(views.facts(self.recorded, self._events, self._words)))
