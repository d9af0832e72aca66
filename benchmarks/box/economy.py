"""`keyframe_mode`: what `watch: key-frames` misses that `watch: every-frame` sees, at a key frame every 2 s.

Two questions. On the clips of `accuracy`, both modes run the whole camera loop on the same files: how many true
crossings and entries does each find? And since those clips are busy and keep a camera awake: a real car drives through
an otherwise empty, sleeping picture within 0.5, 1, 2 and 3 s, at every phase of the key frames. What comes and goes
between two key frames is never seen: `missed_pct_<seconds>` says how often that happens.
"""

from __future__ import annotations

import contextlib
import random
import threading
from typing import Any

import av
import cv2
import numpy as np
from shared_clips import CASES, Case, clip, match, pipeline_maker, truth_of

from benchmarks.box.streams import cache
from benchmarks.box.yolox import detector
from common.clock import SECOND_NS, FakeClock
from common.errors import SourceLost
from common.running.backoff import Backoff
from demo.sample_clips import prepare
from edge.sources import opener
from edge.sources.base import NOBODY
from edge.video.camera_worker import CameraConnection, CameraWorker
from edge.video.decoder import picture_of
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.inference import InferenceRequest, SizedDetector, run_inference
from edge.video.keyframe_mode import KeyframeMode
from edge.video.report import Report
from edge.video.tracking_stage import TrackingStage
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.motion_detector import to_grid
from pipelines.types import Picture
from protocol.envelope import UnsequencedEvent
from protocol.event_types import LineCrossed, ZoneData

QUICK = ("car_detection", "bgs_video")
GROUP_S = 2.0
VISIT = (195, 258)
"""Frames of bgs_video in which one car drives through the picture."""


def run(quick: bool) -> dict[str, Any]:
    """Every case in both modes."""
    finder = detector()
    true = every = keyframe_mode = 0
    for case in CASES:
        if quick and case.key not in QUICK:
            continue
        truth = truth_of(case)
        seen, kept = _play(case, finder, None), _play(case, finder, KeyframeMode())
        true += len(truth)
        every += match(truth, seen)
        keyframe_mode += match(truth, kept)
    return {
        "commands": ["python -m benchmarks economy" + (" --quick" if quick else "")],
        "figures": {
            "true": true,
            "found_key_frames": keyframe_mode,
            "missed_pct": round(100 * max(0, every - keyframe_mode) / max(1, every), 1),
            **_visits(4 if quick else 15),
        },
        "peers": {"found_every_frame": every},
    }


def _visits(phases: int) -> dict[str, float]:
    """How often a visit of some length leaves the camera asleep, percent."""
    with av.open(str(clip("bgs_video.avi"))) as container:
        pictures = [picture_of(frame) for frame in container.decode(video=0)]
    empty, visit = pictures[0], pictures[VISIT[0] : VISIT[1]]
    missed = {}
    for seconds in (0.5, 1.0, 2.0, 3.0):
        asleep = sum(_sleeps_through(empty, visit, seconds, phase / phases) for phase in range(phases))
        missed[f"missed_pct_{seconds:g}s"] = round(100 * asleep / phases, 1)
    return missed


def _sleeps_through(empty: Picture, visit: list[Picture], seconds: float, phase: float) -> bool:
    """Whether no key frame shows the visit, which begins `phase` of a group after a key frame."""
    gate, start_s = KeyframeMode(), GROUP_S * (4 + phase)
    for number in range(12):
        into = (number * GROUP_S - start_s) / seconds
        shown = visit[int(into * len(visit))] if 0 <= into < 1 else empty
        grid = to_grid(np.ascontiguousarray(cv2.cvtColor(_compressed(shown), cv2.COLOR_BGR2GRAY)))
        if gate.has_motion(grid, round(number * GROUP_S * SECOND_NS)):
            return False
    return True


def _compressed(picture: Picture) -> Picture:
    """A picture with the losses of a camera's key frame."""
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def _play(case: Case, finder: SizedDetector, keyframe_mode: KeyframeMode | None) -> list[float]:
    """Frames in which the case's rule was reported."""
    path = prepare(clip(case.file), cache() / f"economy-{case.file}.mp4", crop=(0.0, 0.999))
    told = case.camera()
    drafts: list[UnsequencedEvent] = []

    def submit(request: InferenceRequest) -> None:
        tracking.update(run_inference(finder, request))

    def report(report: Report) -> None:
        drafts.extend(UnsequencedEvent(report.camera, f.data, f.time_ns) for f in report.findings)

    tracking = TrackingStage(case.key, pipeline_maker(told), report)
    health = CameraHealth(told.health)
    analyzer = FrameAnalyzer(tracking, health, told.looks_per_s, submit=submit, send=lambda _draft: None)
    clock = FakeClock(now_ns=0)
    camera = CameraWorker(
        id=case.key,
        connection=CameraConnection(opener(str(path), NOBODY, clock), Backoff(random.random), threading.Event()),
        analyzer=analyzer,
        keyframe_mode=keyframe_mode,
        clock=clock,
        send=lambda _draft: None,
    )
    with contextlib.suppress(SourceLost):
        camera.run_once()
    rate = _rate(str(path))
    return [draft.time_ns / SECOND_NS * rate for draft in drafts if _rule(draft) == "rule"]


def _rule(draft: UnsequencedEvent) -> str:
    data = draft.data
    return data.zone if isinstance(data, ZoneData) else data.line if isinstance(data, LineCrossed) else ""


def _rate(path: str) -> float:
    with av.open(path) as container:
        return float(container.streams.video[0].average_rate or 15)
