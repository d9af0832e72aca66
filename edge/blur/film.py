"""A video, opened for decoding: frame after frame, upright, whatever is wrong with some of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import av
import numpy as np
from av.container import InputContainer

from common.errors import RedactionError, SourceError
from edge.blur.encoder import AudioPacket, Origin
from edge.sources.base import VideoPacket
from edge.sources.container import mapped, open_video

THREADS, LARGE_PX = 2, 1280 * 736
"""Of the decoder; each holds some frames, so larger pictures have one."""


class Shot(NamedTuple):
    """One frame.

    Attributes:
        number: From 0, in the order of showing.
        frame: Upright.
        corrupt: The decoder calls it damaged.
    """

    number: int
    frame: av.VideoFrame
    corrupt: bool


class Film:
    """An open video. Only the thread that opened it may use it.

    Args:
        container: Open, with video.
        where: What to call it in errors.

    Attributes:
        undecodable: Packets that gave no picture, so far.
        ended_early: It broke off.
    """

    def __init__(self, container: InputContainer, where: str) -> None:
        self._container, self.where = container, where
        self.video = container.streams.video[0]
        self.video.thread_type = "AUTO"
        large = self.video.codec_context.width * self.video.codec_context.height > LARGE_PX
        self.video.codec_context.thread_count = 1 if large else THREADS
        self.undecodable, self.ended_early, self._number = 0, False, 0

    @property
    def rate(self) -> float:
        """Frames a second, guessed where the file does not say."""
        return min(120.0, max(1.0, float(self.video.average_rate or self.video.guessed_rate or 15)))

    @property
    def base(self) -> Fraction:
        """Unit of time stamps, seconds."""
        return Fraction(self.video.time_base or Fraction(1, 90_000))

    @property
    def expected(self) -> int:
        """Frames that there may be; 0 where the file does not say."""
        if self.video.frames or not self.video.duration:
            return self.video.frames
        return round(float(self.video.duration * self.base) * self.rate)

    @property
    def sound(self) -> av.AudioStream | None:
        """Its first sound track."""
        return self._container.streams.audio[0] if self._container.streams.audio else None

    def origin(self, sound: bool) -> Origin:
        """What an encoder must know of it."""
        said = self.video.codec_context
        colours = int(said.colorspace), int(said.color_primaries), int(said.color_trc), int(said.color_range)
        return Origin(self.base, self.rate, colours, self.sound if sound else None)

    def shots(self, sound: bool = False) -> Iterator[Shot | AudioPacket]:
        """Frames, and the sound's packets between them where asked for."""
        wanted = [self.video, self.sound] if sound and self.sound is not None else [self.video]
        packets = self._container.demux(*wanted)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError):
                self.ended_early = True
                yield from self._decoded(None)
                return
            if packet.stream.type == "video":
                yield from self._decoded(cast("av.Packet[av.VideoStream]", packet))
            elif packet.size:
                yield cast(AudioPacket, packet)

    def packets(self) -> Iterator[VideoPacket]:
        """What `shots` decodes, as it is; ends early where it breaks off."""
        packets = self._container.demux(self.video)
        with contextlib.suppress(StopIteration, av.error.FFmpegError, OSError):
            while True:
                packet = next(packets)
                if packet.size:
                    yield packet

    def close(self) -> None:
        """Close it."""
        self._container.close()

    def _decoded(self, packet: av.Packet[av.VideoStream] | None) -> Iterator[Shot]:
        try:
            frames = self.video.codec_context.decode(packet)
        except (av.error.FFmpegError, ValueError):
            self.undecodable += 1
            return
        if packet is not None and packet.is_corrupt:
            self.undecodable += not frames
        for frame in frames:
            yield Shot(self._number, _upright(frame), frame.is_corrupt)
            self._number += 1


Opener = Callable[[], Film]
"""Opens the same video again each time: a redactor that knows what comes next reads it twice."""


def film_of(path: Path) -> Opener:
    """A file.

    The opener raises RedactionError where it cannot be read or has no video.
    """

    def open_it() -> Film:
        try:
            return Film(open_video(str(path), path.name, {}, None), path.name)
        except SourceError as error:
            raise RedactionError(f"nothing to cover: {error}") from error

    return open_it


def film_of_pieces(play: Callable[[], Iterator[bytes]], where: str) -> Opener:
    """A fragmented MP4 that is made piece by piece, anew each time.

    The opener raises RedactionError where it cannot be read or has no video.
    """

    def open_it() -> Film:
        try:
            container = av.open(_Pieces(play()), "r", format="mp4")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise RedactionError(f"nothing to cover: {mapped(error, where)}") from None
        if not container.streams.video:
            container.close()
            raise RedactionError(f"nothing to cover: {where}: there is no video in it")
        return Film(container, where)

    return open_it


class _Pieces:
    """Pieces as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


def _upright(frame: av.VideoFrame) -> av.VideoFrame:
    """Turned as players would show it; phones film sideways, and detectors know upright faces only."""
    turns = round(frame.rotation / 90) % 4
    if not turns:
        return frame
    try:
        turned = np.ascontiguousarray(np.rot90(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), turns))
    except (ValueError, av.error.FFmpegError):
        return frame  # a format that cannot be converted: it becomes black further on
    upright = av.VideoFrame.from_ndarray(turned, format="bgr24")
    upright.pts, upright.time_base = frame.pts, frame.time_base
    return upright
