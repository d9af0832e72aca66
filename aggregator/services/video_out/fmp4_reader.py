"""Reads the fragmented MP4 of a live view into coded pictures (ISO/IEC 14496-12 and -15). Nothing is decoded.

A box sends one `ftyp` and `moov` with one H.264 track, then a `moof` and `mdat` with one sample for each picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from aggregator.services.video_out.access_unit import AccessUnit
from common.errors import ContractError
from protocol.live_frames import HEAD, FrameType, what_of

CLOCK_HZ = 90_000
MOST_UNITS, MOST_BOXES = 200, 50
"""Of a picture, and of one level of boxes."""
_IDR, _SPS, _PPS, _AUD = 5, 7, 8, 9
_PATH = (b"trak", b"mdia", b"minf", b"stbl")
_VISUAL_ENTRY, _AFTER_SIZE = 78, 24
"""Bytes of a VisualSampleEntry before its boxes, and where its width stands (14496-12, section 12.1.3)."""


class VideoFormat(NamedTuple):
    """What a receiver must know of a stream.

    Attributes:
        sps: Sequence parameter set, a NAL unit.
        pps: Picture parameter set.
        avcc: The AVCDecoderConfigurationRecord (14496-15, section 5.3.3.1).
    """

    sps: bytes
    pps: bytes
    avcc: bytes
    width_px: int
    height_px: int

    @property
    def codec(self) -> str:
        """Its name in a playlist (RFC 6381): profile, constraints and level in hexadecimal."""
        return f"avc1.{self.avcc[1:4].hex()}"


@dataclass
class Fmp4Reader:
    """Takes the messages of one view in order.

    Attributes:
        format: From the last initialisation; None before the first.
    """

    format: VideoFormat | None = None
    _timescale: int = CLOCK_HZ
    _length_bytes: int = 4

    def read(self, message: bytes) -> AccessUnit | None:
        """The picture of a message of `protocol.live_frames`; None for an initialisation.

        Raises:
            ContractError: It is not what a box sends.
        """
        what = what_of(message)
        try:
            if what is FrameType.INIT:
                self._initialise(memoryview(message)[HEAD:])
                return None
            return self._picture(what, int.from_bytes(message[1:HEAD]), memoryview(message)[HEAD:])
        except (struct.error, IndexError, KeyError, ZeroDivisionError) as error:
            raise ContractError("live: its MP4 cannot be read") from error

    def _initialise(self, data: memoryview) -> None:
        moov = dict(_boxes(data))[b"moov"]
        media = dict(_boxes(_child(moov, _PATH[:2])))
        version = media[b"mdhd"][0]
        (self._timescale,) = struct.unpack_from(">I", media[b"mdhd"], 20 if version else 12)
        entry = _child(_child(moov, _PATH), (b"stsd",))[8:]
        if bytes(entry[4:8]) != b"avc1" or not self._timescale:
            raise ContractError("live: its video is not H.264")
        width, height = struct.unpack_from(">HH", entry, 8 + _AFTER_SIZE)
        avcc = bytes(dict(_boxes(entry[8 + _VISUAL_ENTRY :]))[b"avcC"])
        self._length_bytes = (avcc[4] & 3) + 1
        sps, rest = _parameter_set(avcc, 6)
        if avcc[5] & 31 != 1 or avcc[rest] != 1:
            raise ContractError("live: it must have one SPS and one PPS")
        pps, _ = _parameter_set(avcc, rest + 1)
        self.format = VideoFormat(sps, pps, avcc, width, height)

    def _picture(self, what: FrameType, wall_ns: int, data: memoryview) -> AccessUnit:
        if self.format is None:
            raise ContractError("live: a picture before the initialisation")
        boxes = dict(_boxes(data))
        track = dict(_boxes(_child(boxes[b"moof"], (b"traf",))))
        tfdt, run = track[b"tfdt"], track[b"trun"]
        (begin,) = struct.unpack_from(">Q" if tfdt[0] else ">I", tfdt, 4)
        units = tuple(self._units(boxes[b"mdat"]))
        key = any(it[0] & 31 == _IDR for it in units)
        if key:
            rest = tuple(it for it in units if it[0] & 31 not in (_SPS, _PPS, _AUD))
            units = (self.format.sps, self.format.pps, *rest)
        if not units or key != (what is FrameType.KEY):
            raise ContractError("live: a picture is not what its head says")
        time = (begin + _composition_offset(run)) * CLOCK_HZ // self._timescale
        return AccessUnit(units, key, time, wall_ns)

    def _units(self, data: memoryview) -> Iterator[bytes]:
        at = count = 0
        while at + self._length_bytes < len(data):
            length = int.from_bytes(data[at : at + self._length_bytes])
            at += self._length_bytes
            count += 1
            if not 0 < length <= len(data) - at or count > MOST_UNITS:
                raise ContractError("live: a NAL unit has a wrong length")
            yield bytes(data[at : at + length])
            at += length


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes of one level (14496-12, section 4.2); sizes of 64 bits do not occur in a live view."""
    at = count = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        count += 1
        if not 8 <= size <= len(data) - at or count > MOST_BOXES:
            raise ContractError("live: a box of its MP4 has a wrong length")
        yield bytes(data[at + 4 : at + 8]), data[at + 8 : at + size]
        at += size


def _child(data: memoryview, path: tuple[bytes, ...]) -> memoryview:
    for name in path:
        data = dict(_boxes(data))[name]
    return data


def _parameter_set(avcc: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(">H", avcc, at)
    found = avcc[at + 2 : at + 2 + length]
    if not 4 <= length <= 1024 or len(found) < length:
        raise ContractError("live: its parameter sets cannot be read")
    return found, at + 2 + length


def _composition_offset(run: memoryview) -> int:
    """Of the first sample of a `trun` (14496-12, section 8.8.8); 0 where it has none."""
    flags = int.from_bytes(run[1:4])
    if not flags & 0x800:
        return 0
    at = 8 + 4 * sum(bool(flags & it) for it in (0x1, 0x4, 0x100, 0x200, 0x400))
    (offset,) = struct.unpack_from(">i", run, at)
    return int(offset)
