"""Common code of RTSP and files: an FFmpeg container with one video stream, and the conversion of FFmpeg's errors."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer
from av.stream import Disposition

from common.errors import LoginRefused, SourceError, SourceLost, SourceRefused, StreamBroken
from edge.sources.base import AudioListener, AudioPacket, VideoPacket

CODECS = ("h264", "hevc")
CARRIED = ("aac",)
"""Audio codecs that the recorder supports; the first track with one is used."""
_REFUSED = (
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.HTTPBadRequestError,
    av.error.HTTPOtherClientError,
)


def mapped(error: Exception, where: str) -> SourceError:
    """Our error for one of FFmpeg's. The text never holds the URL that FFmpeg was given: it has the password in it."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return LoginRefused(f"{where}: wrong user or password")
    if isinstance(error, _REFUSED):
        return SourceRefused(f"{where}: refused: {reason}")
    if isinstance(error, av.error.InvalidDataError):
        return StreamBroken(f"{where}: not a stream that can be read: {reason}")
    return SourceLost(f"{where}: {reason}")


def open_video(
    url: str,
    where: str,
    options: dict[str, str],
    codecs: tuple[str, ...] | None,
    timeout: tuple[float | None, float | None] | None = None,
) -> InputContainer:
    """Open a container and check that it has video of a known codec.

    Args:
        url: With user and password where needed; shows up nowhere.
        where: What to call it in errors.
        options: FFmpeg's.
        codecs: Names that are allowed; None for all.
        timeout: Seconds for the opening and for each packet; None: no limit.

    Raises:
        SourceError: As `Opener.open`.
    """
    try:
        container = av.open(url, options=options, timeout=timeout)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise mapped(error, where) from None
    track = video_of(container, codecs or ())
    name = codec_of(track) if track is not None else ""
    if not name or (codecs is not None and name not in codecs):
        container.close()
        what = f"its video is {name}" if name else "there is no video in it"
        raise StreamBroken(f"{where}: {what}; H.264 and H.265 can be read")
    return container


class ContainerStream:
    """The first video stream of an open container, and the first supported audio track if there is a listener."""

    matrix = b""
    grouped = False

    def __init__(self, container: InputContainer, where: str, audio_listener: AudioListener | None = None) -> None:
        self._container, self._where, self._audio_listener = container, where, audio_listener
        video = video_of(container, CODECS)
        if video is None:
            raise StreamBroken(f"{where}: there is no video in it")
        self.video = video

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
        """Packets of video with something in them, until the end; packets of sound go to the audio_listener.

        Raises:
            SourceLost: At the end, however it came.
        """
        track = self.begin()
        wanted = [self.video] if track is None else [self.video, track]
        try:
            for packet in self._container.demux(*wanted):
                if packet.size and packet.stream is self.video:
                    yield cast(VideoPacket, packet)
                elif packet.size and self._audio_listener is not None:
                    self._audio_listener.receive(cast(AudioPacket, packet))
        except (av.error.FFmpegError, OSError) as error:
            raise mapped(error, self._where) from None
        raise SourceLost(f"{self._where}: the stream ended")

    def begin(self) -> av.AudioStream | None:
        """Set the audio listener's track; returns the track, or None without a listener or a track."""
        if self._audio_listener is None:
            return None
        track = sound_of(self._container, CARRIED)
        self._audio_listener.listen(track)
        return track

    def close(self) -> None:
        """Close the container; only the thread that opened it may."""
        self._container.close()


def video_of(container: InputContainer, kinds: tuple[str, ...] = ()) -> av.VideoStream | None:
    """The first video track of a kind that is wanted; else the first that can be read, or None; covers are no video.

    Tracks come in any order and number: sound, metadata and pictures of covers may stand before it.
    """
    tracks = [it for it in container.streams.video if not it.disposition & Disposition.attached_pic and codec_of(it)]
    return next((it for it in tracks if codec_of(it) in kinds), next(iter(tracks), None))


def sound_of(container: InputContainer, kinds: tuple[str, ...]) -> av.AudioStream | None:
    """The first sound track of a kind that is wanted, one that is described rather than one that is not.

    Where there is none of them: the first, so that it can be said why it is left out.
    """
    tracks = list(container.streams.audio)
    known = [it for it in tracks if codec_of(it) in kinds]
    described = [it for it in known if it.codec_context.sample_rate and it.codec_context.extradata]
    return next(iter([*described, *known, *tracks]), None)


def codec_of(track: av.VideoStream | av.AudioStream) -> str:
    """FFmpeg's name of a track's codec; empty where it cannot be read."""
    context: object = track.codec_context  # None where FFmpeg has no decoder
    return track.codec_context.name if context is not None else ""
