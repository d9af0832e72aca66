"""What the encoder writes becomes messages: one a frame, in order, each with its own time."""

from __future__ import annotations

import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from common.errors import RedactionError
from edge.jobs.live.fmp4_splitter import Fmp4Splitter, is_key
from edge.jobs.live.live_encoder import LatestFrame
from edge.redaction.encoder import FRAGMENTS, Encoder, Origin
from edge.redaction.mask_renderer import FrameFormat, paint
from protocol.live_frames import FrameType, LiveFrame

CANVAS = FrameFormat(160, 120, "yuv420p")


def frame(number: int) -> av.VideoFrame:
    picture = np.random.default_rng(number).integers(0, 255, (120, 160, 3), np.uint8)
    return av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")


def test_each_frame_is_a_piece_and_every_two_seconds_one_is_a_key_frame() -> None:
    cutter = Fmp4Splitter()
    encoder = Encoder(cutter, CANVAS, Origin(Fraction(1, 90_000), 15.0), options=FRAGMENTS, live=True, kbps=300)
    for number in range(62):
        cutter.times.append(1_000 + number)
        encoder.put(paint(frame(number), [], CANVAS, np.random.default_rng(1)), number * 6_000)
        assert len(cutter.times) <= 2, "frames wait in the encoder"
    encoder.close()
    pieces = list(cutter.ready)
    assert [it.what for it in pieces[:3]] == [FrameType.INIT, FrameType.KEY, FrameType.FRAME]
    assert [it.time_ns for it in pieces[1:]] == [1_000 + number for number in range(62)]
    assert [place for place, it in enumerate(pieces[1:]) if it.what is FrameType.KEY] == [0, 30, 60]
    sent = sum(len(it.data) for it in pieces) * 8 / (62 / 15) / 1000
    assert sent < 450, "noise is the worst that there is, and the bound holds about"


def test_bytes_may_come_in_any_pieces() -> None:
    cutter = Fmp4Splitter()
    cutter.times.extend([7, 8])

    def box(name: bytes, data: bytes) -> bytes:
        return (8 + len(data)).to_bytes(4, "big") + name + data

    key = b"\0\0\0\2\x65x"
    whole = box(b"ftyp", b"a") + box(b"moov", b"b") + box(b"moof", b"c") + box(b"mdat", key)
    for place in range(len(whole)):
        cutter.write(whole[place : place + 1])
    init, first = cutter.ready
    assert init == LiveFrame(FrameType.INIT, 0, whole[: 9 + 9])
    assert (first.what, first.time_ns, first.data) == (FrameType.KEY, 7, whole[18:])


@pytest.mark.parametrize(
    ("units", "key"),
    [(b"", False), (b"\0\0\0\2\x41x", False), (b"\0\0\0\2\x06x\0\0\0\2\x65x", True), (b"\xff\xff\xff\xff\x41", False)],
)
def test_a_key_frame_is_known_by_its_units(units: bytes, key: bool) -> None:
    assert is_key(units) is key


def test_only_the_newest_frame_waits_and_silence_is_an_end() -> None:
    newest = LatestFrame()
    for number in range(3):
        newest.put(frame(number), number)
    taken = newest.take(0.0)
    assert taken is not None
    assert taken[1] == 2
    assert newest.skipped == 2
    with pytest.raises(RedactionError, match="silent"):
        newest.take(0.0)
    threading.Timer(0.01, newest.end, ["the stream ended"]).start()
    with pytest.raises(RedactionError, match="the stream ended"):
        newest.take(20.0)


def test_an_end_without_a_problem_comes_after_the_last_frame() -> None:
    newest = LatestFrame()
    newest.put(frame(3), 3)
    newest.end()
    taken = newest.take(0.0)
    assert taken is not None
    assert taken[1] == 3
    assert newest.take(0.0) is None
