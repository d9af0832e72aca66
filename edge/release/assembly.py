"""Clear copies, put together from the box's settings; `edge/app.py` uses it."""

from __future__ import annotations

from pathlib import Path

from common.clock import Clock
from edge.config import BoxSettings
from edge.recorder.assembly import Footage
from edge.recorder.manifest import signing_key
from edge.release.desk import ReleaseDesk
from edge.release.maker import Maker
from edge.uplink import Uplink
from events import trust


def release_desk(
    settings: BoxSettings, base: Path, footage: Footage | None, uplink: Uplink | None, clock: Clock
) -> ReleaseDesk | None:
    """What makes clear copies; None where nothing is recorded, nobody is trusted, or there is no way to bring them.

    Args:
        settings: The box's.
        base: Folder that they are relative to.
        footage: What is recorded.
        uplink: The way to the aggregator.
        clock: Wall clock.

    Raises:
        FootageError: The signing key cannot be used.
        SettingsError: The trust file cannot be used.
    """
    if footage is None or uplink is None or not settings.trust_file:
        return None
    store, data = footage.store, base / settings.data
    maker = Maker(store.player, store.index, clock, signing_key(data / "signing.key"))
    sealing = trust.load(base / settings.trust_file, settings.site).sealing
    return ReleaseDesk(maker, uplink, sealing, data / "releases")
