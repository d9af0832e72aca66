"""Live views, put together from the box's settings; `edge/jobs/registry.py` uses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from common.clock import Clock
from edge.jobs.live.handler import Aggregator, LiveStreamHandler, ViewSources
from edge.jobs.live.recorded_stream import KeptOpener
from edge.messaging.upload_client import UploadClient
from edge.recorder.factory import RecorderService
from edge.redaction.live_redactor import LiveRedactor
from edge.settings.node import BoxSettings, CameraSettings
from edge.sources import Opener, login, opener
from protocol.signing import trust_anchor


def live_handler(
    settings: BoxSettings,
    base: Path,
    footage: RecorderService | None,
    uplink: UploadClient | None,
    *,
    clock: Clock,
    redactor: Callable[[float, int], LiveRedactor],
) -> LiveStreamHandler | None:
    """The handler of live views and playback; None without a trust file or an uplink.

    Raises:
        SettingsError: The trust file cannot be used.
    """
    if uplink is None or not settings.trust_file:
        return None

    trusted = trust_anchor.load(base / settings.trust_file, settings.site)

    def watched(camera: CameraSettings) -> Opener:
        url = camera.watched_url if "://" in camera.watched_url else str(base / camera.watched_url)
        return opener(url, login(camera.username, camera.password_file, base), clock)

    def kept(camera: str, from_ns: int, to_ns: int) -> KeptOpener:
        assert footage is not None
        footage.store.player.begins_ns(camera, from_ns, to_ns)  # raises where there is no footage
        return KeptOpener(footage.store.player, camera, from_ns, to_ns, clock, time.sleep)

    return LiveStreamHandler(
        aggregator=Aggregator(uplink.url, uplink.tls, trusted.sealing),
        sources=ViewSources(
            {camera.id: watched(camera) for camera in settings.cameras}, kept if footage is not None else None
        ),
        redactor=redactor,
        kbps=settings.uplink.live_kbps,
        clock=clock,
    )
