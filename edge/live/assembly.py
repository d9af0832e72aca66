"""Live views, put together from the box's settings; `edge/errands.py` uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.clock import Clock
from edge.blur.live import LiveRedactor
from edge.config import BoxSettings, CameraSettings
from edge.live.desk import LiveDesk
from edge.sources import Opener, login, opener
from edge.uplink import Uplink
from events import trust


def live_desk(
    settings: BoxSettings, base: Path, uplink: Uplink | None, clock: Clock, redactor: Callable[[float], LiveRedactor]
) -> LiveDesk | None:
    """What sends live views; None where nobody is trusted, or there is no way to send them.

    Raises:
        SettingsError: The trust file cannot be used.
    """
    if uplink is None or not settings.trust_file:
        return None

    def watched(camera: CameraSettings) -> Opener:
        url = camera.watched_url if "://" in camera.watched_url else str(base / camera.watched_url)
        return opener(url, login(camera.username, camera.password_file, base), clock)

    return LiveDesk(
        url=uplink.url,
        tls=uplink.tls,
        site_key=trust.load(base / settings.trust_file, settings.site).sealing,
        cameras={camera.id: watched(camera) for camera in settings.cameras},
        redactor=redactor,
        kbps=settings.uplink.live_kbps,
        clock=clock,
    )
