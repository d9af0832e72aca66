"""NAL units, as far as a recorder needs them: byte-stream form (H.264/H.265 annex B) and parameter sets.

Configuration records after ISO/IEC 14496-15.

Nothing inside a unit is touched: SEI and slices pass as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from common.errors import StreamBroken

START = b"\x00\x00\x00\x01"
_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}
_SLICES = {"h264": frozenset({1, 5}), "hevc": frozenset(range(32))}


def kind(unit: bytes, codec: str) -> int:
    """The unit's type number."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def units(data: bytes) -> Iterator[bytes]:
    """The units of a byte stream, without start codes."""
    at = data.find(b"\x00\x00\x01")
    while at >= 0:
        following = data.find(b"\x00\x00\x01", at + 3)
        unit = data[at + 3 : following if following >= 0 else len(data)]
        if following >= 0:
            unit = unit.rstrip(b"\x00")
        if unit:
            yield unit
        at = following


def parameter_sets(key_frame: bytes, codec: str) -> bytes:
    """The parameter sets before a key frame's first slice, as a byte stream; empty where there are none."""
    found = []
    for unit in units(key_frame):
        number = kind(unit, codec)
        if number in _SETS[codec]:
            found.append(START + unit)
        elif number in _SLICES[codec]:
            break
    return b"".join(found)


def configuration(extradata: bytes, codec: str) -> tuple[bytes, int]:
    """Parameter sets as a byte stream, and how many bytes the packets' lengths have (0: a byte stream already).

    Raises:
        StreamBroken: The configuration record is cut short.
    """
    if not extradata or extradata[0] != 1:
        return extradata, 0
    try:
        found = _avcc(extradata) if codec == "h264" else _hvcc(extradata)
        return b"".join(START + unit for unit in found), (extradata[4 if codec == "h264" else 21] & 3) + 1
    except IndexError as error:
        raise StreamBroken("its configuration record is cut short") from error


def to_byte_stream(data: bytes, length_bytes: int) -> bytes:
    """A packet with lengths before its units as one with start codes; one that has them stays as it is."""
    if not length_bytes:
        return data
    out, at = bytearray(), 0
    while at + length_bytes <= len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        out += START + data[at : at + size]
        at += size
    return bytes(out)


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
        wanted, count, at = record[at] & 0x3F in _SETS["hevc"], record[at + 1] << 8 | record[at + 2], at + 3
        for _ in range(count):
            size = record[at] << 8 | record[at + 1]
            if wanted:
                yield record[at + 2 : at + 2 + size]
            at += 2 + size
