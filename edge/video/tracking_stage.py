"""Motion detection, tracking and rules of one camera, between two threads.

The camera's thread asks for a plan of each frame's inspection; the thread that ran inference hands its result in. The
pipeline is used by one of them at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import av

from edge.video.decoder import picture_of
from edge.video.inference import InferenceResult
from edge.video.report import Report, ReportSink
from pipelines.camera import CameraPipeline, InferencePlan
from pipelines.plates.plate_tracking import Vehicle
from pipelines.types import Box, Luma

VEHICLES = frozenset({"car", "bus", "truck", "motorcycle"})


class FrameObserver(Protocol):
    """Gets every decoded frame and motion of a gate camera. Must be quick and never raise."""

    def frame(self, frame: av.VideoFrame, time_ns: int) -> None:
        """One decoded frame, before it is analyzed."""

    def moved(self, time_ns: int) -> None:
        """Something moved in the picture."""

    def vehicles(self, vehicles: tuple[Vehicle, ...], time_ns: int) -> None:
        """The vehicles that are tracked now."""


@dataclass
class TrackingStage:
    """The pipeline of one camera.

    Args:
        camera: The camera's id.
        make_pipeline: A new pipeline for a picture of this width and height.
        report: Takes findings with their frame.
        observer: The plate reader, where the camera is a gate.

    Attributes:
        inspected: Frames on which inference ran.
        active: Something moves, or is inspected.
    """

    camera: str
    make_pipeline: Callable[[tuple[int, int]], CameraPipeline]
    report: ReportSink
    observer: FrameObserver | None = None
    inspected: int = 0
    active: bool = False
    size: tuple[int, int] = (0, 0)
    _pipeline: CameraPipeline | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, frame: av.VideoFrame, grid: Luma, time_ns: int) -> InferencePlan | None:
        """Run motion detection; without motion, evaluate the rules that depend on time only.

        Args:
            frame: Any size; a new size starts the learning again.
            grid: The frame's `to_grid`.
            time_ns: When it was seen, UTC nanoseconds.

        Returns:
            The views to inspect; None if there are none.
        """
        with self._lock:
            pipeline = self._pipeline_for((frame.width, frame.height))
            plan = pipeline.plan_inference(grid, time_ns)
            findings = [] if plan else pipeline.idle(time_ns)
            persons = _persons(pipeline)
            self.active = plan is not None or any(t.still_since_ns is None for t in pipeline.tracker.tracks)
        if findings:
            self.report(Report(self.camera, findings, picture_of(frame), persons))
        return plan

    def update(self, result: InferenceResult) -> None:
        """Take what inference found; a result of another picture size is dropped."""
        frame, plan = result.request.frame, result.request.plan
        with self._lock:
            pipeline = self._pipeline
            if pipeline is None or pipeline.size != (frame.width, frame.height):
                return
            findings = pipeline.update(plan, result.detections)
            self.inspected += 1
            persons = _persons(pipeline)
            vehicles = _vehicles(pipeline) if self.observer is not None else ()
        if self.observer is not None:
            self.observer.vehicles(vehicles, plan.time_ns)
        if findings:
            self.report(Report(self.camera, findings, result.picture, persons))

    def restart(self) -> None:
        """Forget all tracks."""
        with self._lock:
            self._pipeline = None

    def _pipeline_for(self, size: tuple[int, int]) -> CameraPipeline:
        if self._pipeline is None or self._pipeline.size != size:
            self._pipeline, self.size = self.make_pipeline(size), size
        return self._pipeline


def _persons(pipeline: CameraPipeline) -> tuple[Box, ...]:
    """Boxes of what is or may be a person: a thing without a class counts."""
    tracks = pipeline.tracker.tracks
    return tuple(track.box for track in tracks if not track.decided or track.object == "person")


def _vehicles(pipeline: CameraPipeline) -> tuple[Vehicle, ...]:
    """The vehicles that are tracked and were seen lately."""
    return tuple(
        Vehicle(track.id, track.box, track.moved, track.still_since_ns is not None)
        for track in pipeline.tracker.tracks
        if track.decided and track.confirmed and track.object in VEHICLES and (track.updated or track.still_since_ns)
    )
