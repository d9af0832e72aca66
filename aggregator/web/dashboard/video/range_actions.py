"""What is done with a marked range of footage under the chosen case: clip, unredacted copy, hold.

The case's clips and holds are listed. Each clip shows how far its box is, by itself, until it can be played.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

from nicegui import ui

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.clip import CaseClip
from aggregator.domain.read_models import Camera
from aggregator.services.footage.case_footage_service import CaseFootageService, Marked
from aggregator.services.footage.hold_service import HoldService
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.investigation.chosen_case import Chosen
from aggregator.web.dashboard.investigation.clip_button import clip_text
from aggregator.web.dashboard.shell.page_layout import html
from aggregator.web.dashboard.video.case_holds import CaseHolds, HoldPage
from common.clock import SECOND_NS
from common.errors import CaseError, PaifangError
from protocol.commands import Span

EVERY_S = 2.0
"""Between two looks at clips that are being made; boxes report every five seconds."""


def clip_html(number: int, it: CaseClip, progress: int | None, place: tuple[str, ZoneInfo], words: Texts) -> str:
    """A clip of a case: which one, of what, and how far it is.

    Args:
        number: In the case, from 1.
        it: The clip.
        progress: Per cent; None where it is not known.
        place: The camera's name, and the site's zone.
        words: The user's texts.
    """
    name, zone = place
    begin, end = (datetime.fromtimestamp(time // SECOND_NS, zone) for time in (it.clip.from_ns, it.clip.to_ns))
    times = f"{begin:%Y-%m-%d %H:%M:%S} – {end:%H:%M:%S}"
    stands = words["range.clip.ready"] if it.clip.state == "stored" else clip_text(it.clip, progress, words)
    bar = ""
    if it.clip.open:
        value = f'value="{progress}" ' if progress is not None else ""
        bar = f' <progress max="100" {value}aria-label="{escape(stands, quote=True)}"></progress>'
    title = words["range.clip.number"].format(number=number)
    return f"<b>{escape(title)}</b> {escape(f'{name} · {times} · {stands}')}{bar}"


class RangeActions:
    """The buttons and the list.

    Args:
        footage: Clips.
        words: The user's texts.
        who: The user as of now; None: the session is over.
        zone: The time zone of a site's box.
        cameras: Those of the page, by `site/box/camera`.
        holds: The holds of cases.
        changed: Called with a hold that was placed (True) or ended.
    """

    def __init__(
        self,
        footage: CaseFootageService,
        words: Texts,
        who: Callable[[], Awaitable[Principal | None]],
        zone: Callable[[str, str], ZoneInfo],
        cameras: dict[str, Camera],
        *,
        holds: HoldService,
        changed: Callable[[Span, bool], Awaitable[None]],
    ) -> None:
        self._footage, self._words, self._who = footage, words, who
        self._zone, self._cameras, self._changed = zone, cameras, changed
        self._chosen, self._shown = Chosen(), list[tuple[str, str, int | None]]()
        self._hint = html("", "where", props="data-testid=range-hint")
        with ui.element("div").classes("form") as self._row:
            for name, act in (("clip", self._ask_clip), ("copy", self._ask_copy), ("hold", self._ask_hold)):
                button = html(escape(words[f"range.{name}"]), "", "button", f"type=button data-testid=range-{name}")
                button.on("click", act)
        self._problem = html("", "form-error", props="role=alert data-testid=range-problem")
        self._done = html("", "where", props="role=status data-testid=range-done")
        self._list = ui.element("div").classes("case-clips").props("data-testid=case-clips")
        self._film = html("", "still", props="data-testid=case-film")
        self._case_holds = CaseHolds(holds, HoldPage(words, who, zone, cameras, self._held))
        self._timer = ui.timer(EVERY_S, self._look, active=False)
        self._row.set_visibility(False)

    async def show(self, chosen: Chosen) -> None:
        """The session's case and range, as they are now."""
        another, self._chosen = chosen.case != self._chosen.case, chosen
        whole = bool(chosen.case and chosen.from_ns and chosen.to_ns and chosen.camera in self._cameras)
        self._row.set_visibility(whole)
        self._hint.set_content("" if whole else escape(self._words["range.hint"]))
        self._say("", "")
        if another:
            self._film.set_content("")
            self._show([])
            await self._look()
            await self._case_holds.show(chosen.case)

    def _say(self, problem: str, done: str) -> None:
        self._problem.set_content(escape(problem))
        self._done.set_content(escape(done))

    def _marked(self) -> Marked:
        chosen, camera = self._chosen, self._cameras[self._chosen.camera]
        return Marked(chosen.case, camera.id, camera.box, (chosen.from_ns, chosen.to_ns))

    async def _ask_clip(self) -> None:
        try:
            caller = await self._who()
            if caller is None:
                return
            await self._footage.ask_clip(caller, self._marked())
        except PaifangError as error:
            self._say(error_text(error, self._words), "")
            return
        self._say("", self._words["range.clip.asked"])
        await self._look()

    def _ask_copy(self) -> None:
        ui.navigate.to("/releases")  # the session's case and range stand there

    def _ask_hold(self) -> None:
        self._case_holds.ask_place(self._marked(), self._cameras[self._chosen.camera])

    async def _held(self, hold: Span, placed: bool) -> None:
        self._say("", self._words["range.hold.done" if placed else "hold.end.done"])
        await self._changed(hold, placed)

    async def _look(self) -> None:
        """Read the case's clips again; one whose state has not changed stays as it is."""
        found: list[tuple[CaseClip, int | None]] = []
        self._timer.activate()
        try:
            caller = await self._who()
            if caller is None:
                return
            if self._chosen.case:
                clips = await self._footage.clips(caller, self._chosen.case)
                found = [(it, await self._footage.progress(it.clip)) for it in clips]
        except CaseError:
            found = []  # what was typed is a purpose, or a case of others: it has no clips here
        except PaifangError:
            return  # the database does not answer: the list stays, and is read again
        if not any(it.clip.open for it, _ in found):
            self._timer.deactivate()
        self._show(found)

    def _show(self, found: list[tuple[CaseClip, int | None]]) -> None:
        now = [(it.clip.id, it.clip.state + it.clip.problem, progress) for it, progress in found]
        if now != self._shown:
            self._shown = now
            self._draw(found)

    def _draw(self, found: list[tuple[CaseClip, int | None]]) -> None:
        words = self._words
        self._list.clear()
        with self._list:
            for place, (it, progress) in enumerate(found):
                clip = it.clip
                camera = self._cameras.get(f"{clip.site}/{clip.box}/{clip.camera}")
                name = camera.name or camera.id if camera is not None else clip.camera
                text = clip_html(len(found) - place, it, progress, (name, self._zone(clip.site, clip.box)), words)
                with ui.element("div").classes("case-clip").props(f"data-testid=case-clip data-state={clip.state}"):
                    html(text, tag="span")
                    if clip.state == "stored":
                        button = html(escape(words["footage.play"]), "small", "button", "type=button")
                        button.props("data-testid=case-clip-play").on("click", lambda _, one=it: self._play(one))

    def _play(self, it: CaseClip) -> None:
        source = f"/api/case-clips/{it.clip.id}?case={quote(it.case_id, safe='')}"
        self._film.set_content(f'<video src="{source}" controls muted autoplay playsinline></video>')
