"""Clips, put together from the box's settings; `edge/app.py` uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.jobs.clips.handler import ClipHandler
from edge.messaging.upload_client import UploadClient
from edge.recorder.factory import RecorderService
from edge.redaction.two_pass_redactor import ExportRedactor
from edge.settings.node import BoxSettings
from protocol.signing import trust_anchor


def clip_handler(
    settings: BoxSettings, base: Path, footage: RecorderService | None, uplink: UploadClient | None,
    redactor: Callable[[], ExportRedactor],
) -> ClipHandler | None:  # fmt: skip
    """The handler of clips; None without a recorder, a trust file or an uplink.

    Raises:
        SettingsError: The trust file cannot be used.
    """
    if footage is None or uplink is None or not settings.trust_file:
        return None
    sealing = trust_anchor.load(base / settings.trust_file, settings.site).sealing
    doors = {door.id: door.camera for door in settings.doors}
    return ClipHandler(footage.store.player, redactor, uplink, sealing, base / settings.data / "clips", doors=doors)
