"""Clear copies, put together from the box's settings; `edge/app.py` uses it."""

from __future__ import annotations

from pathlib import Path

from common.clock import Clock
from edge.jobs.releases.handler import ReleaseHandler
from edge.jobs.releases.release_builder import Maker
from edge.media.signed_manifest import signing_key
from edge.messaging.upload_client import UploadClient
from edge.recorder.factory import RecorderService
from edge.settings.node import BoxSettings
from protocol.signing import trust_anchor


def release_handler(
    settings: BoxSettings, base: Path, footage: RecorderService | None, uplink: UploadClient | None, clock: Clock
) -> ReleaseHandler | None:
    """The handler of unredacted copies; None without a recorder, a trust file or an uplink.

    Args:
        settings: The box's.
        base: Folder that they are relative to.
        footage: What is recorded.
        uplink: Uploads to the aggregator.
        clock: Wall clock.

    Raises:
        FootageError: The signing key cannot be used.
        SettingsError: The trust file cannot be used.
    """
    if footage is None or uplink is None or not settings.trust_file:
        return None
    store, data = footage.store, base / settings.data
    maker = Maker(store.player, store.index, clock, signing_key(data / "signing.key"))
    sealing = trust_anchor.load(base / settings.trust_file, settings.site).sealing
    return ReleaseHandler(maker, uplink, sealing, data / "releases")
