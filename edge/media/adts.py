"""AAC with a header before each frame (ADTS, ISO/IEC 14496-3, 1.A.2), as transport streams carry it, for an MP4."""

from __future__ import annotations

from typing import cast

import av


def described(packet: bytes) -> bytes:
    """The AudioSpecificConfig that a packet's header tells; empty: it has none.

    >>> described(bytes.fromhex("fff15080041ffc")).hex()
    '1210'
    """
    if len(packet) < 7 or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return b""
    kind, rate = (packet[2] >> 6) + 1, packet[2] >> 2 & 15
    channels = (packet[2] & 1) << 2 | packet[3] >> 6
    return bytes([kind << 3 | rate >> 1, (rate & 1) << 7 | channels << 3])


def bare(packet: av.Packet[av.AudioStream]) -> av.Packet[av.AudioStream]:
    """The packet without its header; itself where it has none."""
    data = bytes(packet)
    if not described(data):
        return packet
    plain = cast("av.Packet[av.AudioStream]", av.Packet(data[7 if data[1] & 1 else 9 :]))
    plain.pts, plain.dts, plain.duration, plain.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    plain.is_keyframe = True
    return plain
