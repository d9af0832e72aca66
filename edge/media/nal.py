"""NAL units of H.264 and H.265 (both standards, table 7-1): types, byte streams, length prefixes, parameter sets.

Byte streams after annex B of both; length prefixes and configuration records after ISO/IEC 14496-15. Nothing inside a
unit is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from common.errors import StreamBroken

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Codec = Literal["h264", "hevc"]
START = b"\x00\x00\x00\x01"
_START_3 = START[1:]
IDR_H264 = 5
SLICES = {"h264": frozenset(range(1, 6)), "hevc": frozenset(range(32))}
"""Types of coded slices."""
DECODER_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}
"""Types of the parameter sets that a decoder needs."""
PARAMETER_SETS = {"h264": DECODER_SETS["h264"] | {13, 15}, "hevc": DECODER_SETS["hevc"]}
"""Types of all parameter sets, also of extensions."""
_HEADS_BYTES = (32, 512)
"""The first unit is a slice as a rule, or follows parameter sets and messages, which are short."""


def unit_type(unit: bytes, codec: str) -> int:
    """The unit's type number.

    >>> unit_type(bytes([0x67]), "h264"), unit_type(bytes([0x40, 1]), "hevc")
    (7, 32)
    """
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def units(data: bytes) -> Iterator[bytes]:
    """The units of a byte stream, without start codes."""
    at = data.find(_START_3)
    while at >= 0:
        following = data.find(_START_3, at + 3)
        unit = data[at + 3 : following if following >= 0 else len(data)]
        if following >= 0:
            unit = unit.rstrip(b"\x00")
        if unit:
            yield unit
        at = following


def prefixed_units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """The units of a packet with a length before each; the last one may be cut short.

    >>> list(prefixed_units(bytes.fromhex("00000002 6742 00000001 68"), 4))
    [b'gB', b'h']
    """
    at = 0
    while at + length_bytes <= len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        yield data[at : at + size]
        at += size


def to_byte_stream(data: bytes, length_bytes: int) -> bytes:
    """A packet with lengths before its units as one with start codes; with 0 bytes of length it stays as it is."""
    return b"".join(START + unit for unit in prefixed_units(data, length_bytes)) if length_bytes else data


def parameter_sets(key_frame: bytes, codec: str) -> bytes:
    """The parameter sets before a key frame's first slice, as a byte stream; empty where there are none."""
    found = []
    for unit in units(key_frame):
        number = unit_type(unit, codec)
        if number in DECODER_SETS[codec]:
            found.append(START + unit)
        elif number in SLICES[codec]:
            break
    return b"".join(found)


def configuration(extradata: bytes, codec: str) -> tuple[bytes, int]:
    """Parameter sets as a byte stream, and how many bytes the packets' lengths have (0: a byte stream already).

    Raises:
        StreamBroken: The configuration record is cut short.
    """
    if not extradata or extradata[0] != 1:
        return extradata, 0
    sets, length_bytes = configuration_record(extradata, codec)
    return b"".join(START + unit for unit in sets), length_bytes


def configuration_record(record: bytes, codec: str) -> tuple[tuple[bytes, ...], int]:
    """Parameter sets of an `avcC` or `hvcC` record, and how many bytes the packets' lengths have.

    Raises:
        StreamBroken: It is no such record, or cut short.
    """
    if not record or record[0] != 1:
        raise StreamBroken("no configuration record: the units have start codes, not lengths")
    try:
        found = _avcc(record) if codec == "h264" else _hvcc(record)
        return tuple(found), (record[4 if codec == "h264" else 21] & 3) + 1
    except IndexError as error:
        raise StreamBroken("its configuration record is cut short") from error


def holds_picture(packet: Buffer, codec: str) -> bool:
    """Whether there is a slice in a packet with start codes; in another codec than these two, always."""
    return bytes(memoryview(packet)[:5]) in _WITH_SLICE.get(codec, ()) or _holds(packet, codec, SLICES)


def holds_sets(packet: Buffer, codec: str) -> bool:
    """Whether there are parameter sets in a packet with start codes."""
    return _holds(packet, codec, PARAMETER_SETS)


def holds(data: bytes, codec: str, types: frozenset[int]) -> bool:
    """Whether there is a unit of one of these types in a byte stream.

    >>> holds(bytes([0, 0, 1, 0x67, 0, 0, 0, 1, 0x65, 0]), "h264", frozenset({5}))
    True
    >>> holds(bytes([0, 0, 1, 0x06]), "h264", frozenset({5}))
    False
    """
    at = data.find(_START_3)
    while 0 <= at < len(data) - 3:
        if unit_type(data[at + 3 : at + 4], codec) in types:
            return True
        at = data.find(_START_3, at + 3)
    return False


_WITH_SLICE = {
    codec: frozenset(START + bytes([first]) for first in range(256) if unit_type(bytes([first]), codec) in types)
    for codec, types in SLICES.items()
}
"""First five bytes of nearly all packets of a codec that hold a picture: the first unit tells."""


def _holds(packet: Buffer, codec: str, types: dict[str, frozenset[int]]) -> bool:
    if codec not in types:
        return True
    view, wanted = memoryview(packet), types[codec]
    for size in _HEADS_BYTES:
        if holds(bytes(view[:size]), codec, wanted):
            return True
    return len(view) > _HEADS_BYTES[-1] and holds(bytes(view), codec, wanted)


def _avcc(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            size = record[at] << 8 | record[at + 1]
            yield record[at + 2 : at + 2 + size]
            at += 2 + size


def _hvcc(record: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(record[22]):
        wanted, count, at = record[at] & 0x3F in DECODER_SETS["hevc"], record[at + 1] << 8 | record[at + 2], at + 3
        for _ in range(count):
            size = record[at] << 8 | record[at + 1]
            if wanted:
                yield record[at + 2 : at + 2 + size]
            at += 2 + size
