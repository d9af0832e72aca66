"""The analyzer: pacing, a clock that is set back, a new size, and a detector's thread that survives a broken frame."""

from __future__ import annotations

import av
import numpy as np
import pytest
from edge_kit import wait_until

from common.clock import SECOND_NS
from common.errors import ModelError
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.inference import FixedSizeAdapter, InferencePool, InferenceRequest, InferenceResult
from edge.video.latest_frame_queue import LatestFrameQueue
from edge.video.report import Report
from edge.video.tracking_stage import TrackingStage
from pipelines.camera import CameraPipeline
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.settings import HealthSettings
from pipelines.types import Detections, Picture
from protocol.envelope import UnsequencedEvent

START_NS = 1_700_000_000 * SECOND_NS


class Rig:
    """An analyzer and everything it hands over."""

    def __init__(self, looks_per_s: float = 5) -> None:
        self.jobs: list[InferenceRequest] = []
        self.reports: list[Report] = []
        self.drafts: list[UnsequencedEvent] = []
        self.pipelines: list[CameraPipeline] = []
        health = CameraHealth(HealthSettings(frozen_s=5))
        self.tracking = TrackingStage("cam", self._make, self.reports.append)
        self.analyzer = FrameAnalyzer(self.tracking, health, looks_per_s, self.jobs.append, self.drafts.append)

    def _make(self, size: tuple[int, int]) -> CameraPipeline:
        self.pipelines.append(CameraPipeline(size, []))
        return self.pipelines[-1]


def picture(number: int, size: tuple[int, int] = (320, 240)) -> av.VideoFrame:
    """Noise that is new in every picture, with a square that walks."""
    values = np.random.default_rng(number).integers(60, 70, (size[1], size[0], 3), np.uint8)
    left = 10 + 8 * number % (size[0] - 60)
    values[80:140, left : left + 40] = 220
    return av.VideoFrame.from_ndarray(values, format="bgr24").reformat(format="yuv420p")


@pytest.mark.parametrize(
    ("fps", "looks_per_s", "expected"), [(15, 5, 5), (25, 5, 5), (12.5, 5, 5), (10, 5, 5), (4, 5, 4)]
)
def test_looks_are_paced(fps: float, looks_per_s: float, expected: float) -> None:
    rig = Rig(looks_per_s)
    jitter = np.random.default_rng(0).integers(-10_000_000, 10_000_000, round(fps * 20))
    for number in range(round(fps * 20)):
        rig.analyzer.process(picture(0), START_NS + round(number / fps * SECOND_NS) + int(jitter[number]))
    assert rig.analyzer.looks / 20 == pytest.approx(expected, rel=0.12)


def test_what_moves_becomes_a_job() -> None:
    rig = Rig()
    for number in range(10):
        rig.analyzer.process(picture(number), START_NS + number * SECOND_NS // 5)
    assert len(rig.jobs) >= 7
    assert not rig.jobs[0].past


def test_a_clock_that_is_set_back_starts_the_tracks_again_and_does_not_stop_the_eye() -> None:
    rig = Rig()
    for number in range(10):
        rig.analyzer.process(picture(number), START_NS + number * SECOND_NS // 5)
    looks = rig.analyzer.looks
    for number in range(10):
        rig.analyzer.process(picture(number), START_NS - 3600 * SECOND_NS + number * SECOND_NS // 5)
    assert rig.analyzer.looks >= looks + 9
    assert len(rig.pipelines) == 2


def test_health_keeps_its_own_time_when_the_clock_is_set_back() -> None:
    rig = Rig()
    times = [n * SECOND_NS for n in range(12)] + [(n - 5000) * SECOND_NS for n in range(20)]
    for number, at in enumerate(times):
        shown = picture(number if number < 12 else 99)
        rig.analyzer.process(shown, START_NS + at)
    assert "camera.frozen" in [draft.kind for draft in rig.drafts]


def test_a_new_size_is_a_new_pipeline_and_old_jobs_are_dropped() -> None:
    rig = Rig()
    for number in range(4):
        rig.analyzer.process(picture(number), START_NS + number * SECOND_NS)
    old = rig.jobs[-1]
    for number in range(4, 8):
        rig.analyzer.process(picture(number, (480, 272)), START_NS + number * SECOND_NS)
    rig.tracking.update(InferenceResult(old, Detections.none(), np.zeros((240, 320, 3), np.uint8)))
    assert [pipeline.size for pipeline in rig.pipelines] == [(320, 240), (480, 272)]
    assert rig.tracking.inspected == 0


class Moody:
    """A detector that fails in two ways, then works."""

    def __init__(self) -> None:
        self.errors: list[Exception] = [ModelError("x"), RuntimeError("a mistake of ours")]

    def detect(self, picture: Picture) -> Detections:
        if self.errors:
            raise self.errors.pop()
        return Detections.none()


def test_a_frame_that_fails_does_not_end_the_looks_at_the_others() -> None:
    rig = Rig()
    results: list[tuple[str, InferenceRequest]] = []

    def delivered(camera: str, result: InferenceResult) -> None:
        results.append((camera, result.request))

    mailbox: LatestFrameQueue[InferenceRequest] = LatestFrameQueue()
    inference = InferencePool(FixedSizeAdapter(Moody()), mailbox, delivered)
    inference.start()
    for number in range(10):
        rig.analyzer.process(picture(number), START_NS + number * SECOND_NS // 5)
    for job in rig.jobs[:4]:
        mailbox.put_when_free("cam", job, lambda: False)
    wait_until(lambda: inference.jobs == 2)
    inference.stop()
    assert inference.failures == 2
    assert results == [("cam", request) for request in rig.jobs[2:4]]
