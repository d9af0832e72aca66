"""While nothing moves, pictures between two looks are decoded together with the one that is looked at."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from edge_kit import make_clip

from common.clock import FakeClock
from common.errors import SourceLost
from common.running.backoff import Backoff
from edge.sources.base import NOBODY, TimedPacket
from edge.sources.file import FileOpener
from edge.video.camera_worker import CameraConnection, CameraWorker
from edge.video.decoder import picture_of
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.inference import InferenceRequest, InferenceResult
from edge.video.tracking_stage import TrackingStage
from pipelines.camera import CameraPipeline
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.settings import HealthSettings
from pipelines.types import Detections


@dataclass
class Tap:
    """Packets that were not decoded when the next one came, and the looks until then."""

    worker: CameraWorker | None = None
    waiting: list[int] = field(default_factory=list)
    active: list[bool] = field(default_factory=list)

    def packet(self, camera: str, arrival: TimedPacket) -> None:
        """One packet, as it came."""
        assert camera == "cam"
        assert self.worker is not None
        assert arrival.packet.size
        self.waiting.append(self.worker.counters.packets - 1 - self.worker.counters.frames)
        self.active.append(self.worker.analyzer.active)


def watched(path: Path, looks_per_s: float = 5) -> tuple[CameraWorker, Tap]:
    """A camera that has watched a whole file."""

    def submit(request: InferenceRequest) -> None:
        tracking.update(InferenceResult(request, Detections.none(), picture_of(request.frame)))

    tracking = TrackingStage("cam", lambda size: CameraPipeline(size, []), lambda _report: None)

    tap, clock = Tap(), FakeClock()
    health = CameraHealth(HealthSettings())
    analyzer = FrameAnalyzer(tracking, health, looks_per_s, submit=submit, send=lambda _draft: None)
    tap.worker = CameraWorker(
        id="cam",
        connection=CameraConnection(FileOpener(str(path), NOBODY, clock), Backoff(random.random), threading.Event()),
        analyzer=analyzer,
        keyframe_mode=None,
        clock=clock,
        send=lambda _draft: None,
        taps=(tap,),
    )
    with pytest.raises(SourceLost):
        tap.worker.run_once()
    return tap.worker, tap


def test_nothing_moves_and_pictures_are_decoded_in_groups(tmp_path: Path) -> None:
    worker, tap = watched(make_clip(tmp_path / "still.mp4", moving=False))
    assert set(tap.waiting) == {0, 1, 2}, "fifteen pictures a second, five looks"
    assert worker.counters.frames + len(worker._undecoded) == worker.counters.packets
    assert worker.counters.broken == 0


def test_each_picture_is_decoded_at_once_while_something_moves(tmp_path: Path) -> None:
    _, tap = watched(make_clip(tmp_path / "moving.mp4"))
    busy = [waiting for waiting, active in zip(tap.waiting, tap.active, strict=True) if active]
    assert len(busy) > 10
    assert set(busy) == {0}


def test_few_packets_wait_however_seldom_a_camera_is_looked_at(tmp_path: Path) -> None:
    _, tap = watched(make_clip(tmp_path / "still.mp4", moving=False), looks_per_s=0.2)
    assert max(tap.waiting) == 16
