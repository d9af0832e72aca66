"""Clips, put together from the box's settings; `edge/app.py` uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.blur.export import ExportRedactor
from edge.clips.desk import ClipDesk
from edge.config import BoxSettings
from edge.recorder.assembly import Footage
from edge.uplink import Uplink
from events import trust


def clip_desk(
    settings: BoxSettings, base: Path, footage: Footage | None, uplink: Uplink | None,
    redactor: Callable[[], ExportRedactor],
) -> ClipDesk | None:  # fmt: skip
    """What makes clips; None where nothing is recorded, nobody is trusted, or there is no way to bring them.

    Raises:
        SettingsError: The trust file cannot be used.
    """
    if footage is None or uplink is None or not settings.trust_file:
        return None
    sealing = trust.load(base / settings.trust_file, settings.site).sealing
    doors = {door.id: door.camera for door in settings.doors}
    return ClipDesk(footage.store.player, redactor, uplink, sealing, base / settings.data / "clips", doors=doors)
