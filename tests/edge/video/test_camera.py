"""Cameras against the real RTSP server: streams that come, end, hang, lie and change."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_kit import Served, make_clip, served, wait_until

from common.clock import SECOND_NS, SystemClock
from common.errors import SourceLost, SourceRefused, StreamBroken
from common.running.backoff import Backoff
from common.secret import Secret
from common.secret.digest import Login
from demo.media_loop import AccessUnit, Clip, load
from demo.rtsp_server.messages import Digest
from edge.monitoring.status import camera_status
from edge.settings.node import CameraSettings
from edge.sources import opener
from edge.sources.base import NOBODY, TimedPacket
from edge.video.camera_worker import CameraConnection, CameraWorker
from edge.video.decoder import picture_of
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.inference import InferenceRequest, InferenceResult
from edge.video.keyframe_mode import KeyframeMode
from edge.video.report import Report
from edge.video.tracking_stage import TrackingStage
from pipelines.camera import CameraPipeline
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.settings import HealthSettings
from pipelines.types import Detections
from protocol.envelope import UnsequencedEvent
from protocol.identifiers import from_rfc3339

WHO = Login("viewer", Secret("s3cret/@:?#"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load(make_clip(tmp_path_factory.mktemp("clip") / "a.mp4"))


@pytest.fixture(scope="module")
def hevc(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load(make_clip(tmp_path_factory.mktemp("clip") / "b.mp4", "libx265"))


@pytest.fixture
def server(clip: Clip, hevc: Clip) -> Iterator[Served]:
    with served({"a": clip, "b": hevc}) as made:
        yield made


class Rig:
    """A camera in a thread, and everything it says."""

    def __init__(self, url: str, who: Login = NOBODY, keyframe_mode: KeyframeMode | None = None) -> None:
        self.drafts: list[UnsequencedEvent] = []
        self.jobs: list[InferenceRequest] = []
        self.arrivals: list[TimedPacket] = []
        self.stop = threading.Event()
        self.tracking = TrackingStage("cam", lambda size: CameraPipeline(size, []), self._report)
        health = CameraHealth(HealthSettings())
        analyzer = FrameAnalyzer(self.tracking, health, 5, submit=self._submit, send=self.drafts.append)
        clock = SystemClock()
        self.camera = CameraWorker(
            id="cam",
            connection=CameraConnection(opener(url, who, clock), Backoff(lambda: 0.5, 0.1, 0.5), self.stop),
            analyzer=analyzer,
            keyframe_mode=keyframe_mode,
            clock=clock,
            send=self.drafts.append,
            taps=(self,),
        )
        self._thread = threading.Thread(target=self.camera.run, daemon=True)

    def packet(self, camera: str, arrival: TimedPacket) -> None:
        """The recorder's tap."""
        assert camera == "cam"
        self.arrivals.append(arrival)

    def _submit(self, request: InferenceRequest) -> None:
        self.jobs.append(request)
        self.tracking.update(InferenceResult(request, Detections.none(), picture_of(request.frame)))

    def _report(self, report: Report) -> None:
        raise AssertionError("there are no rules")

    @property
    def kinds(self) -> list[str]:
        """Kinds of the events so far."""
        return [draft.kind for draft in self.drafts]

    def __enter__(self) -> Rig:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("path", ["a", "b"])
def test_a_stream_is_tapped_decoded_and_looked_at(server: Served, path: str) -> None:
    with Rig(server.url(path)) as rig:
        wait_until(lambda: rig.camera.analyzer.looks >= 8 and rig.jobs)
        assert rig.camera.up
        assert len(rig.arrivals) >= rig.camera.counters.frames
        assert rig.kinds == ["camera.back"]
    looks_per_frame = rig.camera.analyzer.looks / rig.camera.counters.frames
    assert looks_per_frame < 0.6, "five looks a second at fifteen frames a second"


def test_a_stream_that_ends_cleanly_is_a_loss(clip: Clip) -> None:
    with served({"a": clip}) as server, Rig(server.url("a")) as rig:
        wait_until(lambda: rig.camera.up)
        server.do(server.mount("a").hang_up)
        wait_until(lambda: rig.camera.counters.reconnects >= 1)
        wait_until(lambda: rig.camera.up, what="reconnecting")
    assert "camera.lost" not in rig.kinds, "it was back before anybody would care"


