"""Packets into fragments of an MP4, by FFmpeg's muxer; nothing is encoded. Sound comes beside: see `sound.py`."""

from __future__ import annotations

import io
from fractions import Fraction

import av

from common.errors import StreamBroken
from edge.media.audio_track import AudioFormat, SoundTrack, trak
from edge.media.mp4_boxes import beginning, video_entry
from edge.media.mp4_fragments import numbered
from edge.recorder.retention.segment_encryption import Part

TICKS = 90_000
BASE = Fraction(1, TICKS)
TAGS = {"h264": "avc1", "hevc": "hvc1"}
"""Sample entry by codec: players on phones refuse `hev1`."""


FLAGS = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"


class Form:
    """What packets look like, from a key frame; another form needs another segment.

    Args:
        codec: `h264` or `hevc`.
        sets: Parameter sets, as a byte stream.
        key_frame: A key frame, as a byte stream.

    Attributes:
        width: Pixels.
        height: Pixels.
        template: A stream of this form, for the muxer.

    Raises:
        StreamBroken: FFmpeg finds no picture in it.
    """

    def __init__(self, codec: str, sets: bytes, key_frame: bytes) -> None:
        self.codec, self.sets = codec, sets
        try:
            # three times: the probe wants to see where a picture ends
            source = io.BytesIO((sets + key_frame) * 3)
            self._container = av.open(source, format=codec, options={"analyzeduration": "0"})
            self.template = self._container.streams.video[0]
            self.width, self.height = self.template.codec_context.width, self.template.codec_context.height
        except (av.error.FFmpegError, IndexError, ValueError) as error:
            raise StreamBroken(f"cannot be recorded: {error}") from error
        if not self.width or not self.height or not self.template.codec_context.extradata:
            raise StreamBroken("cannot be recorded: no parameter sets came with the key frame")


class Sink:
    """Where FFmpeg writes; it cannot seek, so what is written stays."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take it."""
        self.pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What came since the last time."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data


def part_us(frame_ticks: int) -> int:
    """After which time a part is closed by the next packet, microseconds, so that it is a second long and no more.

    A quarter of a frame is left for stamps that shake.

    >>> part_us(6_000)
    950001
    """
    return max(100_000, 1_000_000 - frame_ticks * 1_000_000 // TICKS * 3 // 4)


class Remuxer:
    """One segment's muxer.

    Args:
        form: What the packets look like.
        frame_ticks: From one packet to the next, about.
        voice: The sound; None or without a rate: silent.
        begin_ns: Monotonic clock at the segment's start, for the sound.

    Attributes:
        initialisation: What a player needs first.
        sound: Takes the sound; its fragments stand behind the pictures' in each part.

    Raises:
        StreamBroken: The muxer refuses the stream; from every method.
    """

    def __init__(self, form: Form, frame_ticks: int, voice: AudioFormat | None = None, begin_ns: int = 0) -> None:
        self._sink = Sink()
        options = {"movflags": FLAGS, "frag_duration": str(part_us(frame_ticks))}
        try:
            self._out = av.open(self._sink, "w", format="mp4", options=options, buffer_size=1 << 20)
            self._stream = self._out.add_stream_from_template(form.template)
            self._stream.codec_context.codec_tag = TAGS[form.codec]
            self._stream.time_base = BASE
            self._out.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise StreamBroken(f"cannot be recorded: {error}") from error
        self._first: tuple[int, bool] | None = None
        self._end = 0
        self.initialisation = self._sink.take()
        self._sequence = 1
        self.sound: SoundTrack | None = None
        if voice is not None and voice.rate:
            self.sound = SoundTrack(voice, begin_ns)
            self.initialisation = beginning(self.initialisation, [video_entry(self.initialisation)], trak(voice))

    def add(self, data: bytes, pts: int, dts: int, duration: int, key: bool) -> Part | None:
        """Take a packet; gives the part that this one closed.

        Args:
            data: One coded picture.
            pts: 1/90,000 s from the segment's start.
            dts: The same; grows strictly.
            duration: The same unit.
            key: A key frame.
        """
        packet = av.Packet(data)
        packet.stream = self._stream
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        packet.time_base = BASE
        packet.is_keyframe = key
        try:
            self._out.mux_one(packet)
        except (av.error.FFmpegError, ValueError) as error:
            raise StreamBroken(f"cannot be recorded: {error}") from error
        done = self._part(dts)
        if self._first is None:
            self._first = dts, key
        self._end = dts + duration
        return done

    def close(self, end: int | None = None) -> Part | None:
        """The last part.

        Args:
            end: 1/90,000 s from the segment's start, up to which the last picture stands; None: for its duration.
        """
        try:
            self._out.close()
        except (av.error.FFmpegError, ValueError) as error:
            raise StreamBroken(f"cannot be recorded: {error}") from error
        return self._part(self._end if end is None else end)

    def _part(self, end: int) -> Part | None:
        data = self._sink.take()
        if not data or self._first is None:
            return None
        start, key = self._first
        self._first = None
        if self.sound is not None:
            data = self._with_sound(data, self.sound)
        start_ms = _ms(start)
        return Part(data, start_ms, max(1, _ms(end) - start_ms), key)

    def _with_sound(self, data: bytes, sound: SoundTrack) -> bytes:
        heard = sound.take(self._sequence + 1)
        data = numbered(data, self._sequence)
        self._sequence += 1 + len(heard)
        return data + b"".join(heard)


def _ms(ticks: int) -> int:
    return (ticks * 1000 + TICKS // 2) // TICKS
