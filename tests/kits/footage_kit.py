"""What the footage benchmarks share: packets made on the spot and fed from memory, and a writer to feed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from common.clock import FakeClock
from edge.recorder.segments.timeline import RecordedPacket


@dataclass(frozen=True)
class Film:
    """An encoded clip: configuration, and (bytes, key) of each packet."""

    codec: str
    extradata: bytes
    packets: tuple[tuple[bytes, bool], ...]
    fps: int

    @property
    def bits_per_s(self) -> float:
        """Its bit rate."""
        return sum(len(data) for data, _ in self.packets) * 8 * self.fps / len(self.packets)


def film(size: tuple[int, int], fps: int, seconds: float, bit_rate: int | None = None) -> Film:
    """A moving texture in H.264, a key frame every second (every two with a bit rate), near a constant bit rate."""
    random = np.random.default_rng(5)
    ground = random.integers(0, 255, (size[1], size[0] * 2, 3), np.uint8)
    sink = io.BytesIO()
    out = av.open(sink, "w", format="mp4")
    stream = out.add_stream("libx264", rate=fps)
    stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
    stream.options = {"preset": "ultrafast", "g": str(fps * (2 if bit_rate else 1)), "bf": "0", "sc_threshold": "0"}
    if bit_rate:
        stream.bit_rate = bit_rate
        stream.options |= {"maxrate": str(bit_rate), "minrate": str(bit_rate), "bufsize": str(bit_rate // 2)}
        stream.options |= {"x264-params": "nal-hrd=cbr:force-cfr=1"}
    for number in range(round(seconds * fps)):
        left = number * 5 % size[0]
        picture = np.ascontiguousarray(ground[:, left : left + size[0]])
        out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
    out.mux(stream.encode(None))
    out.close()
    with av.open(io.BytesIO(sink.getvalue()), "r") as source:
        video = source.streams.video[0]
        found = tuple((bytes(it), bool(it.is_keyframe)) for it in source.demux(video) if it.size)
        return Film(video.codec_context.name, bytes(video.codec_context.extradata or b""), found, fps)


def items(shown: Film, clock: FakeClock, seconds: float, cameras: int) -> Iterator[RecordedPacket]:
    """Packets of several cameras in step, while the clock runs."""
    for number in range(round(seconds * shown.fps)):
        data, key = shown.packets[number % len(shown.packets)]
        ticks = clock.mono_ns * 9 // 100_000
        for camera in range(cameras):
            yield RecordedPacket(
                camera=f"cam-{camera}",
                data=data,
                pts=ticks,
                dts=ticks,
                time_base=Fraction(1, 90_000),
                key=key,
                wall_ns=clock.now_ns,
                mono_ns=clock.mono_ns,
                codec=shown.codec,
                extradata=shown.extradata,
                session=1,
            )
        clock.advance(1 / shown.fps)


class PlainWrapper:
    """Day keys as they are: the benchmarks measure no key file."""

    def wrap(self, key: bytes) -> bytes:
        """32 bytes to 40."""
        return key + bytes(8)

    def unwrap(self, wrapped: bytes) -> bytes:
        """And back."""
        return wrapped[:32]
