"""H.264 in RTP packets (RFC 3550, RFC 6184) and its description (RFC 8866). Pure."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.fmp4_reader import VideoFormat
from common.clock import SECOND_NS

PAYLOAD_TYPE, MOST_PAYLOAD = 96, 1400
"""Bytes of a payload: a packet fits an Ethernet frame, also where a receiver sends it on by UDP."""
_FU_A = 28
_VERSION = 0x80
_SENDER_REPORT = 200
_NTP_EPOCH_S = 2_208_988_800
"""From 1900 to 1970."""


@dataclass
class RtpPacker:
    """Packs the pictures of one stream.

    Args:
        ssrc: Its synchronisation source, random.
        sequence: Its first sequence number, random.
        start: Its first RTP time, random.
    """

    ssrc: int
    sequence: int
    start: int
    _packets: int = 0
    _octets: int = 0

    def packets(self, unit: AccessUnit, time_90khz: int) -> Iterator[bytes]:
        """The packets of a picture: single NAL units (RFC 6184, section 5.6), or fragments FU-A (section 5.8)."""
        payloads = [it for nal in unit.units for it in _payloads(nal)]
        for number, payload in enumerate(payloads, 1):
            marker = 0x80 if number == len(payloads) else 0
            head = struct.pack(
                ">BBHII", _VERSION, marker | PAYLOAD_TYPE, self.sequence, self._rtp_time(time_90khz), self.ssrc
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
            self._packets, self._octets = self._packets + 1, self._octets + len(payload)
            yield head + payload

    def sender_report(self, time_90khz: int, wall_ns: int) -> bytes:
        """Which wall clock time a picture has (RFC 3550, section 6.4.1), and the name of the source (section 6.5)."""
        seconds, rest_ns = divmod(wall_ns, SECOND_NS)
        report = struct.pack(
            ">BBHIIIIII", _VERSION, _SENDER_REPORT, 6, self.ssrc, (seconds + _NTP_EPOCH_S) & 0xFFFFFFFF,
            (rest_ns << 32) // SECOND_NS, self._rtp_time(time_90khz), self._packets & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
        )  # fmt: skip
        name = f"{self.ssrc:08x}".encode()
        items = struct.pack(">IBB", self.ssrc, 1, len(name)) + name
        items += bytes(4 - len(items) % 4)
        return report + struct.pack(">BBH", _VERSION | 1, 202, len(items) // 4) + items

    def _rtp_time(self, time_90khz: int) -> int:
        return (self.start + time_90khz) & 0xFFFFFFFF


def _payloads(nal: bytes) -> Iterator[bytes]:
    if len(nal) <= MOST_PAYLOAD:
        yield nal
        return
    indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & 31
    for at in range(1, len(nal), MOST_PAYLOAD - 2):
        piece = nal[at : at + MOST_PAYLOAD - 2]
        begins, ends = at == 1, at + len(piece) == len(nal)
        yield bytes([indicator, begins << 7 | ends << 6 | kind]) + piece


def describe(form: VideoFormat, session_id: int) -> str:
    """The session description (RFC 8866) with the format parameters of RFC 6184, section 8.1."""
    sets = ",".join(base64.b64encode(it).decode() for it in (form.sps, form.pps))
    lines = [
        "v=0", f"o=- {session_id} 1 IN IP4 0.0.0.0", "s=live", "c=IN IP4 0.0.0.0", "t=0 0",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}", f"a=rtpmap:{PAYLOAD_TYPE} H264/90000",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={form.avcc[1:4].hex()};"
        f"sprop-parameter-sets={sets}",
        "a=control:streamid=0",
    ]  # fmt: skip
    return "\r\n".join(lines) + "\r\n"
