"""Where packets come from. `SOURCES` maps a URL's scheme to its opener; a file has the scheme ``""``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from common import text_file
from common.clock import Clock
from common.secret import Secret
from common.secret.digest import Login
from edge.sources.base import AudioListener, Opener, Stopped, Stream, never
from edge.sources.file import FileOpener
from edge.sources.rtsp import RtspOpener

SOURCES: dict[str, type[Opener]] = {"rtsp": RtspOpener, "rtsps": RtspOpener, "": FileOpener}

__all__ = ["SOURCES", "Login", "Opener", "Stream", "login", "opener"]


def opener(
    url: str, credentials: Login, clock: Clock, audio_listener: AudioListener | None = None, stopped: Stopped = never
) -> Opener:
    """The opener for a URL or a file's path; `audio_listener` receives its audio, `stopped` ends waiting."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    url = scheme + url[len(scheme) :]  # FFmpeg knows its protocols in small letters
    return SOURCES[scheme](url, credentials, clock, audio_listener, stopped)


def login(username: str, password_file: str, base: Path) -> Login:
    """The camera's user and password; the password is in a file next to the settings."""
    password = text_file.read(base / password_file).strip() if password_file else ""
    return Login(username, Secret(password))
