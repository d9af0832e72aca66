"""H.264 pictures as an MPEG program stream (ISO/IEC 13818-1, 2.5; GB/T 28181-2016, annex C). Pure.

Each picture begins with a pack header; a key picture also with the system header and the program stream map. A picture
is cut into PES packets of at most 65,535 bytes, of which the first has the time stamp.
"""

from __future__ import annotations

from collections.abc import Iterator

from aggregator.services.video_out.access_unit import AccessUnit

VIDEO_STREAM, H264 = 0xE0, 0x1B
"""Stream id of the first video (table 2-22) and stream type (table 2-34)."""
DELAY_90KHZ = 9_000
"""Presentation after arrival, 0.1 s: the system clock reference must lie before the presentation."""
RATE_50 = 20_000
"""Of the multiplex, in units of 50 bytes/s: 8 Mbit/s, more than any redacted view."""
_START = b"\x00\x00\x00\x01"
_MOST_PES = 65_000


def packs(picture: AccessUnit) -> bytes:
    """The program stream of one picture."""
    time = picture.time_90khz
    heads = _pack_header(time) + (_SYSTEM_HEADER + _STREAM_MAP if picture.key else b"")
    data = b"".join(_START + unit for unit in picture.units)
    return heads + b"".join(_pes(data, time + DELAY_90KHZ))


def _pes(data: bytes, time: int) -> Iterator[bytes]:
    """PES packets (2.4.3.6): the first is aligned with the picture and has its time."""
    for at in range(0, len(data), _MOST_PES):
        part = data[at : at + _MOST_PES]
        optional = bytes([0x84, 0x80, 5]) + _stamp(2, time) if at == 0 else bytes([0x80, 0, 0])
        size = len(optional) + len(part)
        yield b"\x00\x00\x01" + bytes([VIDEO_STREAM]) + size.to_bytes(2, "big") + optional + part


def _pack_header(time: int) -> bytes:
    """Of 14 bytes (2.5.3.3): the clock reference, the rate, no stuffing."""
    time &= (1 << 33) - 1
    clock = 1 << 46 | (time >> 30) << 43 | 1 << 42 | (time >> 15 & 0x7FFF) << 27 | 1 << 26 | (time & 0x7FFF) << 11
    clock |= 1 << 10 | 1
    return b"\x00\x00\x01\xba" + clock.to_bytes(6, "big") + (RATE_50 << 2 | 3).to_bytes(3, "big") + b"\xf8"


def _stamp(prefix: int, time: int) -> bytes:
    """33 bits of time with marker bits, in 5 bytes (2.4.3.7)."""
    time &= (1 << 33) - 1
    bits = prefix << 36 | (time >> 30) << 33 | 1 << 32 | (time >> 15 & 0x7FFF) << 17 | 1 << 16
    return (bits | (time & 0x7FFF) << 1 | 1).to_bytes(5, "big")


def _system_header() -> bytes:
    """One video stream, buffer of 400 KiB (2.5.3.5)."""
    bound = 1 << 23 | RATE_50 << 1 | 1
    flags = bytes([0x00, 0x21, 0x7F])
    buffer = bytes([VIDEO_STREAM]) + (0b11 << 14 | 1 << 13 | 400).to_bytes(2, "big")
    body = bound.to_bytes(3, "big") + flags + buffer
    return b"\x00\x00\x01\xbb" + len(body).to_bytes(2, "big") + body


def _stream_map() -> bytes:
    """Says that the video is H.264 (2.5.4.1)."""
    streams = bytes([H264, VIDEO_STREAM, 0, 0])
    body = bytes([0xE0, 0xFF, 0, 0]) + len(streams).to_bytes(2, "big") + streams
    head = b"\x00\x00\x01\xbc" + (len(body) + 4).to_bytes(2, "big") + body
    return head + _crc(head).to_bytes(4, "big")


def _crc(data: bytes) -> int:
    """CRC-32 with polynomial 0x04C11DB7, not reflected (annex A); over all of it with its CRC it is 0."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 1 << 31 else 0)) & 0xFFFFFFFF
    return crc


_SYSTEM_HEADER, _STREAM_MAP = _system_header(), _stream_map()
