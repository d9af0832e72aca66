"""Covered frames into H.264 in an MP4 that says nothing of where it came from. Takes nothing but covered frames."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias

import av

from common.errors import RedactionError
from edge.media.adts import bare
from edge.redaction.mask_renderer import FrameFormat, RedactedFrame

AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"

SPEED, QUALITY = "veryfast", "23"
LARGE_PX = 1280 * 736
FILE = {"fflags": "bitexact", "movflags": "faststart"}
"""A file: no name of the software in it, the index in front."""
FRAGMENTS = {"fflags": "bitexact", "movflags": "frag_every_frame+empty_moov+default_base_moof"}
"""A stream: for whoever sends frames on as they come."""
Colours: TypeAlias = tuple[int, int, int, int]
"""Colour space, primaries, transfer and range, FFmpeg's numbers; see `UNSAID`."""
UNSAID: Colours = (2, 2, 2, 0)
SOUNDS = ("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac")
"""Sound that an MP4 can carry as it is."""


@dataclass(frozen=True)
class Origin:
    """What an encoder must know of the frames that will come.

    Attributes:
        base: Unit of their time stamps, seconds.
        rate: Frames a second, about.
        colours: Colour space, primaries, transfer and range, FFmpeg's numbers.
        sound: A track to copy; None for none.
        aspect: Width over height of a pixel.
        config: Of sound whose packets have it before each frame; see `edge.media.adts`.
    """

    base: Fraction
    rate: float
    colours: Colours = UNSAID
    sound: av.AudioStream | None = None
    aspect: Fraction = Fraction(1)
    config: bytes = b""


class Writable(Protocol):
    """Where an MP4 goes that is not a file."""

    def write(self, data: bytes) -> int:
        """Take it."""


class VideoOutput:
    """What all encoders of videos have in common: the container, the codec's settings, the end. It takes no frames.

    Args:
        target: A path, or what takes the bytes (then `options` must be `FRAGMENTS`).
        canvas: Size and form of all frames.
        origin: What the frames are like.
        options: The muxer's: `FILE` or `FRAGMENTS`.
        codec: Settings of x264 beyond the common ones.
        about: A text that the file bears; empty: it says nothing of where it came from.

    Raises:
        RedactionError: It cannot be written.
    """

    def __init__(
        self,
        target: str | Writable,
        canvas: FrameFormat,
        origin: Origin,
        *,
        options: dict[str, str],
        codec: dict[str, str],
        about: str = "",
    ) -> None:
        self._base, self._last, self._first = origin.base, -1, 0
        try:
            self._out = av.open(target, "w", format="mp4", options=options)
            if about:
                self._out.metadata["comment"] = about
            self._video = self._out.add_stream("libx264", rate=Fraction(origin.rate).limit_denominator(1001))
            context = self._video.codec_context
            context.width, context.height, context.pix_fmt = canvas.width, canvas.height, canvas.form
            context.time_base = self._video.time_base = origin.base
            context.options = {"preset": SPEED, "crf": QUALITY, "a53cc": "0", "threads": "2"} | codec
            if "tune" not in codec and canvas.width * canvas.height > LARGE_PX:
                context.options |= {"rc-lookahead": "4", "bf": "0", "sync-lookahead": "0"}  # memory: frames wait there
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = origin.colours
            context.sample_aspect_ratio = origin.aspect
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise RedactionError(f"cannot be written: {error}") from error

    def close(self) -> None:
        """Write the rest.

        Raises:
            RedactionError: It cannot be written.
        """
        if self._last >= 0:
            self._mux(None)
        try:
            self._out.close()
        except (av.error.FFmpegError, OSError) as error:
            raise RedactionError(f"cannot be written: {error}") from error

    def abandon(self) -> None:
        """Let go of a file that will be thrown away."""
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self._out.close()

    def _write(self, frame: av.VideoFrame, pts: int | None) -> None:
        """Encode a frame; its time stamp is moved up where it does not rise."""
        if self._last < 0:
            self._first = pts or 0
        step = max(1, round(1 / (self._base * Fraction(self._video.average_rate or 15))))
        shown = self._last + step if pts is None else pts - self._first
        self._last = frame.pts = max(shown, self._last + 1)
        frame.time_base = self._base
        self._mux(frame)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            self._out.mux(self._video.encode(frame))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise RedactionError(f"cannot be written: {error}") from error


class Encoder(VideoOutput):
    """Writes one video of redacted frames.

    Args:
        target: A path, or what takes the bytes (then `options` must be `FRAGMENTS`).
        canvas: Size and form of all frames.
        origin: What the frames are like.
        options: The muxer's: `FILE` or `FRAGMENTS`.
        live: Frames come out as they go in, at some cost in size.
        about: A text that the file bears; empty: it says nothing of where it came from.
        kbps: Most that a live one may take, kilobits a second; 0: no bound.

    Raises:
        RedactionError: It cannot be written, or the sound cannot be copied.
    """

    def __init__(
        self,
        target: str | Writable,
        canvas: FrameFormat,
        origin: Origin,
        *,
        options: dict[str, str] = FILE,
        live: bool = False,
        about: str = "",
        kbps: int = 0,
    ) -> None:
        codec = {"tune": "zerolatency"} if live else {}
        if kbps:
            codec |= {"maxrate": f"{kbps}k", "bufsize": f"{kbps // 2 or 1}k"}
            codec |= {"preset": "ultrafast", "g": str(round(2 * origin.rate))}
        super().__init__(target, canvas, origin, options=options, codec=codec, about=about)
        try:
            self._sound = self._out.add_stream_from_template(_copyable(origin.sound)) if origin.sound else None
            self._headed = bool(origin.config)
            if self._sound is not None and origin.config:
                self._sound.codec_context.extradata = origin.config
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise RedactionError(f"cannot be written: {error}") from error

    def put(self, covered: RedactedFrame, pts: int | None) -> None:
        """Write a frame.

        Args:
            covered: The frame.
            pts: When it is shown, in the film's time base; after the last frame's, or it is moved there.

        Raises:
            RedactionError: It cannot be written.
        """
        self._write(covered.frame, pts)

    def copy(self, packet: AudioPacket) -> bool:
        """Write a packet of sound as it is, if it does not lie before the first frame; call after that was put.

        Returns:
            Whether it was taken.

        Raises:
            RedactionError: It cannot be written.
        """
        if self._sound is None or packet.dts is None or self._last < 0:
            return False
        packet = bare(packet) if self._headed else packet
        assert packet.dts is not None
        start = round(self._first * self._base / packet.time_base)
        packet.pts, packet.dts = (packet.pts if packet.pts is not None else packet.dts) - start, packet.dts - start
        packet.stream = self._sound
        if packet.dts < 0:
            return False
        try:
            self._out.mux_one(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise RedactionError(f"the sound cannot be written: {error}") from error
        return True


def _copyable(sound: av.AudioStream) -> av.AudioStream:
    name = sound.codec_context.name
    if name not in SOUNDS:
        raise RedactionError(f"its sound is {name}, which an MP4 cannot carry; leave it out")
    return sound