def test_a_dead_server_is_reported_and_so_is_its_return(clip: Clip) -> None:
    with served({"a": clip}) as server:
        port = server.port
        rig = Rig(server.url("a"))
        rig.__enter__()
        wait_until(lambda: rig.camera.up)
    wait_until(lambda: "camera.lost" in rig.kinds, 10.0, "camera.lost within 10 s")
    assert rig.kinds.count("camera.lost") == 1
    with served({"a": clip}, port=port):
        wait_until(lambda: rig.kinds[-1] == "camera.back")
        rig.__exit__()
    assert rig.kinds == ["camera.back", "camera.lost", "camera.back"]


def test_a_server_that_hangs_is_lost_within_ten_seconds(clip: Clip) -> None:
    with served({"a": clip}) as server, Rig(server.url("a")) as rig:
        wait_until(lambda: rig.camera.up)
        server.mount("a").tamper = lambda _frame: None
        wait_until(lambda: "camera.lost" in rig.kinds, 10.0, "camera.lost within 10 s")
        server.mount("a").tamper = None
        wait_until(lambda: rig.kinds[-1] == "camera.back")


def test_garbage_in_the_stream_is_counted_and_survived(clip: Clip) -> None:
    def garble(frame: AccessUnit) -> AccessUnit:
        garbled = tuple(unit[:4] + bytes(255 - b for b in unit[4:]) for unit in frame.units[-1:])
        return dataclasses.replace(frame, units=frame.units[:-1] + garbled)

    with served({"a": clip}) as server, Rig(server.url("a")) as rig:
        wait_until(lambda: rig.camera.up)
        server.mount("a").tamper = garble
        wait_until(lambda: rig.camera.counters.broken >= 3)
        server.mount("a").tamper = None
        frames = rig.camera.counters.frames
        wait_until(lambda: rig.camera.counters.frames > frames + 20)


