"""RTP packets for H.264 (RFC 6184, FU-A) and H.265 (RFC 7798, FU), framed for RTSP over TCP (RFC 2326, 10.12)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.media.nal import Codec

PAYLOAD_TYPE = 96
CLOCK_HZ = 90_000
MAX_PAYLOAD_BYTES = 8_000
"""Below the 8,192 that common clients take from TCP."""


@dataclass
class Packetizer:
    """Turns access units into interleaved RTP for one client.

    Attributes:
        codec: Which standard.
        ssrc: Identifies the stream to the client.
        channel: The interleaved channel that the client asked for.
        sequence: Of the next packet.
    """

    codec: Codec
    ssrc: int
    channel: int
    sequence: int = 0

    def frame(self, units: Iterable[bytes], timestamp: int) -> bytes:
        """One access unit as bytes for the connection.

        Args:
            units: NAL units without start codes.
            timestamp: Presentation time in 1/90,000 s; wraps at 32 bits.
        """
        payloads = [payload for unit in units for payload in self._fragments(unit)]
        last = len(payloads) - 1
        return b"".join(self._packet(payload, timestamp, i == last) for i, payload in enumerate(payloads))

    def _packet(self, payload: bytes, timestamp: int, marker: bool) -> bytes:
        kind = PAYLOAD_TYPE | (0x80 if marker else 0)
        header = struct.pack(">BBHII", 0x80, kind, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        return struct.pack(">cBH", b"$", self.channel, len(header) + len(payload)) + header + payload

    def _fragments(self, unit: bytes) -> Iterator[bytes]:
        if len(unit) <= MAX_PAYLOAD_BYTES:
            yield unit
            return
        head = 1 if self.codec == "h264" else 2
        body = unit[head:]
        step = MAX_PAYLOAD_BYTES - head - 1
        for at in range(0, len(body), step):
            edges = (0x80 if at == 0 else 0) | (0x40 if at + step >= len(body) else 0)
            yield self._indicator(unit, edges) + body[at : at + step]

    def _indicator(self, unit: bytes, edges: int) -> bytes:
        if self.codec == "h264":
            return bytes([(unit[0] & 0xE0) | 28, edges | (unit[0] & 0x1F)])
        return bytes([(unit[0] & 0x81) | (49 << 1), unit[1], edges | ((unit[0] >> 1) & 0x3F)])
