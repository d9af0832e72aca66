"""H.264 and H.265 as MP4 stores them: parameter sets and length-prefixed NAL units (ISO/IEC 14496-15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Codec = Literal["h264", "hevc"]


@dataclass(frozen=True)
class Parameters:
    """What a decoder needs before the first picture.

    Attributes:
        codec: Which standard.
        sets: Parameter sets as NAL units without start codes (SPS, PPS; for H.265 VPS first).
        prefix_bytes: Length of the length that stands before each NAL unit in a packet.
    """

    codec: Codec
    sets: tuple[bytes, ...]
    prefix_bytes: int


def parameters(codec: Codec, extradata: bytes) -> Parameters:
    """Read an `avcC` or `hvcC` record.

    Raises:
        ValueError: It is not one.
    """
    try:
        if not extradata or extradata[0] != 1:
            raise ValueError("no configuration record: only MP4-style streams can be served")
        return _avcc(extradata) if codec == "h264" else _hvcc(extradata)
    except IndexError as error:
        raise ValueError("the configuration record is cut off") from error


def split(packet: bytes, prefix_bytes: int) -> list[bytes]:
    """The NAL units of one length-prefixed packet.

    >>> split(bytes.fromhex("00000002 6742 00000001 68"), 4)
    [b'gB', b'h']
    """
    units, at = [], 0
    while at + prefix_bytes <= len(packet):
        length = int.from_bytes(packet[at : at + prefix_bytes], "big")
        at += prefix_bytes
        units.append(packet[at : at + length])
        at += length
    return units


def _avcc(data: bytes) -> Parameters:
    sets: list[bytes] = []
    at = 6
    at = _take(data, at, data[5] & 0x1F, sets)
    _take(data, at + 1, data[at], sets)
    return Parameters("h264", tuple(sets), (data[4] & 3) + 1)


def _hvcc(data: bytes) -> Parameters:
    sets: list[bytes] = []
    at = 23
    for _ in range(data[22]):
        count = int.from_bytes(data[at + 1 : at + 3], "big")
        at = _take(data, at + 3, count, sets)
    return Parameters("hevc", tuple(sets), (data[21] & 3) + 1)


def _take(data: bytes, at: int, count: int, into: list[bytes]) -> int:
    for _ in range(count):
        length = int.from_bytes(data[at : at + 2], "big")
        into.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return at
