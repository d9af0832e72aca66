"""A file through one camera's pipeline, as fast as possible: analyzer, detector and rules as live, in one thread.

Inspections are paced by the file's own time stamps, never by a clock: the same file gives the same events every time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import ThreadType

from common.clock import SECOND_NS
from common.errors import SourceLost
from edge.media.orientation import shown
from edge.settings.node import CameraSettings
from edge.sources.container import ContainerStream, open_video
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.inference import InferenceRequest, SizedDetector, run_inference
from edge.video.report import Report
from edge.video.tracking_stage import TrackingStage
from pipelines.camera import CameraPipeline
from pipelines.camera_tamper_detector import CameraHealth
from protocol.envelope import UnsequencedEvent

PipelineMaker = Callable[[tuple[int, int]], CameraPipeline]
"""Makes the pipeline for a picture of a given width and height: `edge.app.pipeline_maker`."""


@dataclass
class Replay:
    """One file, once.

    Args:
        camera: The camera with its zones and lines.
        make_pipeline: Of that camera.
        detector: Finds persons and vehicles.
        start_ns: When the file's first picture was taken, UTC nanoseconds; schedules and events go by it.

    Attributes:
        frames: Pictures decoded so far.
        seconds: Time within the file so far.
        broken: Packets that could not be decoded.
        analyzer: The camera's analyzer.
    """

    camera: CameraSettings
    make_pipeline: PipelineMaker
    detector: SizedDetector
    start_ns: int = 0
    frames: int = 0
    seconds: float = 0.0
    broken: int = 0
    analyzer: FrameAnalyzer = field(init=False)
    _tracking: TrackingStage = field(init=False)
    _first_s: float = 0.0
    _events: list[UnsequencedEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        health = CameraHealth(self.camera.health)
        self._tracking = TrackingStage(self.camera.id, self.make_pipeline, self._report)
        self.analyzer = FrameAnalyzer(
            self._tracking, health, self.camera.looks_per_s, submit=self._inspect, send=self._events.append
        )

    def run(self, file: Path) -> Iterator[UnsequencedEvent]:
        """Events of the file, without pictures, in the order in which they are known.

        Raises:
            SourceError: It cannot be opened, holds no video, or breaks off.
            ModelError: The detector cannot run.
        """
        container = open_video(str(file), file.name, {}, None)
        try:
            stream = ContainerStream(container, file.name)
            step_s = 1 / float(stream.video.average_rate or 15)
            for frame in self._frames_of(stream):
                self._analyze(frame, stream.time_base, step_s)
                yield from self._drain()
        finally:
            container.close()

    def _frames_of(self, stream: ContainerStream) -> Iterator[av.VideoFrame]:
        """Decoded pictures; what cannot be decoded is counted and passed over.

        Unlike a live stream, a file may hold a codec that only the container knows how to set up.
        """
        context = stream.video.codec_context
        context.thread_count, context.thread_type = 1, ThreadType.NONE
        context.options = {"skip_loop_filter": "all"}
        with contextlib.suppress(SourceLost):  # the end of the file
            for packet in stream.demux():
                try:
                    frames = context.decode(packet)
                except (av.error.FFmpegError, ValueError):
                    self.broken += 1
                    continue
                yield from (shown(frame, context.sample_aspect_ratio) for frame in frames)
        yield from (shown(frame, context.sample_aspect_ratio) for frame in context.decode(None))

    def _analyze(self, frame: av.VideoFrame, time_base: Fraction, step_s: float) -> None:
        frame_s = None if frame.pts is None else float(frame.pts * time_base)
        if not self.frames:
            self._first_s = frame_s or 0.0
        elif frame_s is not None and frame_s - self._first_s > self.seconds:
            self.seconds = frame_s - self._first_s
        else:
            self.seconds += step_s
        self.frames += 1
        self.analyzer.process(frame, self.start_ns + round(self.seconds * SECOND_NS))

    def _inspect(self, request: InferenceRequest) -> None:
        self._tracking.update(run_inference(self.detector, request))

    def _report(self, report: Report) -> None:
        self._events += [UnsequencedEvent(report.camera, finding.data, finding.time_ns) for finding in report.findings]

    def _drain(self) -> list[UnsequencedEvent]:
        events, self._events[:] = list(self._events), []
        return events


def replay(
    camera: CameraSettings, make_pipeline: PipelineMaker, file: Path, detector: SizedDetector, start_ns: int = 0
) -> Iterator[UnsequencedEvent]:
    """Events that a camera would have sent, had it seen `file`; see `Replay`."""
    return Replay(camera, make_pipeline, detector, start_ns).run(file)
