"""A button that has a hit's redacted clip made, and shows how far it is by itself until it plays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import quote

from nicegui import ui

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.clip import Clip
from aggregator.services.search_service import SearchService
from aggregator.web.dashboard.forms.box_text import box_text
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import html
from common.errors import PaifangError

EVERY_S = 1.0
Who = Callable[[], Awaitable[Principal | None]]


def clip_text(clip: Clip, progress: int | None, words: Texts) -> str:
    """Where a clip that is not stored stands, with the per cent that its box has done, or why there is none."""
    key = "clip.making" if clip.state == "asked" and progress is not None else f"clip.{clip.state}"
    problem = box_text(clip.problem, clip.problem_code, words)
    return f"{words[key].format(progress=progress)} {problem}".rstrip()


class ClipButton:
    """One hit's clip.

    Args:
        searches: Ask for clips.
        who: The user as of now.
        words: The user's texts.
        case: Under which case.
        event: The hit.
    """

    def __init__(self, searches: SearchService, who: Who, words: Texts, case: str, event: str) -> None:
        self._searches, self._who, self._words = searches, who, words
        self._case, self._event = case, event
        button = html(words["search.clip"], "", "button", "type=button data-testid=ask-clip")
        button.on("click", self._ask)
        self._place = html("", props="role=status data-testid=clip-progress")
        self._timer = ui.timer(EVERY_S, self._look, active=False)

    async def _ask(self) -> None:
        try:
            caller = await self._who()
            if caller is None:
                return
            clip = await self._searches.ask_clip(caller, self._case, self._event)
        except PaifangError as error:
            self._say(error_text(error, self._words))
            return
        await self._show(clip)

    async def _look(self) -> None:
        try:
            caller = await self._who()
            if caller is None:
                return
            await self._show(await self._searches.clip(caller, self._case, self._event, show=False))
        except PaifangError as error:
            self._timer.deactivate()
            self._say(error_text(error, self._words))

    async def _show(self, clip: Clip | None) -> None:
        state = "failed" if clip is None else clip.state
        progress = None if clip is None else await self._searches.progress(clip)
        waits = state in ("wanted", "asked")
        (self._timer.activate if waits else self._timer.deactivate)()
        if state == "stored":
            source = f"/api/footage/{escape(self._event)}/clip?case={quote(self._case)}"
            self._place.set_content(f'<video src="{source}" controls muted autoplay data-testid="hit-clip"></video>')
            return
        text = self._words["clip.failed"] if clip is None else clip_text(clip, progress, self._words)
        value = f'value="{progress}" ' if progress is not None else ""
        bar = f'<progress max="100" {value}aria-label="{escape(text, quote=True)}"></progress> ' if waits else ""
        self._place.set_content(f"{bar}{escape(text)}")

    def _say(self, text: str) -> None:
        self._place.set_content(escape(text))
