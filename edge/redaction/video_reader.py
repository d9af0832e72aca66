"""Reads a video: upright frames in order; damaged frames are marked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import av
from av.container import InputContainer

from common.errors import RedactionError, SourceError
from edge.media.adts import described
from edge.media.orientation import aspect_of, orientation, upright
from edge.redaction.encoder import SOUNDS, AudioPacket, Origin
from edge.sources.base import VideoPacket
from edge.sources.container import mapped, open_video, sound_of, video_of

THREADS, LARGE_PX = 2, 1280 * 736
"""Decoder threads for files; each holds some frames, so larger pictures, and footage on the box, use one."""


class VideoFrame(NamedTuple):
    """One frame.

    Attributes:
        number: From 0, in presentation order.
        frame: Upright.
        corrupt: The decoder marked it as damaged.
    """

    number: int
    frame: av.VideoFrame
    corrupt: bool


class VideoReader:
    """An open video. Only the thread that opened it may use it.

    Args:
        container: Open, with video.
        where: Its name in errors.
        threads: Decoder threads.

    Attributes:
        undecodable: Packets without a picture, so far.
        ended_early: The file ends early.
        config: Configuration of its audio, where each frame carries it (ADTS).
    """

    def __init__(self, container: InputContainer, where: str, threads: int = THREADS) -> None:
        self._container, self.where = container, where
        video = video_of(container)
        if video is None:
            raise RedactionError(f"nothing to cover: {where}: there is no video in it")
        self.video = video
        self.video.thread_type = "AUTO"
        large = self.video.codec_context.width * self.video.codec_context.height > LARGE_PX
        self.video.codec_context.thread_count = 1 if large else threads
        self.undecodable, self.ended_early, self._number = 0, False, 0
        self._matrix, self.config = b"", b""

    @property
    def rate(self) -> float:
        """Frame rate, estimated where the file does not contain it."""
        return min(120.0, max(1.0, float(self.video.average_rate or self.video.guessed_rate or 15)))

    @property
    def base(self) -> Fraction:
        """Unit of time stamps, seconds."""
        return Fraction(self.video.time_base or Fraction(1, 90_000))

    @property
    def expected(self) -> int:
        """Expected number of frames; 0 where the file does not contain it."""
        if self.video.frames or not self.video.duration:
            return self.video.frames
        return round(float(self.video.duration * self.base) * self.rate)

    @property
    def sound(self) -> av.AudioStream | None:
        """Its first audio track that MP4 supports; else its first, for the error message."""
        return sound_of(self._container, SOUNDS)

    def origin(self, sound: bool) -> Origin:
        """Properties for an encoder; valid after the first frame, which has the orientation."""
        said = self.video.codec_context
        colours = int(said.colorspace), int(said.color_primaries), int(said.color_trc), int(said.color_range)
        aspect = aspect_of(self.video.sample_aspect_ratio or said.sample_aspect_ratio, self._matrix)
        return Origin(self.base, self.rate, colours, self.sound if sound else None, aspect, self.config)

    def shots(self, sound: bool = False) -> Iterator[VideoFrame | AudioPacket]:
        """Frames, with audio packets between them if `sound`."""
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
            if packet.stream is self.video:
                yield from self._decoded(cast(VideoPacket, packet))
            elif packet.size:
                yield cast(AudioPacket, packet)

    def packets(self) -> Iterator[VideoPacket]:
        """The undecoded video packets; ends where the file is damaged."""
        packets = self._container.demux(self.video)
        with contextlib.suppress(StopIteration, av.error.FFmpegError, OSError):
            while True:
                packet = next(packets)
                if packet.size:
                    yield packet

    def close(self) -> None:
        """Close it."""
        self._container.close()

    def _decoded(self, packet: av.Packet[av.VideoStream] | None) -> Iterator[VideoFrame]:
        try:
            frames = self.video.codec_context.decode(packet)
        except (av.error.FFmpegError, ValueError):
            self.undecodable += 1
            return
        if packet is not None and packet.is_corrupt:
            self.undecodable += not frames
        for frame in frames:
            self._matrix = self._matrix if self._number else orientation(frame)
            yield VideoFrame(self._number, upright(frame), frame.is_corrupt)
            self._number += 1


Opener = Callable[[], VideoReader]
"""Opens the same video on each call: the two-pass redactor reads it twice."""


def film_of(path: Path) -> Opener:
    """An opener for a file.

    The opener raises RedactionError where it cannot be read or has no video.
    """

    def open_it() -> VideoReader:
        try:
            film = VideoReader(open_video(str(path), path.name, {}, None), path.name)
            if (
                film.sound is not None
                and film.sound.codec_context.name == "aac"
                and not film.sound.codec_context.extradata
            ):
                film.config = _config(path)
            return film
        except SourceError as error:
            raise RedactionError(f"nothing to cover: {error}") from error

    return open_it


def _config(path: Path) -> bytes:
    """The audio configuration from the first audio packet of a file."""
    with contextlib.suppress(av.error.FFmpegError, OSError), av.open(str(path)) as container:
        track = sound_of(container, SOUNDS)
        return next((described(bytes(it)) for it in container.demux(track) if it.size), b"") if track else b""
    return b""


def film_of_pieces(play: Callable[[], Iterator[bytes]], where: str) -> Opener:
    """An opener for a fragmented MP4 that is generated in pieces on each call.

    The opener raises RedactionError where it cannot be read or has no video.
    """

    def open_it() -> VideoReader:
        try:
            container = av.open(_Pieces(play()), "r", format="mp4")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise RedactionError(f"nothing to cover: {mapped(error, where)}") from None
        try:
            return VideoReader(container, where, threads=1)
        except RedactionError:
            container.close()
            raise

    return open_it


class _Pieces:
    """A read-once file object over pieces."""

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
