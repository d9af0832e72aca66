"""Sound beside the pictures: AAC as the camera sent it, in a track of its own; anything else is left out.

FFmpeg's muxer writes the pictures alone: with two tracks it would hold pictures back until sound came, for as long as
ten seconds, and a part could not be flushed when it is due. The track's boxes are after ISO/IEC 14496-12 and, for
`esds`, 14496-1 and 14496-14.
"""

from __future__ import annotations

import struct

import msgspec

from common.clock import SECOND_NS
from edge.media.mp4_boxes import SOUND, box, full
from edge.media.mp4_fragments import Fragment, Sample, build

CARRIED = frozenset({"aac"})
"""FFmpeg's names of what an MP4 of ours carries; G.711 and the like have no place in one that browsers play."""
HOLE_NS = SECOND_NS // 5
"""Sound that comes this much later or earlier than the frame before it ends leaves a hole; less is shaking."""
FAR_NS = SECOND_NS
_SMOOTH = 256
"""Packets, about, that the clocks' difference is averaged over: a camera's clock drifts, the network shakes."""
_MOST_BYTES = 4 << 20
"""Of sound that waits for its part."""
_SAMPLES = 1024
"""In a frame of AAC, where the packet does not say."""
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class AudioFormat(msgspec.Struct, frozen=True, gc=False):
    """A connection's sound; stands in the queue before the connection's first packet.

    Attributes:
        camera: The camera's id.
        rate: Samples a second; 0: there is no sound that can be recorded.
        channels: 1 or more.
        config: AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
    """

    camera: str
    rate: int = 0
    channels: int = 0
    config: bytes = b""


class EncodedAudio(msgspec.Struct, frozen=True, gc=False):
    """One packet of sound.

    Attributes:
        camera: The camera's id.
        data: One frame of AAC.
        stamp_ns: The camera's time stamp; None where it is unset.
        duration_ns: Of the frame; 0: not said.
        mono_ns: Monotonic clock of its arrival.
    """

    camera: str
    data: bytes
    stamp_ns: int | None
    duration_ns: int
    mono_ns: int


class AudioClock:
    """One camera's sound on the monotonic clock: its own stamps, tied to when packets come."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._end_ns = 0

    def place(self, sound: EncodedAudio) -> int:
        """Monotonic time at which a packet begins."""
        stamp_ns = sound.stamp_ns if sound.stamp_ns is not None else self._end_ns
        self._end_ns = stamp_ns + sound.duration_ns
        if self._offset_ns is None or abs(sound.mono_ns - stamp_ns - self._offset_ns) > FAR_NS:
            self._offset_ns = sound.mono_ns - stamp_ns
        else:
            self._offset_ns += (sound.mono_ns - stamp_ns - self._offset_ns) // _SMOOTH
        return stamp_ns + self._offset_ns


class SoundTrack:
    """The sound of one segment.

    Args:
        audio_format: What it is.
        begin_ns: Monotonic clock at the segment's start.
    """

    def __init__(self, audio_format: AudioFormat, begin_ns: int) -> None:
        self._rate, self._begin_ns = audio_format.rate, begin_ns
        self._next: int | None = None
        self._runs: list[tuple[int, list[Sample], list[bytes]]] = []
        self._bytes = 0

    def add(self, sound: EncodedAudio, at_ns: int) -> bool:
        """Take a packet that begins at a monotonic time; whether it has a place here."""
        ticks = sound.duration_ns * self._rate // SECOND_NS or _SAMPLES
        start = (at_ns - self._begin_ns) * self._rate // SECOND_NS
        if self._next is not None and abs(start - self._next) * SECOND_NS <= HOLE_NS * self._rate:
            start = self._next
        if start < (self._next or 0) or self._bytes > _MOST_BYTES:
            return False
        if start != self._next or not self._runs:
            self._runs.append((start, [], []))
        self._runs[-1][1].append(Sample(ticks, len(sound.data)))
        self._runs[-1][2].append(sound.data)
        self._bytes += len(sound.data)
        self._next = start + ticks
        return True

    def take(self, sequence: int) -> list[bytes]:
        """What came since the last time, as fragments, numbered from `sequence` on."""
        runs, self._runs, self._bytes = self._runs, [], 0
        return [
            build(Fragment(SOUND, start, samples, b"".join(pieces)), sequence + number)
            for number, (start, samples, pieces) in enumerate(runs)
        ]


def trak(audio_format: AudioFormat) -> bytes:
    """Body of a sound track's `trak`."""
    tkhd = struct.pack(">IIIIIQHHHH", 0, 0, SOUND, 0, 0, 0, 0, 1, 0x0100, 0) + _MATRIX + bytes(8)
    mdhd = struct.pack(">IIIIHH", 0, 0, audio_format.rate, 0, 0x55C4, 0)
    hdlr = bytes(4) + b"soun" + bytes(12) + b"Sound\0"
    dinf = box(b"dinf", full(b"dref", 0, 0, (1).to_bytes(4, "big"), full(b"url ", 0, 1)))
    none = bytes(4)
    tables = [full(b"stts", 0, 0, none), full(b"stsc", 0, 0, none), full(b"stsz", 0, 0, bytes(8))]
    stsd = full(b"stsd", 0, 0, (1).to_bytes(4, "big"), _mp4a(audio_format))
    stbl = box(b"stbl", stsd, *tables, full(b"stco", 0, 0, none))
    minf = box(b"minf", full(b"smhd", 0, 0, bytes(4)), dinf, stbl)
    return full(b"tkhd", 0, 7, tkhd) + box(b"mdia", full(b"mdhd", 0, 0, mdhd), full(b"hdlr", 0, 0, hdlr), minf)


def _mp4a(audio_format: AudioFormat) -> bytes:
    rate = audio_format.rate << 16 if audio_format.rate < 1 << 16 else 0
    fixed = bytes(6) + struct.pack(">HQHHHHI", 1, 0, audio_format.channels, 16, 0, 0, rate)
    decoder = bytes([0x40, 0x15]) + bytes(11) + _descriptor(5, audio_format.config)
    stream = struct.pack(">HB", SOUND, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
    return box(b"mp4a", fixed, full(b"esds", 0, 0, _descriptor(3, stream)))


def _descriptor(tag: int, body: bytes) -> bytes:
    size = len(body)
    return bytes([tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F]) + body
