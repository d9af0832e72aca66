"""Small parts of the box: mailbox, clock watch, economy, decoder, priorities of the reporter."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from edge_kit import make_clip, wait_until

from common.clock import SECOND_NS, FakeClock, SystemClock
from common.errors import SourceLost, StreamBroken
from edge.monitoring.clock_step_detector import ClockStepDetector
from edge.sources import opener
from edge.sources.base import NOBODY, FakeStream, TimedPacket
from edge.video.decoder import Decoder, luma_of, picture_of
from edge.video.keyframe_mode import MAX_PACKETS, QUIET_S, KeyframeMode
from edge.video.latest_frame_queue import LatestFrameQueue


def test_the_mailbox_keeps_the_newest_and_counts_the_rest() -> None:
    box: LatestFrameQueue[int] = LatestFrameQueue()
    for number in range(5):
        box.put("a", number)
    assert box.take() == ("a", 4)
    assert box.dropped == 4


def test_the_mailbox_serves_cameras_in_turn() -> None:
    box: LatestFrameQueue[int] = LatestFrameQueue()
    served = []
    for turn in range(6):
        for camera in ("loud", "quiet"):
            box.put(camera, turn)
        taken = box.take()
        assert taken is not None
        served.append(taken[0])
        box.done(taken[0])
    assert served.count("loud") == served.count("quiet") == 3


def test_the_mailbox_lets_the_past_wait_for_its_turn() -> None:
    box: LatestFrameQueue[int] = LatestFrameQueue()
    done = threading.Event()

    def feed() -> None:
        for number in range(20):
            box.put_when_free("a", number, lambda: False)
        done.set()

    threading.Thread(target=feed, daemon=True).start()
    taken = []
    for _ in range(20):
        taken.append(box.take())
        box.done("a")
    wait_until(done.is_set)
    assert taken == [("a", number) for number in range(20)]
    assert box.dropped == 0


def test_a_camera_is_worked_on_by_one_at_a_time() -> None:
    box: LatestFrameQueue[int] = LatestFrameQueue()
    box.put("a", 1)
    assert box.take() == ("a", 1)
    box.put("a", 2)
    box.put("b", 3)
    assert box.take() == ("b", 3), "a is still being worked on"
    box.done("a")
    assert box.take() == ("a", 2)


def test_a_closed_mailbox_wakes_everybody() -> None:
    box: LatestFrameQueue[int] = LatestFrameQueue()
    threading.Timer(0.05, box.close).start()
    assert box.take() is None


@pytest.mark.parametrize(("step_s", "told"), [(0.0, False), (0.4, False), (3600.0, True), (-90.0, True)])
def test_a_step_of_the_wall_clock_is_told_once(step_s: float, told: bool) -> None:
    clock = FakeClock()
    watch = ClockStepDetector(clock)
    clock.advance(10)
    assert watch.check() is None
    clock.step_wall(step_s)
    stepped = watch.check()
    assert (stepped is not None) == told
    if stepped is not None and stepped.seconds is not None:
        assert stepped.seconds == pytest.approx(step_s)
    assert watch.check() is None


def arrivals(tmp_path: Path, seconds: float = 3.0) -> list[TimedPacket]:
    stream = opener(str(make_clip(tmp_path / "a.mp4", seconds=seconds)), NOBODY, SystemClock()).open()
    found: list[TimedPacket] = []
    with pytest.raises(SourceLost, match="ended"):
        found.extend(stream.packets())
    stream.close()
    return found


def test_a_file_gives_every_packet_with_growing_times(tmp_path: Path) -> None:
    found = arrivals(tmp_path)
    assert len(found) == 45
    times = [arrival.time_ns for arrival in found]
    assert times == sorted(set(times))
    assert (times[-1] - times[0]) / 1e9 == pytest.approx(44 / 15, abs=0.01)


def test_economy_keeps_one_group_and_gives_it_back(tmp_path: Path) -> None:
    keyframe_mode = KeyframeMode()
    for arrival in arrivals(tmp_path)[:40]:
        keyframe_mode.buffer(arrival)
    group = keyframe_mode.enter_full_decode(0)
    assert group[0].packet.is_keyframe
    assert len(group) == 10
    assert keyframe_mode.full_decode


def test_economy_is_bounded(tmp_path: Path) -> None:
    keyframe_mode = KeyframeMode()
    first, second, *_ = arrivals(tmp_path)
    keyframe_mode.buffer(first)
    for _ in range(3 * MAX_PACKETS):
        keyframe_mode.buffer(second)
    assert keyframe_mode.overflows == 1
    assert len(keyframe_mode.enter_full_decode(0)) == 1


def test_economy_falls_asleep_when_it_has_been_quiet() -> None:
    keyframe_mode = KeyframeMode()
    keyframe_mode.enter_full_decode(0)
    keyframe_mode.maybe_leave(True, 10**9)
    keyframe_mode.maybe_leave(False, 10**9 + round(QUIET_S * 1e9))
    assert keyframe_mode.full_decode
    keyframe_mode.maybe_leave(False, 10**9 + round(QUIET_S * 1e9) + 1)
    assert not keyframe_mode.full_decode


def test_a_decoder_waits_for_a_key_frame_as_long_as_it_takes(tmp_path: Path) -> None:
    decoder = Decoder("h264", b"")
    later = next(arrival for arrival in arrivals(tmp_path) if not arrival.packet.is_keyframe)
    for second in range(300):
        assert decoder.decode(later.packet, second * SECOND_NS) == []


@pytest.mark.parametrize(("packets", "apart_s", "gives_up"), [(100, 0.04, False), (400, 0.04, True), (4, 30, False)])
def test_a_decoder_gives_up_after_seconds_of_key_frames_that_cannot_be_decoded(
    packets: int, apart_s: float, gives_up: bool
) -> None:
    decoder = Decoder("h264", b"")
    broken = av.Packet(b"\x00\x00\x00\x01\x65" + bytes(50))
    broken.is_keyframe = True
    with pytest.raises(StreamBroken) if gives_up else contextlib.nullcontext():
        for number in range(packets):
            decoder.decode(broken, round(number * apart_s * SECOND_NS))  # type: ignore[arg-type]


def test_luma_and_picture_of_a_frame() -> None:
    given = np.zeros((48, 64, 3), np.uint8)
    given[:, 32:] = 255
    frame = av.VideoFrame.from_ndarray(given, format="bgr24").reformat(format="yuv420p")
    luma, picture = luma_of(frame), picture_of(frame)
    assert luma.shape == (48, 64)
    assert picture.shape == (48, 64, 3)
    assert (int(luma[10, 10]) < 30, int(luma[10, 60]) > 200) == (True, True)
    assert (picture[10, 10].max() < 20, picture[10, 60].min() > 230) == (True, True)
    grey = luma_of(av.VideoFrame.from_ndarray(given, format="bgr24"))
    assert grey.shape == (48, 64)


def test_a_fake_stream_ends_with_its_error() -> None:
    stream = FakeStream([], SourceLost("gone"))
    with pytest.raises(SourceLost):
        list(stream.packets())
