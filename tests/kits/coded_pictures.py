"""Coded pictures for tests of outputs: H.264 of libx264, as access units."""

from __future__ import annotations

import functools
from fractions import Fraction
from io import BytesIO

import av
import numpy as np

from aggregator.services.video_out.access_unit import AccessUnit

SIZE, RATE = (320, 192), 15


@functools.cache
def coded_pictures(count: int = 20) -> tuple[AccessUnit, ...]:
    """Pictures of noise, so that a key picture takes many packets; a key picture every ten."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = SIZE
    context.pix_fmt, context.framerate = "yuv420p", Fraction(RATE)
    context.options = {"g": "10", "bf": "0", "preset": "ultrafast", "tune": "zerolatency", "crf": "10"}
    packets = []
    for number in range(count):
        shown = np.random.default_rng(number).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
        packets += context.encode(av.VideoFrame.from_ndarray(shown, "rgb24").reformat(format="yuv420p"))
    packets += context.encode(None)
    return tuple(
        AccessUnit(_units(bytes(it)), it.is_keyframe, number * 90_000 // RATE, 0) for number, it in enumerate(packets)
    )


def _units(data: bytes) -> tuple[bytes, ...]:
    return tuple(it.strip(b"\0") for it in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if it)


def decoded(program_stream: bytes) -> list[tuple[int, int, int]]:
    """Time (1/90,000 s), width and height of each picture that FFmpeg finds in a program stream."""
    with av.open(BytesIO(program_stream), "r", format="mpeg") as movie:
        (video,) = movie.streams.video
        assert video.codec_context.name == "h264"
        return [(frame.pts or 0, frame.width, frame.height) for frame in movie.decode(video)]
