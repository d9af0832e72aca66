"""What RTSP and files share: an FFmpeg container with one video stream, and FFmpeg's errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer

from common.errors import SourceError, SourceLost, SourceRefused, StreamBroken
from edge.sources.base import AudioPacket, Ear, VideoPacket

CODECS = ("h264", "hevc")
_REFUSED = (
    av.error.HTTPUnauthorizedError,
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.HTTPBadRequestError,
    av.error.HTTPOtherClientError,
)


def mapped(error: Exception, where: str) -> SourceError:
    """Our error for one of FFmpeg's. The text never holds the URL that FFmpeg was given: it has the password in it."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    if isinstance(error, _REFUSED):
        return SourceRefused(f"{where}: refused: {reason}")
    if isinstance(error, av.error.InvalidDataError):
        return StreamBroken(f"{where}: not a stream that can be read: {reason}")
    return SourceLost(f"{where}: {reason}")


def open_video(url: str, where: str, options: dict[str, str], codecs: tuple[str, ...] | None) -> InputContainer:
    """Open a container and check that it has video of a known codec.

    Args:
        url: With user and password where needed; shows up nowhere.
        where: What to call it in errors.
        options: FFmpeg's.
        codecs: Names that are allowed; None for all.

    Raises:
        SourceError: As `Opener.open`.
    """
    try:
        container = av.open(url, options=options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise mapped(error, where) from None
    name = container.streams.video[0].codec_context.name if container.streams.video else ""
    if not name or (codecs is not None and name not in codecs):
        container.close()
        what = f"its video is {name}" if name else "there is no video in it"
        raise StreamBroken(f"{where}: {what}; H.264 and H.265 can be read")
    return container


class ContainerStream:
    """The video of an open container, and its first sound track where somebody hears."""

    def __init__(self, container: InputContainer, where: str, ear: Ear | None = None) -> None:
        self._container, self._where, self._ear = container, where, ear
        self.video = container.streams.video[0]

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        return self.video.codec_context.name

    @property
    def extradata(self) -> bytes:
        """The codec's configuration."""
        return bytes(self.video.codec_context.extradata or b"")

    @property
    def time_base(self) -> Fraction:
        """Unit of the packets' time stamps, seconds."""
        return Fraction(self.video.time_base or Fraction(1, 90_000))

    def demux(self) -> Iterator[VideoPacket]:
        """Packets of video with something in them, until the end; packets of sound go to the ear.

        Raises:
            SourceLost: At the end, however it came.
        """
        track = next(iter(self._container.streams.audio), None)
        if self._ear is not None:
            self._ear.listen(track)
        wanted = [self.video] if self._ear is None or track is None else [self.video, track]
        try:
            for packet in self._container.demux(*wanted):
                if packet.size and packet.stream is self.video:
                    yield cast(VideoPacket, packet)
                elif packet.size and self._ear is not None:
                    self._ear.hear(cast(AudioPacket, packet))
        except (av.error.FFmpegError, OSError) as error:
            raise mapped(error, self._where) from None
        raise SourceLost(f"{self._where}: the stream ended")

    def close(self) -> None:
        """Close the container; only the thread that opened it may."""
        self._container.close()
