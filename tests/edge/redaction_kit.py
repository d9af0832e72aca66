"""Clips with a patch of fine checkers for a face, and detectors that find it; fakes for the blur tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from edge.redaction.detection_plan import Detectors
from edge.redaction.two_pass_redactor import ExportRedactor
from pipelines.types import Box, Detections, Detector, Picture

RATE = 12
SIDE = 40


def place(number: int, width: int = 320) -> Box:
    """Where the patch is in a frame."""
    x = 20 + 3 * number % (width - 100)
    return Box(x, 80, x + SIDE, 80 + SIDE)


def scene(number: int, size: tuple[int, int] = (320, 240)) -> Picture:
    """A grey view with a patch of bright checkers in it."""
    picture = np.full((size[1], size[0], 3), 60, np.uint8)
    box = place(number, size[0])
    y, x = np.mgrid[:SIDE, :SIDE]
    checkers = np.where((x // 4 + y // 4) % 2, 250, 150).astype(np.uint8)
    picture[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = checkers[:, :, None]
    return picture


def make_film(
    path: Path,
    frames: int = 36,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (320, 240),
    sound: bool = False,
    metadata: dict[str, str] | None = None,
) -> Path:
    """The scene as a video."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], pixels
        quiet = {"x265-params": "log-level=error"} if codec == "libx265" else {}
        stream.options = {"preset": "ultrafast", "g": "12", **quiet} if codec.startswith("libx26") else {}
        out.metadata.update(metadata or {})
        track = out.add_stream("aac", rate=16_000) if sound else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(number, size), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame.reformat(format=pixels)))
        out.mux(stream.encode(None))
        if track is not None:
            for number in range(frames * 16_000 // RATE // 1024):
                heard = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                heard.sample_rate, heard.pts, heard.time_base = 16_000, number * 1024, Fraction(1, 16_000)
                out.mux(track.encode(heard))
            out.mux(track.encode(None))
    return path


class Bright:
    """Finds what is brighter than the grey; in some calls only where told so."""

    def __init__(self, works: Callable[[int], bool] = lambda _call: True) -> None:
        self._works, self._lock, self.calls = works, threading.Lock(), 0

    def detect(self, picture: Picture) -> Detections:
        with self._lock:
            call, self.calls = self.calls, self.calls + 1
        rows, columns = np.nonzero(cv2.blur(picture[:, :, 0], (5, 5)) > 110)
        if not self._works(call) or not len(rows):
            return Detections.none()
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        return Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64))


class Failing:
    """Raises in some calls."""

    def __init__(self, fails: Callable[[int], bool], error: Exception) -> None:
        self._fails, self._error, self._inner, self._calls = fails, error, Bright(), 0

    def detect(self, picture: Picture) -> Detections:
        call, self._calls = self._calls, self._calls + 1
        if self._fails(call):
            raise self._error
        return self._inner.detect(picture)


class Stuck:
    """Never comes back from some calls, until let go."""

    def __init__(self, sticks: Callable[[int], bool]) -> None:
        self._sticks, self._inner, self._calls, self.go = sticks, Bright(), 0, threading.Event()

    def detect(self, picture: Picture) -> Detections:
        call, self._calls = self._calls, self._calls + 1
        if self._sticks(call):
            self.go.wait(60)
        return self._inner.detect(picture)


def redactor(detector: Detector, *, timeout_s: float = 20.0, threads: int = 2) -> ExportRedactor:
    """Faces only."""
    return ExportRedactor(
        Detectors(lambda _size: detector, None), np.random.default_rng(3), timeout_s=timeout_s, threads=threads
    )


def lumas(path: Path) -> list[Picture]:
    """Brightness of every frame."""
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="gray"), np.uint8) for frame in container.decode(video=0)]


def detail(luma: Picture, box: Box) -> float:
    """How fine a part of a frame is: steps between neighbours, grey levels."""
    part = luma[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)].astype(int)
    return float(np.abs(np.diff(part, axis=1)).mean())
