"""A clip's sound for the RTSP server: AAC (RFC 3640) or G.711 A-law (RFC 3551), as cameras send it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction

import av

AAC_TYPE, ALAW_TYPE = 97, 8


@dataclass(frozen=True)
class AudioClip:
    """One packet of sound.

    Attributes:
        data: One frame of AAC, or some samples.
        send_s: When it is due, seconds after the clip's start.
        timestamp: The same in samples.
    """

    data: bytes
    send_s: float
    timestamp: int


@dataclass(frozen=True)
class ClipSound:
    """A clip's sound track.

    Attributes:
        codec: `aac` or `pcm_alaw`.
        rate: Samples a second.
        channels: 1 or more.
        config: AudioSpecificConfig; empty for G.711.
        frames: In order.
    """

    codec: str
    rate: int
    channels: int
    config: bytes
    frames: tuple[AudioClip, ...]

    def sdp(self, name: str = "audio") -> list[str]:
        """Its lines in the session description; `name`: what SETUP asks for."""
        if self.codec == "pcm_alaw":
            return [f"m=audio 0 RTP/AVP {ALAW_TYPE}", f"a=rtpmap:{ALAW_TYPE} PCMA/{self.rate}", f"a=control:{name}"]
        form = f"streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={self.config.hex()}"
        lines = [f"m=audio 0 RTP/AVP {AAC_TYPE}", f"a=rtpmap:{AAC_TYPE} mpeg4-generic/{self.rate}/{self.channels}"]
        return [*lines, f"a=fmtp:{AAC_TYPE} {form}", f"a=control:{name}"]


@dataclass
class SoundPacketizer:
    """Packets of sound as interleaved RTP for one client.

    Attributes:
        codec: See `ClipSound`.
        ssrc: Identifies the stream to the client.
        channel: The interleaved channel that the client asked for.
    """

    codec: str
    ssrc: int
    channel: int
    _sequence: int = field(default=0)

    def packet(self, data: bytes, timestamp: int) -> bytes:
        """One packet as bytes for the connection."""
        kind = (AAC_TYPE if self.codec == "aac" else ALAW_TYPE) | 0x80
        head = struct.pack(">HH", 16, len(data) << 3) if self.codec == "aac" else b""
        header = struct.pack(">BBHII", 0x80, kind, self._sequence, timestamp & 0xFFFFFFFF, self.ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        body = header + head + data
        return struct.pack(">cBH", b"$", self.channel, len(body)) + body


def sound_of(path: str) -> ClipSound | None:
    """A file's sound, where it has any that can be served.

    Raises:
        av.error.FFmpegError: Not a file that can be read.
    """
    with av.open(path) as container:
        tracks = [it for it in container.streams.audio if it.codec_context.name in ("aac", "pcm_alaw")]
        if not tracks:
            return None
        track, context = tracks[0], tracks[0].codec_context
        frames, base = [], Fraction(track.time_base or Fraction(1, context.sample_rate))
        for packet in container.demux(track):
            if packet.size and packet.pts is not None and packet.pts >= 0:
                at = packet.pts * base
                data = bytes(packet)
                frames.append(AudioClip(data, float(at), round(at * context.sample_rate)))
        config = bytes(context.extradata or b"")
        return ClipSound(context.name, context.sample_rate, context.channels, config, tuple(frames))