def test_truncated_pictures_are_survived(clip: Clip) -> None:
    def cut(frame: AccessUnit) -> AccessUnit:
        return dataclasses.replace(frame, units=tuple(unit[: max(8, len(unit) // 3)] for unit in frame.units))

    with served({"a": clip}) as server, Rig(server.url("a")) as rig:
        wait_until(lambda: rig.camera.up)
        server.mount("a").tamper = cut
        packets = rig.camera.counters.packets
        wait_until(lambda: rig.camera.counters.packets > packets + 20 or rig.camera.counters.reconnects)
        server.mount("a").tamper = None
        frames = rig.camera.counters.frames
        wait_until(lambda: rig.camera.counters.frames > frames + 20)


def test_time_stamps_that_go_back_are_counted_and_change_nothing(clip: Clip) -> None:
    def back(frame: AccessUnit) -> AccessUnit:
        return dataclasses.replace(frame, timestamp=0) if frame.timestamp % 7 == 0 else frame

    with served({"a": clip}) as server, Rig(server.url("a")) as rig:
        server.mount("a").tamper = back
        wait_until(lambda: rig.camera.analyzer.looks >= 10)
    times = [arrival.time_ns for arrival in rig.arrivals]
    assert times == sorted(times)


def test_a_resolution_that_changes_in_mid_stream_is_followed(clip: Clip, tmp_path: Path) -> None:
    other = load(make_clip(tmp_path / "c.mp4", size=(480, 272)))
    with served({"a": clip}) as server, Rig(server.url("a")) as rig:
        wait_until(lambda: any(job.frame.width == 320 for job in rig.jobs))
        frames = iter(other.frames * 50)

        def replace(frame: AccessUnit) -> AccessUnit:
            return dataclasses.replace(next(frames), timestamp=frame.timestamp)

        server.mount("a").tamper = replace
        wait_until(lambda: any(job.frame.width == 480 for job in rig.jobs))


def test_a_wrong_password_is_refused_without_telling_it(clip: Clip) -> None:
    digest = Digest(WHO.username, WHO.password.reveal(), "n0nce")
    with served({"a": clip}, digest) as server:
        with pytest.raises(SourceRefused) as caught:
            opener(server.url("a"), Login("viewer", Secret("guess")), SystemClock()).open()
        assert "guess" not in repr(caught.value)
        assert caught.value.__cause__ is None
        opener(server.url("a"), WHO, SystemClock()).open().close()


def test_a_camera_with_a_login_works(clip: Clip) -> None:
    digest = Digest(WHO.username, WHO.password.reveal(), "n0nce")
    with served({"a": clip}, digest) as server, Rig(server.url("a"), WHO) as rig:
        wait_until(lambda: rig.camera.up)
    assert "s3cret" not in repr(rig.camera)


def test_a_camera_that_refuses_the_login_says_so_in_its_state(clip: Clip) -> None:
    digest = Digest(WHO.username, WHO.password.reveal(), "n0nce")
    with served({"a": clip}, digest) as server, Rig(server.url("a"), Login("viewer", Secret("guess"))) as rig:
        wait_until(lambda: rig.camera.refused)
        assert camera_status(rig.camera, CameraSettings(id="a", url="rtsp://h/a")).state == "refused"


def test_ux_12_a_camera_without_a_picture_says_why_and_since_when(server: Served) -> None:
    before_ns = SystemClock().wall_ns()
    settings = CameraSettings(id="a", url="rtsp://h/a")
    with Rig(server.url("nowhere")) as rig:
        wait_until(lambda: rig.camera.problem != "")
        status = camera_status(rig.camera, settings)
        assert status.problem == rig.camera.problem
        assert before_ns - SECOND_NS <= from_rfc3339(status.since) <= SystemClock().wall_ns()
    with Rig(server.url("a")) as rig:
        wait_until(lambda: rig.camera.up)
        status = camera_status(rig.camera, settings)
        assert (status.since, status.problem) == ("", "")
        wait_until(lambda: camera_status(rig.camera, settings).height > 0)
        seen = camera_status(rig.camera, settings)
        assert (seen.width, seen.height) == rig.tracking.size


def test_a_path_that_is_not_there_is_refused(server: Served) -> None:
    with pytest.raises(SourceRefused):
        opener(server.url("nowhere"), NOBODY, SystemClock()).open()


def test_nobody_at_the_address_is_a_loss() -> None:
    with pytest.raises(SourceLost):
        opener("rtsp://127.0.0.1:9/x", NOBODY, SystemClock()).open()


def test_a_file_that_is_no_video_is_broken(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video at all" * 100)
    with pytest.raises(StreamBroken):
        opener(str(tmp_path / "x.mp4"), NOBODY, SystemClock()).open()


def test_one_broken_camera_leaves_the_others_alone(server: Served) -> None:
    with Rig(server.url("nowhere")) as broken, Rig(server.url("a")) as good:
        wait_until(lambda: good.camera.analyzer.looks >= 10)
        assert not broken.camera.up
        assert broken.camera.counters.reconnects >= 2
        assert good.camera.counters.reconnects == 0


def test_economy_decodes_little_while_nothing_moves_and_tells_the_true_time(clip: Clip) -> None:
    still = clip.frames[0]
    told, moving = threading.Event(), threading.Event()

    def freeze(frame: AccessUnit) -> AccessUnit | None:
        if moving.is_set():
            return frame
        if frame.key and told.is_set():
            moving.set()  # from the next picture on: a whole second before the next key frame
        return dataclasses.replace(still, timestamp=frame.timestamp) if frame.key else None

    with served({"a": clip}) as server, Rig(server.url("a"), keyframe_mode=KeyframeMode()) as rig:
        server.mount("a").tamper = freeze
        wait_until(lambda: rig.camera.counters.frames >= 3)
        assert not rig.jobs
        told.set()
        wait_until(moving.is_set)
        before = len(rig.arrivals)
        wait_until(lambda: rig.jobs, what="waking up")
    woke_ns = next(a.time_ns for a in rig.arrivals[before + 2 :] if a.packet.is_keyframe)
    assert rig.jobs[0].plan.time_ns < woke_ns, "seen in the packets that were kept, at their own time"
