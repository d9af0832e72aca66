"""Analyzes one camera's decoded frames: motion, camera faults, and which frames go to the detector."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import av

from common.clock import SECOND_NS
from edge.video.decoder import luma_of, picture_of
from pipelines.camera import CameraPipeline, InferencePlan
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.findings import Finding
from pipelines.motion_detector import to_grid
from pipelines.plates.plate_tracking import Vehicle
from pipelines.types import Box, Detections, Luma, Picture
from protocol.envelope import UnsequencedEvent
from protocol.event_types import Data

VEHICLES = frozenset({"car", "bus", "truck", "motorcycle"})
HEALTH_EVERY_NS = 2 * SECOND_NS
PACE = 0.96
"""Inspections are this much closer together than configured, so that enough remain when one is dropped."""
STEP_NS = SECOND_NS
"""A larger step back of the wall clock starts the tracks again."""


@dataclass(frozen=True)
class InferenceRequest:
    """A frame for the detector.

    Attributes:
        analyzer: Of the camera.
        frame: The decoded picture.
        request: The views to inspect.
        past: The frame was kept and decoded late; a newer frame must not replace it.
    """

    analyzer: FrameAnalyzer
    frame: av.VideoFrame
    request: InferencePlan
    past: bool = False


@dataclass(frozen=True)
class Passing:
    """What a gate decided about a vehicle.

    Attributes:
        data: The event's data.
        box: The vehicle or its plate, pixels.
        time_ns: When it was seen.
    """

    data: Data
    box: Box
    time_ns: int


@dataclass(frozen=True)
class Report:
    """Findings of one inspection.

    Attributes:
        camera: The camera's id.
        findings: What the rules found, or a gate decided.
        picture: The frame, H x W x 3 uint8 BGR, not redacted: it must not leave the box.
        people: Boxes of the persons in it, pixels.
        plates: Boxes of known plates, pixels; masked whether or not the redactor detects them.
    """

    camera: str
    findings: Sequence[Finding | Passing]
    picture: Picture
    people: tuple[Box, ...]
    plates: tuple[Box, ...] = ()


class FrameObserver(Protocol):
    """Gets every decoded frame and motion of a gate camera. Must be quick and never raise."""

    def frame(self, frame: av.VideoFrame, time_ns: int) -> None:
        """One decoded frame, before it is analyzed."""

    def moved(self, time_ns: int) -> None:
        """Something moved in the picture."""

    def vehicles(self, vehicles: tuple[Vehicle, ...], time_ns: int) -> None:
        """The vehicles that are tracked now."""


@dataclass
class FrameAnalyzer:
    """Gate, health and pipeline of one camera. The pipeline is shared with the detector's thread, under a lock.

    Args:
        camera: The camera's id.
        make_pipeline: A new pipeline for a picture of this width and height.
        health: The camera's health.
        looks_per_s: Inspections a second.
        submit: Queues a frame for the detector.
        report: Takes findings with their frame.
        send: Takes events that need no picture.
        watcher: The plate reader, where the camera is a gate.
    """

    camera: str
    make_pipeline: Callable[[tuple[int, int]], CameraPipeline]
    health: CameraHealth
    looks_per_s: float
    submit: Callable[[InferenceRequest], None]
    report: Callable[[Report], None]
    send: Callable[[UnsequencedEvent], None]
    watcher: FrameObserver | None = None
    looks: int = 0
    inspected: int = 0
    active: bool = False
    _pipeline: CameraPipeline | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next_ns: int = 0
    _seen_ns: int = 0
    _watched_ns: int = 0
    _health_ns: int = 0
    _interval_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._interval_ns = round(SECOND_NS / self.looks_per_s * PACE)

    def see(self, frame: av.VideoFrame, time_ns: int, past: bool = False, grid: Luma | None = None) -> None:
        """Take a decoded picture; most are passed over at once.

        Args:
            frame: Any size; a new size starts the learning again.
            time_ns: When it was seen, UTC nanoseconds; a step back starts the pacing again.
            past: It was kept and decoded late.
            grid: The frame's `to_grid`, where the caller has it.
        """
        if self.watcher is not None:
            self.watcher.frame(frame, time_ns)
        if not self._is_due(time_ns):
            return
        interval_ns = self._interval_ns
        # Pace on a grid with a slack of a quarter, so that frames that come a little early still count.
        self._next_ns = (
            time_ns + interval_ns * 3 // 4 if time_ns - self._next_ns > interval_ns else (self._next_ns + interval_ns)
        )
        self.looks += 1
        luma = luma_of(frame)
        grid = to_grid(luma) if grid is None else grid
        self._check_health(luma, grid, time_ns)
        with self._lock:
            pipeline = self._pipeline_for((frame.width, frame.height))
            request = pipeline.notice(grid, time_ns)
            findings = [] if request else pipeline.idle(time_ns)
            people = _people(pipeline)
            self.active = request is not None or any(t.still_since_ns is None for t in pipeline.tracker.tracks)
        if request is not None and self.watcher is not None:
            self.watcher.moved(time_ns)
        if request is not None:
            self.submit(InferenceRequest(self, frame, request, past))
        if findings:
            self.report(Report(self.camera, findings, picture_of(frame), people))

    def wants(self, time_ns: int) -> bool:
        """Whether a picture of this time is of use now; others may be decoded later, with the next one that is."""
        return self.active or self.watcher is not None or self._is_due(time_ns)

    def _is_due(self, time_ns: int) -> bool:
        return not self._next_ns - 2 * self._interval_ns < time_ns < self._next_ns

    def _check_health(self, luma: Luma, grid: Luma, time_ns: int) -> None:
        """Every `HEALTH_EVERY_NS`, on a time of its own that never steps back."""
        passed_ns = time_ns - self._seen_ns
        self._seen_ns = time_ns
        if passed_ns < -STEP_NS:
            with self._lock:
                self._pipeline = None  # the clock was set back: tracks from the future would wait for it
        self._watched_ns += min(max(0, passed_ns), HEALTH_EVERY_NS)
        if self._watched_ns - self._health_ns < HEALTH_EVERY_NS:
            return
        self._health_ns = self._watched_ns
        trouble = self.health.look(luma, grid, self._watched_ns)
        if trouble is not None:
            self.send(UnsequencedEvent(self.camera, trouble, time_ns))

    def conclude(self, job: InferenceRequest, found: Detections, picture: Picture) -> None:
        """What the detector found in the job's frame, which is `picture`; called from its thread."""
        with self._lock:
            pipeline = self._pipeline
            if pipeline is None or pipeline.size != (job.frame.width, job.frame.height):
                return
            findings = pipeline.conclude(job.request, found)
            self.inspected += 1
            people = _people(pipeline)
            vehicles = _vehicles(pipeline) if self.watcher is not None else ()
        if self.watcher is not None:
            self.watcher.vehicles(vehicles, job.request.time_ns)
        if findings:
            self.report(Report(self.camera, findings, picture, people))

    def _pipeline_for(self, size: tuple[int, int]) -> CameraPipeline:
        if self._pipeline is None or self._pipeline.size != size:
            self._pipeline = self.make_pipeline(size)
        return self._pipeline


def _people(pipeline: CameraPipeline) -> tuple[Box, ...]:
    """Boxes of what is or may be a person: a thing without a class counts."""
    tracks = pipeline.tracker.tracks
    return tuple(track.box for track in tracks if not track.decided or track.object == "person")


def _vehicles(pipeline: CameraPipeline) -> tuple[Vehicle, ...]:
    """The vehicles that are followed and were seen lately, in the lane's words."""
    return tuple(
        Vehicle(track.id, track.box, track.moved, track.still_since_ns is not None)
        for track in pipeline.tracker.tracks
        if track.decided and track.confirmed and track.object in VEHICLES and (track.updated or track.still_since_ns)
    )
