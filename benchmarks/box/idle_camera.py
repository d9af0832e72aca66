"""`idle_camera`: what a camera costs while nothing moves, beside PyAV's plain decode of the same streams.

Each side reads the same streams over RTSP from a server in a process of its own, and counts the CPU time of its own
process. The sides take turns.
"""

from __future__ import annotations

import multiprocessing as mp
import random
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import cv2

from benchmarks.box.streams import serving, still
from benchmarks.machine import cpu_s, median, process_rss_mb
from common.running.malloc_tuning import give_back_large_blocks

CAMERAS = 4
SETTLE_S = 2.0


def run(quick: bool) -> dict[str, Any]:
    """Rounds of: plain decode, every-frame, key-frames."""
    rounds, seconds = (2, 4.0) if quick else (5, 20.0)
    path = still()
    sides: dict[str, list[float]] = {"decode": [], "every-frame": [], "key-frames": []}
    few: list[float] = []
    with serving(path, 2 * CAMERAS) as urls:
        for _ in range(rounds):
            for side, found in sides.items():
                used, memory = _measure(side, urls[:CAMERAS], seconds)
                found.append(used)
                few += [memory] if side == "every-frame" else []
        many = _measure("every-frame", urls, 2.0)[1]
    pct = {side: 100 * median(found) / seconds / CAMERAS for side, found in sides.items()}
    ratios = {side: [a / b for a, b in zip(found, sides["decode"], strict=True)] for side, found in sides.items()}
    return {
        "commands": ["python -m benchmarks idle_camera" + (" --quick" if quick else "")],
        "figures": {
            "cpu_pct": round(pct["every-frame"], 3),
            "cpu_pct_key_frames": round(pct["key-frames"], 3),
            "ratio_to_decode": round(median(ratios["every-frame"]), 3),
            "ratio_to_decode_key_frames": round(median(ratios["key-frames"]), 3),
            "rss_mb_per_camera": round((many - median(few)) / CAMERAS, 1),
        },
        "peers": {"decode_cpu_pct": round(pct["decode"], 3)},
    }


def _measure(side: str, urls: list[str], seconds: float) -> tuple[float, float]:
    """CPU seconds within `seconds`, and resident megabytes at the end."""
    ours, theirs = mp.Pipe()
    process = mp.get_context("spawn").Process(target=_side, args=(side, urls, seconds, theirs), daemon=True)
    process.start()
    used = ours.recv()
    assert process.pid is not None
    memory = process_rss_mb(process.pid)
    ours.send("end")
    process.join()
    return float(used), memory


def _side(side: str, urls: list[str], seconds: float, pipe: Connection) -> None:
    start = _decode if side == "decode" else _watch
    if start is _watch:  # as the box does
        cv2.setNumThreads(1)
        give_back_large_blocks()
    stop = threading.Event()
    threads = [threading.Thread(target=start, args=(url, side, stop), daemon=True) for url in urls]
    for thread in threads:
        thread.start()
    time.sleep(SETTLE_S)
    before = cpu_s()
    time.sleep(seconds)
    pipe.send(cpu_s() - before)
    pipe.recv()
    stop.set()
    for thread in threads:
        thread.join()


def _decode(url: str, _side_name: str, stop: threading.Event) -> None:
    """The peer: what a few lines of PyAV do."""
    import av
    from av.codec.context import ThreadType

    with av.open(url, options={"rtsp_transport": "tcp"}) as container:
        video = container.streams.video[0]
        video.codec_context.thread_type = ThreadType.NONE
        video.codec_context.thread_count = 1
        for _frame in container.decode(video):
            if stop.is_set():
                return


def _watch(url: str, mode: str, stop: threading.Event) -> None:
    """Our whole camera loop with gate and health; nothing moves, so there is nothing for a detector."""
    from common.clock import SystemClock
    from common.running.backoff import Backoff
    from edge.sources import opener
    from edge.sources.base import NOBODY
    from edge.video.camera_worker import CameraConnection, CameraWorker
    from edge.video.decoder import picture_of
    from edge.video.frame_analyzer import FrameAnalyzer
    from edge.video.inference import InferenceRequest, InferenceResult
    from edge.video.keyframe_mode import KeyframeMode
    from edge.video.tracking_stage import TrackingStage
    from pipelines.camera import CameraPipeline
    from pipelines.camera_tamper_detector import CameraHealth
    from pipelines.settings import HealthSettings
    from pipelines.types import Detections

    def submit(request: InferenceRequest) -> None:
        tracking.update(InferenceResult(request, Detections.none(), picture_of(request.frame)))

    tracking = TrackingStage("cam", lambda size: CameraPipeline(size, []), lambda _report: None)

    health = CameraHealth(HealthSettings())
    analyzer = FrameAnalyzer(tracking, health, 5, submit=submit, send=lambda _draft: None)
    clock = SystemClock()
    CameraWorker(
        id="cam",
        connection=CameraConnection(opener(url, NOBODY, clock), Backoff(random.random), stop),
        analyzer=analyzer,
        keyframe_mode=KeyframeMode() if mode == "key-frames" else None,
        clock=clock,
        send=lambda _draft: None,
    ).run()
