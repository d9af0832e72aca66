"""Devices at platforms of GB/T 28181, put together; nothing is started."""

from __future__ import annotations

import secrets
from importlib.metadata import version
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aggregator.app.video_out import VideoOut
from aggregator.messaging.broker_endpoint import read_secret
from aggregator.services.video_out.gb28181.consumer_source import ConsumerSource
from aggregator.services.video_out.gb28181.device import Gb28181Device
from aggregator.services.video_out.gb28181.devices import Gb28181Devices
from aggregator.services.video_out.gb28181.platform import Platform
from aggregator.services.video_out.gb28181.sip.requests import Account
from aggregator.settings.gb28181 import Gb28181, parse_address
from common.secret.digest import Login

if TYPE_CHECKING:
    from aggregator.app.parts import Core

ZONE = ZoneInfo("Asia/Shanghai")
"""The standard's times are Beijing time."""


def gb28181(core: Core, video: VideoOut) -> Gb28181Devices:
    """Put the parts together.

    Args:
        core: What nearly every part works with.
        video: Opens live views.

    Raises:
        SettingsError: A file with a password cannot be read.
    """
    wanted = core.settings.feeds.gb28181
    return Gb28181Devices(tuple((it.consumer, _device(core, video, it)) for it in wanted))


def _device(core: Core, video: VideoOut, it: Gb28181) -> Gb28181Device:
    at = parse_address(it.address)
    login = Login(it.device, read_secret(it.password_file, "feeds.gb28181[].password_file"))
    account = Account(at.server, login, it.name, at.transport)
    platform = Platform(account, at.host, at.port, it.media_hosts, core.settings.feeds.networks)
    source = ConsumerSource(it.consumer, it.channels, core.reader, video.catalogue, video.streams, core.clock)
    return Gb28181Device(platform, source, core.clock, secrets.token_bytes, ZONE, version("paifang"))
