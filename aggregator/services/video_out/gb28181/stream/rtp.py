"""RTP packets of a program stream (RFC 3550, section 5.1), and their frames over TCP (RFC 4571). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MOST_PAYLOAD = 1_400
"""With RTP, UDP and IP headers it fits into an Ethernet frame, also through a tunnel."""


@dataclass
class RtpPackets:
    """Numbers the packets of one stream.

    Args:
        payload_type: Of the offer, 96 as a rule.
        ssrc: Of the offer.
        sequence: Of the first packet; random (section 5.1).
    """

    payload_type: int
    ssrc: int
    sequence: int

    def cut(self, data: bytes, time_90khz: int) -> Iterator[bytes]:
        """The packets of one picture; the last one has the marker."""
        for at in range(0, len(data), MOST_PAYLOAD):
            marker = 0x80 if at + MOST_PAYLOAD >= len(data) else 0
            head = bytes([0x80, marker | self.payload_type]) + (self.sequence & 0xFFFF).to_bytes(2, "big")
            self.sequence += 1
            stamp = (time_90khz & 0xFFFFFFFF).to_bytes(4, "big")
            yield head + stamp + self.ssrc.to_bytes(4, "big") + data[at : at + MOST_PAYLOAD]


def framed(packet: bytes) -> bytes:
    """A packet with its length before it."""
    return len(packet).to_bytes(2, "big") + packet
