"""Whether a packet holds a picture: a slice in H.264 (ITU-T H.264, table 7-1) or H.265 (ITU-T H.265, table 7-1)."""

from __future__ import annotations

from edge.sources.base import VideoPacket

_HEADS_BYTES = (32, 512)
"""A slice stands first, or behind parameter sets and messages, which are short as a rule."""


_START = b"\x00\x00\x00\x01"
_SLICES = {"h264": frozenset(range(1, 6)), "hevc": frozenset(range(32))}
_SETS = {"h264": frozenset({7, 8, 13, 15}), "hevc": frozenset({32, 33, 34})}


_WITH_SLICE = {
    "h264": frozenset(_START + bytes([first]) for first in range(256) if first & 0x1F in _SLICES["h264"]),
    "hevc": frozenset(_START + bytes([first]) for first in range(256) if first >> 1 & 0x3F in _SLICES["hevc"]),
}
"""First five bytes of nearly all packets of a codec that hold a picture: the first unit tells."""


def holds_picture(packet: VideoPacket, codec: str) -> bool:
    """Whether there is a slice in it; of another codec than these two, always."""
    return bytes(memoryview(packet)[:5]) in _WITH_SLICE.get(codec, ()) or _holds(packet, codec, _SLICES)


def holds_sets(packet: VideoPacket, codec: str) -> bool:
    """Whether there are parameter sets in it."""
    return _holds(packet, codec, _SETS)


def _holds(packet: VideoPacket, codec: str, kinds: dict[str, frozenset[int]]) -> bool:
    if codec not in kinds:
        return True
    view, wanted = memoryview(packet), kinds[codec]
    for size in _HEADS_BYTES:
        if holds(bytes(view[:size]), codec, wanted):
            return True
    return len(view) > size and holds(bytes(view), codec, wanted)


def holds(data: bytes, codec: str, kinds: frozenset[int]) -> bool:
    """Whether there is a unit of one of these types in bytes with start codes.

    >>> holds(bytes([0, 0, 1, 0x67, 0, 0, 0, 1, 0x65, 0]), "h264", frozenset({5}))
    True
    >>> holds(bytes([0, 0, 1, 0x06]), "h264", frozenset({5}))
    False
    """
    at = data.find(b"\x00\x00\x01")
    while 0 <= at < len(data) - 3:
        unit = data[at + 3]
        if (unit & 0x1F if codec == "h264" else unit >> 1 & 0x3F) in kinds:
            return True
        at = data.find(b"\x00\x00\x01", at + 3)
    return False
