"""What `redact` measures with: rendered clips, covered shares, a second opinion on what was left open."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from shared_clips import DATA

from edge.media.redaction_statistics import Counts
from edge.redaction.detection_plan import cadence_of
from edge.redaction.lookahead_detector import LookaheadDetector
from edge.redaction.two_pass_redactor import ExportRedactor, LookaheadBuffer
from edge.redaction.video_reader import VideoFrame, film_of
from pipelines.masks.large_masks import GIANT
from pipelines.types import Box, Detector, Picture

FACES = DATA / "faces_scene"
STILL_FRAMES = 8
"""A still picture becomes a clip of so many frames."""
COVERED = 0.8
"""Share of a true box that must be covered."""
LEAK_COVERED = 0.5
"""A face that the second detector sees counts as covered from this share on: its boxes and ours differ in size."""


class Variation(NamedTuple):
    """How a clip is changed."""

    mirrored: bool = False
    scale: float = 1.0
    light: float = 1.0
    noise: float = 0.0


VARIATIONS = (
    Variation(mirrored=True),
    Variation(scale=0.75),
    Variation(scale=1.4),
    Variation(light=0.6),
    Variation(noise=8.0),
    Variation(mirrored=True, scale=0.85, light=0.8),
    Variation(mirrored=True, scale=1.2, noise=5.0),
    Variation(scale=1.1, light=1.25),
    Variation(mirrored=True, light=0.5, noise=4.0),
)


class Truth(NamedTuple):
    """A labelled picture: its file, and its faces (doubtful ones left out)."""

    file: Path
    faces: list[Box]


def truths() -> list[Truth]:
    """The labelled scenes."""
    rows = [json.loads(line) for line in (FACES / "truth.jsonl").read_text().splitlines()]
    return [
        Truth(FACES / row["file"], [Box(*it["box"]) for it in row["faces"] if it["kind"] != "ignore"]) for row in rows
    ]


def render(pictures: Sequence[Picture], file: Path, rate: int = 12) -> Path:
    """Pictures of one size as a clip, hardly compressed."""
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
    with av.open(str(file), "w") as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "12"}
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file


def still_clip(truth: Truth, folder: Path) -> Path:
    """A picture as a clip."""
    picture = cv2.imread(str(truth.file))
    assert picture is not None
    return render([np.asarray(picture, np.uint8)] * STILL_FRAMES, folder / f"{truth.file.stem}.mp4")


def varied(source: Path, variation: Variation, file: Path, seed: int) -> Path:
    """A clip as another camera might have seen it."""
    dice = np.random.default_rng(seed)
    pictures = []
    with av.open(str(source)) as container:
        for frame in container.decode(video=0):
            picture: Any = frame.to_ndarray(format="bgr24")
            if variation.mirrored:
                picture = picture[:, ::-1]
            side = cv2.INTER_AREA if variation.scale < 1 else cv2.INTER_CUBIC
            picture = cv2.resize(picture, None, fx=variation.scale, fy=variation.scale, interpolation=side)
            noise = dice.normal(0, variation.noise, picture.shape) if variation.noise else 0.0
            pictures.append(np.clip(picture * variation.light + noise, 0, 255).astype(np.uint8))
    return render(pictures, file)


class Plan(NamedTuple):
    """What an export covers in a frame, for faces and for plates."""

    shot: VideoFrame
    faces: list[Box]
    plates: list[Box]


class Watched(NamedTuple):
    """Faces that a second detector saw, how many of them were open; frames, how many of them had a giant mask."""

    seen: int = 0
    left: int = 0
    frames: int = 0
    giant: int = 0

    def plus(self, other: Watched) -> Watched:
        """Both."""
        return Watched(*(a + b for a, b in zip(self, other, strict=True)))


def plans(redactor: ExportRedactor, clip: Path) -> Iterator[Plan]:
    """What the export covers in each frame: its first pass, and its second without painting."""
    opener = film_of(clip)
    film = opener()
    pace = cadence_of(film.rate)
    scout = LookaheadDetector(opener, redactor.detectors, pace, redactor.timeout_s, redactor.threads)
    ahead = LookaheadBuffer(scout, pace, Counts())
    try:
        for shot in film.shots():
            if isinstance(shot, VideoFrame):
                ahead.is_same_frame(shot.number, shot.frame.pts)
                yield Plan(shot, *ahead.boxes(shot.number, shot.frame.width * shot.frame.height))
    finally:
        scout.close()
        film.close()


def share_covered(face: Box, covers: Sequence[Box | list[float]]) -> float:
    """How much of a box lies under others."""
    x, y = int(face.x1), int(face.y1)
    ground = np.zeros((max(1, math.ceil(face.y2) - y), max(1, math.ceil(face.x2) - x)), np.bool_)
    for x1, y1, x2, y2 in covers:
        ground[max(0, int(y1) - y) : max(0, math.ceil(y2) - y), max(0, int(x1) - x) : max(0, math.ceil(x2) - x)] = True
    return float(ground.mean())


def watch(redactor: ExportRedactor, clip: Path, second: Detector, step: int) -> Watched:
    """What a second detector sees in each `step`-th frame of the clear clip, and giant masks in every frame.

    A face is open where the masks of faces do not cover it; those of plates do not count.
    """
    total = Watched()
    for shot, faces, plates in plans(redactor, clip):
        giant = any(is_giant(box, shot.frame.width, shot.frame.height) for box in [*faces, *plates])
        total = total.plus(Watched(0, 0, 1, int(giant)))
        if shot.number % step:
            continue
        picture = np.asarray(shot.frame.to_ndarray(format="bgr24"), np.uint8)
        rows = second.detect(picture).boxes.tolist()
        left = sum(share_covered(Box(*row), faces) < LEAK_COVERED for row in rows)
        total = total.plus(Watched(len(rows), left))
    return total


def is_giant(box: Box, width: int, height: int) -> bool:
    """Whether a mask hides more than `GIANT` of a picture, and a pixel's rounding on each side."""
    inside = (min(box.x2, width) - max(box.x1, 0)), (min(box.y2, height) - max(box.y1, 0))
    return min(inside) > 0 and inside[0] * inside[1] > GIANT * width * height + 2 * sum(inside)


def upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """The largest rate that explains so few hits (C. Clopper and E. Pearson, Biometrika 26, 1934), by bisection."""
    low, high = hits / max(trials, 1), 1.0
    for _ in range(60):
        rate = (low + high) / 2
        low, high = (rate, high) if _at_most(hits, trials, rate) > 1 - confidence else (low, rate)
    return high


def _at_most(hits: int, trials: int, rate: float) -> float:
    if not 0 < rate < 1:
        return float(rate <= 0)
    logs = (
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(rate) + (trials - k) * math.log1p(-rate)
        for k in range(hits + 1)
    )  # fmt: skip
    return sum(map(math.exp, logs))
