"""RTSP over TCP: H.264 and H.265, with Basic or Digest log-in, and time-outs that hold."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

from common.clock import Clock
from edge.sources.base import Arrival, Ear, Login, Stream
from edge.sources.container import CODECS, ContainerStream, open_video

SILENCE_S = 4.0
"""A connection on which nothing comes for this long is lost."""
_OPTIONS = {
    "rtsp_transport": "tcp",
    "timeout": str(round(SILENCE_S * 1e6)),  # the socket's, in microseconds; PyAV's own comes twice as late
    "analyzeduration": "100000",
    "fflags": "nobuffer",
    "max_delay": "0",
}


class RtspOpener:
    """Opens one camera's stream.

    Args:
        url: Without user and password.
        who: User and password.
        clock: Time of arrival.
        ear: Hears the sound.
    """

    def __init__(self, url: str, who: Login, clock: Clock, ear: Ear | None = None) -> None:
        self._url, self._who, self._clock, self._ear = url, who, clock, ear

    def open(self) -> Stream:
        """Connect and wait for the description."""
        container = open_video(_with_login(self._url, self._who), self._url, dict(_OPTIONS), CODECS)
        return RtspStream(container, self._url, self._clock, self._ear)


class RtspStream(ContainerStream):
    """A live stream."""

    def __init__(self, container: object, where: str, clock: Clock, ear: Ear | None = None) -> None:
        super().__init__(container, where, ear)  # type: ignore[arg-type]
        self._clock = clock

    def packets(self) -> Iterator[Arrival]:
        """Packets with the wall clock at which they came."""
        for packet in self.demux():
            yield Arrival(packet, self._clock.wall_ns())


def _with_login(url: str, who: Login) -> str:
    if not who.username:
        return url
    parts = urlsplit(url)
    user = f"{quote(who.username, safe='')}:{quote(who.password.reveal(), safe='')}"
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))
