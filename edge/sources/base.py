"""The protocols of sources, which open streams of packets, and a fake for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol, TypeAlias

import av

from common.clock import Clock
from common.secret import Secret
from common.secret.digest import Login

VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"


NOBODY = Login("", Secret(""))


class TimedPacket(NamedTuple):
    """One packet and when it came. A tuple, since one is made for each packet of each camera.

    Attributes:
        packet: Not decoded; one coded picture.
        time_ns: Wall clock when it arrived (for files: start of the file plus its time stamp), UTC nanoseconds.
        mono_ns: Monotonic clock at its arrival; None: the time of reading it.
    """

    packet: VideoPacket
    time_ns: int
    mono_ns: int | None = None


class AudioListener(Protocol):
    """Hears a camera's sound, from the thread that reads it. Must be quick and never raise."""

    def listen(self, track: av.AudioStream | None) -> None:
        """A connection begins; None: it has no sound."""

    def receive(self, packet: AudioPacket) -> None:
        """One packet of sound, as it came."""


class Stream(Protocol):
    """An open stream. Opened, read and closed by one thread."""

    grouped: bool
    """Packets may be read in groups, each up to a fifth of a second late: see `edge.sources.rtsp`. May be set while
    packets are read."""

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec, `h264` or `hevc`."""

    @property
    def extradata(self) -> bytes:
        """The codec's configuration."""

    @property
    def time_base(self) -> Fraction:
        """Unit of the packets' time stamps, seconds."""

    @property
    def matrix(self) -> bytes:
        """Display matrix of a container, for frames without one of their own (`edge.media.orientation`); or empty."""

    def packets(self) -> Iterator[TimedPacket]:
        """Packets until the stream ends.

        Raises:
            SourceLost: It ended, also when it ended cleanly, or nothing came for too long.
        """

    def close(self) -> None:
        """Let go."""


Stopped: TypeAlias = Callable[[], bool]
"""Whether the reader should stop; called while no packet arrives."""


def never() -> bool:
    """Nobody wants to end."""
    return False


class Opener(Protocol):
    """Opens one stream repeatedly; `audio_listener` gets its audio, `stopped` is checked while waiting."""

    def __init__(
        self,
        url: str,
        credentials: Login,
        clock: Clock,
        audio_listener: AudioListener | None = None,
        stopped: Stopped = never,
    ) -> None: ...

    def open(self) -> Stream:
        """Connect.

        Raises:
            SourceRefused: Wrong user or password, or no such stream.
            SourceLost: Nobody answers.
            StreamBroken: There is no video in it that we can read.
        """


@dataclass
class FakeStream:
    """Packets from a list, for unit tests; ends with `error`."""

    arrivals: Iterable[TimedPacket]
    error: Exception
    codec: str = "h264"
    extradata: bytes = b""
    time_base: Fraction = Fraction(1, 90_000)
    closed: bool = field(default=False, init=False)
    matrix: bytes = b""
    grouped: bool = field(default=False, init=False)

    def packets(self) -> Iterator[TimedPacket]:
        """The list, then the error."""
        yield from self.arrivals
        raise self.error

    def close(self) -> None:
        """Remember it."""
        self.closed = True
