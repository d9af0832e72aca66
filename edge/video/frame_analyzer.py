"""Paces one camera's decoded frames: camera health, motion, and which frames go to inference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import av

from common.clock import SECOND_NS
from edge.video.decoder import luma_of
from edge.video.inference import InferenceRequest
from edge.video.tracking_stage import FrameObserver, TrackingStage
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.motion_detector import to_grid
from pipelines.types import Luma
from protocol.envelope import UnsequencedEvent

HEALTH_EVERY_NS = 2 * SECOND_NS
PACE = 0.96
"""Inspections are this much closer together than configured, so that enough remain when one is dropped."""
STEP_NS = SECOND_NS
"""A larger step back of the wall clock starts the tracks again."""


@dataclass
class FrameAnalyzer:
    """Takes the decoded frames of one camera, on the camera's thread.

    Args:
        tracking: Motion detection, tracker and rules of the camera.
        health: The camera's health.
        looks_per_s: Inspections a second.
        submit: Queues a frame for inference.
        send: Takes events that need no picture.

    Attributes:
        looks: Frames that were compared with the one before.
        newest: The newest of them and its time, for stills; read by other threads.
    """

    tracking: TrackingStage
    health: CameraHealth
    looks_per_s: float
    submit: Callable[[InferenceRequest], None]
    send: Callable[[UnsequencedEvent], None]
    looks: int = 0
    newest: tuple[av.VideoFrame, int] | None = None
    _next_ns: int = 0
    _seen_ns: int = 0
    _watched_ns: int = 0
    _health_ns: int = 0
    _interval_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._interval_ns = round(SECOND_NS / self.looks_per_s * PACE)

    @property
    def active(self) -> bool:
        """Something moves, or is inspected."""
        return self.tracking.active

    @property
    def _observer(self) -> FrameObserver | None:
        return self.tracking.observer

    def process(self, frame: av.VideoFrame, time_ns: int, past: bool = False, grid: Luma | None = None) -> None:
        """Take a decoded frame; most are skipped at once.

        Args:
            frame: Any size; a new size starts the learning again.
            time_ns: When it was seen, UTC nanoseconds; a step back starts the pacing again.
            past: It was kept and decoded late.
            grid: The frame's `to_grid`, where the caller has it.
        """
        if self._observer is not None:
            self._observer.frame(frame, time_ns)
        if not self._is_due(time_ns):
            return
        interval_ns = self._interval_ns
        # Pace on a grid with a slack of a quarter, so that frames that come a little early still count.
        self._next_ns = (
            time_ns + interval_ns * 3 // 4 if time_ns - self._next_ns > interval_ns else (self._next_ns + interval_ns)
        )
        self.looks += 1
        self.newest = (frame, time_ns)
        luma = luma_of(frame)
        grid = to_grid(luma) if grid is None else grid
        self._check_health(luma, grid, time_ns)
        plan = self.tracking.plan(frame, grid, time_ns)
        if plan is None:
            return
        if self._observer is not None:
            self._observer.moved(time_ns)
        self.submit(InferenceRequest(frame, plan, past))

    def needs(self, time_ns: int) -> bool:
        """Whether a frame of this time is of use now; others may be decoded later, with the next one that is."""
        return self.active or self._observer is not None or self._is_due(time_ns)

    def _is_due(self, time_ns: int) -> bool:
        return not self._next_ns - 2 * self._interval_ns < time_ns < self._next_ns

    def _check_health(self, luma: Luma, grid: Luma, time_ns: int) -> None:
        """Every `HEALTH_EVERY_NS`, on a time of its own that never steps back."""
        passed_ns = time_ns - self._seen_ns
        self._seen_ns = time_ns
        if passed_ns < -STEP_NS:
            self.tracking.restart()  # the clock was set back: tracks from the future would wait for it
        self._watched_ns += min(max(0, passed_ns), HEALTH_EVERY_NS)
        if self._watched_ns - self._health_ns < HEALTH_EVERY_NS:
            return
        self._health_ns = self._watched_ns
        fault = self.health.update(luma, grid, self._watched_ns)
        if fault is not None:
            self.send(UnsequencedEvent(self.tracking.camera, fault, time_ns))
