"""Packets to MP4 fragments, by FFmpeg's muxer, without encoding. For audio see `edge/media/audio_track.py`."""

from __future__ import annotations

import io
from fractions import Fraction

import av

from common.errors import StreamBroken
from edge.media.audio_track import AudioFormat, SoundTrack, trak
from edge.media.mp4_boxes import beginning, video_entry
from edge.media.mp4_fragments import numbered
from edge.recorder.retention.segment_encryption import SegmentFragment

TICKS = 90_000
BASE = Fraction(1, TICKS)
TAGS = {"h264": "avc1", "hevc": "hvc1"}
"""Sample entry by codec: players on phones refuse `hev1`."""


FLAGS = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"


class StreamFormat:
    """The video format of a stream, from a key frame; a change of format needs a new segment.

    Args:
        codec: `h264` or `hevc`.
        sets: Parameter sets, as a byte stream.
        key_frame: A key frame, as a byte stream.

    Attributes:
        width: Pixels.
        height: Pixels.
        template: A stream of this format, for the muxer.

    Raises:
        StreamBroken: FFmpeg finds no picture in it.
    """

    def __init__(self, codec: str, sets: bytes, key_frame: bytes) -> None:
        self.codec, self.sets = codec, sets
        try:
            # three times: the probe needs the start of the next picture
            source = io.BytesIO((sets + key_frame) * 3)
            self._container = av.open(source, format=codec, options={"analyzeduration": "0"})
            self.template = self._container.streams.video[0]
            self.width, self.height = self.template.codec_context.width, self.template.codec_context.height
        except (av.error.FFmpegError, IndexError, ValueError) as error:
            raise StreamBroken(f"cannot be recorded: {error}") from error
        if not self.width or not self.height or not self.template.codec_context.extradata:
            raise StreamBroken("cannot be recorded: no parameter sets came with the key frame")


class OutputBuffer:
    """FFmpeg's output; it cannot seek."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Append."""
        self.chunks.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """The bytes written since the last call."""
        data = b"".join(self.chunks)
        self.chunks.clear()
        return data


def fragment_us(frame_ticks: int) -> int:
    """Time after which the next packet closes a fragment, microseconds, so that it is at most a second long.

    A quarter of a frame allows for jitter of the time stamps.

    >>> fragment_us(6_000)
    950001
    """
    return max(100_000, 1_000_000 - frame_ticks * 1_000_000 // TICKS * 3 // 4)


class Remuxer:
    """The muxer of one segment.

    Args:
        stream_format: The video format.
        frame_ticks: Average ticks between packets.
        audio_format: The audio format; None or without a rate: no audio.
        begin_ns: Monotonic clock at the segment's start, for the audio.

    Attributes:
        initialisation: The MP4 initialisation section.
        audio: Adds audio; its MP4 fragments follow the video's in each fragment.

    Raises:
        StreamBroken: The muxer refuses the stream; from every method.
    """

    def __init__(
        self, stream_format: StreamFormat, frame_ticks: int, audio_format: AudioFormat | None = None, begin_ns: int = 0
    ) -> None:
        self._output = OutputBuffer()
        options = {"movflags": FLAGS, "frag_duration": str(fragment_us(frame_ticks))}
        try:
            self._out = av.open(self._output, "w", format="mp4", options=options, buffer_size=1 << 20)
            self._stream = self._out.add_stream_from_template(stream_format.template)
            self._stream.codec_context.codec_tag = TAGS[stream_format.codec]
            self._stream.time_base = BASE
            self._out.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise StreamBroken(f"cannot be recorded: {error}") from error
        self._first: tuple[int, bool] | None = None
        self._end = 0
        self.initialisation = self._output.take()
        self._sequence = 1
        self.audio: SoundTrack | None = None
        if audio_format is not None and audio_format.rate:
            self.audio = SoundTrack(audio_format, begin_ns)
            self.initialisation = beginning(self.initialisation, [video_entry(self.initialisation)], trak(audio_format))

    def add(self, data: bytes, pts: int, dts: int, duration: int, key: bool) -> SegmentFragment | None:
        """Add a packet; returns the fragment that it closed.

        Args:
            data: One coded picture.
            pts: 1/90,000 s from the segment's start.
            dts: The same unit; strictly increasing.
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
        done = self._take_fragment(dts)
        if self._first is None:
            self._first = dts, key
        self._end = dts + duration
        return done

    def close(self, end: int | None = None) -> SegmentFragment | None:
        """The last fragment.

        Args:
            end: 1/90,000 s from the segment's start, at which the last picture ends; None: after its duration.
        """
        try:
            self._out.close()
        except (av.error.FFmpegError, ValueError) as error:
            raise StreamBroken(f"cannot be recorded: {error}") from error
        return self._take_fragment(self._end if end is None else end)

    def _take_fragment(self, end: int) -> SegmentFragment | None:
        data = self._output.take()
        if not data or self._first is None:
            return None
        start, key = self._first
        self._first = None
        if self.audio is not None:
            data = self._with_sound(data, self.audio)
        start_ms = _ms(start)
        return SegmentFragment(data, start_ms, max(1, _ms(end) - start_ms), key)

    def _with_sound(self, data: bytes, audio: SoundTrack) -> bytes:
        audio_fragments = audio.take(self._sequence + 1)
        data = numbered(data, self._sequence)
        self._sequence += 1 + len(audio_fragments)
        return data + b"".join(audio_fragments)


def _ms(ticks: int) -> int:
    return (ticks * 1000 + TICKS // 2) // TICKS
