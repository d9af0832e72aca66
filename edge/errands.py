"""What a box does when the aggregator asks for pictures: clear copies, clips, live views; outwards, by the uplink."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.clock import Clock
from edge.blur.export import ExportRedactor
from edge.blur.live import LiveRedactor
from edge.clips.assembly import clip_desk
from edge.config import BoxSettings
from edge.live.assembly import live_desk
from edge.recorder.assembly import Footage
from edge.release.assembly import release_desk
from edge.remote import Action
from edge.uplink import Uplink


class Errands:
    """The desks that take such commands; those that the settings leave no way for are not there.

    Args:
        settings: The box's.
        base: Folder that they are relative to.
        footage: What is recorded.
        uplink: The way to the aggregator.
        clock: Wall and monotonic.
        films: Opens what covers films.
        views: Opens what covers a view of so many frames a second, with such a lead.

    Raises:
        FootageError: The signing key cannot be used.
        SettingsError: The trust file cannot be used.
    """

    def __init__(
        self,
        settings: BoxSettings,
        base: Path,
        footage: Footage | None,
        uplink: Uplink | None,
        *,
        clock: Clock,
        films: Callable[[], ExportRedactor],
        views: Callable[[float, int], LiveRedactor],
    ) -> None:
        releases = release_desk(settings, base, footage, uplink, clock)
        clips = clip_desk(settings, base, footage, uplink, films)
        live = live_desk(settings, base, footage, uplink, clock=clock, redactor=views)
        self.releases, self.clips, self.live = releases, clips, live
        self._desks = [desk for desk in (releases, clips, live) if desk is not None]
        self.actions: dict[str, Action] = {}
        for name, desk in (("release", releases), ("clip", clips), ("live", live)):
            if desk is not None:
                self.actions[name] = desk.take

    def start(self) -> None:
        """Start working."""
        for desk in self._desks:
            desk.start()

    def stop(self) -> None:
        """End; what was not brought will be asked for again."""
        for desk in self._desks:
            desk.stop()
