"""What a box does when the aggregator asks for pictures: clear copies, clips, live views; outwards, by the uplink."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.clock import Clock
from edge.jobs.clips.factory import clip_desk
from edge.jobs.live.factory import live_desk
from edge.jobs.releases.factory import release_desk
from edge.messaging.command_handler import Action
from edge.messaging.upload_client import UploadClient
from edge.recorder.factory import RecorderService
from edge.redaction.live_redactor import LiveRedactor
from edge.redaction.two_pass_redactor import ExportRedactor
from edge.settings.node import BoxSettings


class JobRegistry:
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
        footage: RecorderService | None,
        uplink: UploadClient | None,
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
