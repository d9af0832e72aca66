"""The detector's threads: all cameras share one session and are served in turn."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import av

from common import logging_setup
from common.errors import ModelError
from common.running.threads import Worker
from edge.video.decoder import picture_of
from edge.video.latest_frame_queue import LatestFrameQueue
from pipelines.camera import InferencePlan
from pipelines.types import Detections, Detector, Picture

LOW_PRIORITY = 10
"""Niceness of the threads with `low_priority`."""


@dataclass(frozen=True)
class InferenceRequest:
    """A frame for the detector.

    Attributes:
        frame: The decoded frame.
        plan: The views to inspect.
        past: The frame was kept and decoded late; a newer frame must not replace it.
    """

    frame: av.VideoFrame
    plan: InferencePlan
    past: bool = False


@dataclass(frozen=True)
class InferenceResult:
    """What the detector found in a frame.

    Attributes:
        request: The frame and its views.
        detections: In pixels of the frame.
        picture: The frame, H x W x 3 uint8 BGR, not redacted.
    """

    request: InferenceRequest
    detections: Detections
    picture: Picture


class SizedDetector(Protocol):
    """A detector that takes the size of its input with each picture."""

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:
        """Find things in `picture`, letterboxed to `size` (width, height)."""


class FixedSizeAdapter:
    """Adapts a detector with a fixed input size to `SizedDetector`."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:
        """Detect objects; the detector chooses the input size."""
        del size
        return self._detector.detect(picture)


def run_inference(detector: SizedDetector, request: InferenceRequest) -> InferenceResult:
    """Detect objects in a frame's views.

    Raises:
        ModelError: The model could not run.
    """
    picture, views = picture_of(request.frame), request.plan.views
    found = [view.back(detector.detect_at(view.crop(picture), view.input_px)) for view in views]
    return InferenceResult(request, Detections.joined(found), picture)


@dataclass
class InferencePool:
    """Runs inference on frames from the queue until it is closed.

    Args:
        detector: Shared by all cameras and workers.
        queue: The newest frame of each camera.
        deliver: Takes a camera's id and a result.
        workers: Threads; each works on another camera's frame.
        low_priority: The threads run below the box's others: at a gate somebody waits.
    """

    detector: SizedDetector
    queue: LatestFrameQueue[InferenceRequest]
    deliver: Callable[[str, InferenceResult], None]
    workers: int = 1
    low_priority: bool = False
    jobs: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    last_s: float = field(default=0.0, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, repr=False)

    def start(self) -> None:
        """Start the threads."""
        names = [f"inference-{number}" for number in range(self.workers)]
        self._threads = [Worker(self._run, name) for name in names]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close the queue and wait for the threads."""
        self.queue.close()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        if self.low_priority:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)  # of this thread alone, on Linux
        while (taken := self.queue.take()) is not None:
            camera, request = taken
            try:
                self._infer(camera, request)
            finally:
                self.queue.done(camera)

    def _infer(self, camera: str, request: InferenceRequest) -> None:
        log = logging_setup.get("inference").bind(camera=camera)
        began = time.perf_counter()
        try:
            self.deliver(camera, run_inference(self.detector, request))
        except ModelError as error:
            self.failures += 1
            log.warning("inference failed", error=str(error))
        except Exception:  # a fault of one frame must not end the thread
            self.failures += 1
            log.exception("inference failed")
        else:
            self.jobs += 1
            self.last_s = time.perf_counter() - began
