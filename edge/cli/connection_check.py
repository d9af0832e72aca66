"""Opens each camera once, for `paifang edge check --connect`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.clock import Clock
from common.errors import SourceError
from edge.settings.node import BoxSettings
from edge.sources import Opener, login, opener

_NAMES = {"h264": "H.264", "hevc": "H.265"}


@dataclass(frozen=True)
class Tried:
    """What came of one stream.

    Attributes:
        camera: The camera's id.
        key: `url` or `watch_url`.
        good: It can be read.
        found: What it sends, or why it cannot be read.
    """

    camera: str
    key: str
    good: bool
    found: str

    def __str__(self) -> str:
        return f"camera '{self.camera}', {self.key}: {self.found}"


def tries(settings: BoxSettings, base: Path, clock: Clock) -> Iterator[Tried]:
    """Each camera's streams, one after the other, each opened once.

    Args:
        settings: The box's.
        base: Folder of the settings' file.
        clock: Times arrivals.
    """
    for camera in settings.cameras:
        who = login(camera.username, camera.password_file, base)
        for key, url in (("url", camera.url), ("watch_url", camera.watch_url)):
            if url:
                where = url if "://" in url else str(base / url)
                yield _tried(camera.id, key, opener(where, who, clock))


def _tried(camera: str, key: str, source: Opener) -> Tried:
    try:
        stream = source.open()
    except SourceError as error:
        return Tried(camera, key, False, str(error))
    codec = stream.codec
    stream.close()
    return Tried(camera, key, True, f"sends {_NAMES.get(codec, codec)}")
