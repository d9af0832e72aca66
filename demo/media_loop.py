"""A clip in memory, ready to be served in an endless, seamless loop."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av

from common.errors import SourceError, StreamBroken
from demo.rtsp_server.audio_rtp import ClipSound, sound_of
from demo.rtsp_server.rtp import CLOCK_HZ, PAYLOAD_TYPE
from edge.media.nal import Codec, configuration_record, prefixed_units

_META = ("m=application 0 RTP/AVP 107", "a=rtpmap:107 vnd.onvif.metadata/90000", "a=control:meta")


@dataclass(frozen=True)
class AccessUnit:
    """One coded picture.

    Attributes:
        units: NAL units; a key frame has the parameter sets first.
        key: It can be decoded without others.
        send_s: When it is due, seconds after the clip's start (decoding order).
        timestamp: Presentation time, 1/90,000 s after the clip's start.
    """

    units: tuple[bytes, ...]
    key: bool
    send_s: float
    timestamp: int


@dataclass(frozen=True)
class Clip:
    """All access units of a file's video.

    Attributes:
        codec: Which standard.
        sets: Parameter sets as NAL units without start codes (SPS, PPS; for H.265 VPS first).
        frames: In decoding order; the first is a key frame.
        length_s: Duration of one repetition.
        sound: None: silent.
        more: Further sound tracks, `audio1` and so on in `order`.
        order: Tracks as they are described: `video`, `audio`, `audio1`…, `meta` for one that sends nothing.
    """

    codec: Codec
    sets: tuple[bytes, ...]
    frames: tuple[AccessUnit, ...]
    length_s: float
    sound: ClipSound | None = None
    more: tuple[ClipSound, ...] = ()
    order: tuple[str, ...] = ("video", "audio")

    @property
    def sounds(self) -> dict[str, ClipSound]:
        """Sound tracks by the names that SETUP asks for."""
        further = {f"audio{number}": it for number, it in enumerate(self.more, 1)}
        return ({"audio": self.sound} if self.sound else {}) | further

    def sdp(self, address: str) -> str:
        """The session description (RFC 4566) for DESCRIBE."""
        sets = [base64.b64encode(unit).decode() for unit in self.sets]
        if self.codec == "h264":
            form, name = f"packetization-mode=1;sprop-parameter-sets={','.join(sets)}", "H264"
        else:
            keys = ("sprop-vps", "sprop-sps", "sprop-pps")
            form, name = ";".join(f"{key}={value}" for key, value in zip(keys, sets, strict=False)), "H265"
        lines = ["v=0", f"o=- 0 0 IN IP4 {address}", "s=Paifang demonstration", f"c=IN IP4 {address}", "t=0 0"]
        video = [f"m=video 0 RTP/AVP {PAYLOAD_TYPE}", f"a=rtpmap:{PAYLOAD_TYPE} {name}/{CLOCK_HZ}"]
        video += [f"a=fmtp:{PAYLOAD_TYPE} {form}", "a=control:video"]
        descriptions = {"video": video, "meta": list(_META)} | {name: it.sdp(name) for name, it in self.sounds.items()}
        lines += [line for name in self.order for line in descriptions.get(name, [])]
        return "\r\n".join([*lines, ""])


def load(path: Path, sound: bool = False) -> Clip:
    """Read a clip, with its audio if `sound`.

    Raises:
        SourceError: Not a video file, or not H.264 or H.265 in MP4 (`demo.sample_clips.prepare` makes one).
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            codec = stream.codec_context.name
            if codec not in ("h264", "hevc"):
                raise ValueError(f"{codec} is neither H.264 nor H.265")
            sets, length_bytes = configuration_record(bytes(stream.codec_context.extradata or b""), codec)
            rate = Fraction(stream.average_rate or 15)
            frames = _frames([p for p in container.demux(stream) if p.size], sets, length_bytes, rate)
        audio = sound_of(str(path)) if sound else None
    except (av.error.FFmpegError, StreamBroken, ValueError, IndexError, OSError) as error:
        raise SourceError(f"{path}: cannot be served: {error}") from error
    return Clip(cast(Codec, codec), sets, tuple(frames), frames[-1].send_s + float(1 / rate), audio)


def _frames(
    packets: list[av.Packet[av.VideoStream]], sets: tuple[bytes, ...], length_bytes: int, rate: Fraction
) -> list[AccessUnit]:
    """Access units from the first key frame on; times start at zero."""
    while packets and not packets[0].is_keyframe:
        packets.pop(0)
    if not packets:
        raise ValueError("no key frame")
    base = Fraction(packets[0].time_base or Fraction(1, CLOCK_HZ))
    first = _time(packets[0].dts, packets[0].pts, 0, base, rate)
    frames = []
    for i, packet in enumerate(packets):
        sent = _time(packet.dts, packet.pts, i, base, rate) - first
        shown = _time(packet.pts, packet.dts, i, base, rate) - first
        units = tuple(prefixed_units(bytes(packet), length_bytes))
        if packet.is_keyframe:
            units = (*sets, *units)
        frames.append(AccessUnit(units, packet.is_keyframe, float(sent), round(shown * CLOCK_HZ)))
    return frames


def _time(first: int | None, second: int | None, index: int, base: Fraction, rate: Fraction) -> Fraction:
    ticks = first if first is not None else second
    return ticks * base if ticks is not None else index / rate
