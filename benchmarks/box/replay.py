"""`replay`: how much faster than real time a file goes through the whole pipeline, on one core.

CPU time is counted, not wall time: one thread decodes, gates, detects, tracks and judges, so both are the same on an
idle core. The peer is PyAV's decode of the same files alone; the sides take turns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
from shared_clips import CASES, PEOPLE, PEOPLE_VEHICLES, Case, clip, pipeline_maker

from benchmarks.box.yolox import detector
from benchmarks.machine import median, spent
from edge.video.inference import SizedDetector
from edge.video.replay import Replay


def run(quick: bool) -> dict[str, Any]:
    """Rounds of: all clips through the pipeline, all clips through the decoder alone."""
    cv2.setNumThreads(1)
    finder = detector()
    cases = _cases()
    seconds = sum(_seconds(clip(case.file)) for case in cases)
    ours, alone = [], []
    for _ in range(1 if quick else 5):
        ours.append(spent(lambda: [_replay(case, finder) for case in cases])[0])
        alone.append(spent(lambda: [_decode(clip(case.file)) for case in cases])[0])
    return {
        "commands": ["python -m benchmarks replay" + (" --quick" if quick else "")],
        "figures": {"realtime_factor": round(seconds / median(ours), 2), "video_s": round(seconds, 1)},
        "peers": {"decode_realtime_factor": round(seconds / median(alone), 2)},
    }


def _cases() -> list[Case]:
    """Every clip of the folder once, with the rule that `accuracy` gives it where there is one."""
    by_file = {case.file: case for case in reversed(CASES)}
    names = sorted(path.name for path in PEOPLE_VEHICLES.iterdir() if path.suffix in (".mp4", ".avi"))
    whole = ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98))
    return [by_file.get(name) or Case("other", name, PEOPLE, zone=whole) for name in names]


def _replay(case: Case, finder: SizedDetector) -> int:
    camera = case.camera()
    player = Replay(camera, pipeline_maker(camera), finder)
    for _ in player.run(clip(case.file)):
        pass
    return player.frames


def _seconds(file: Path) -> float:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        frames = stream.frames or sum(1 for _ in container.decode(stream))
        return frames / float(stream.average_rate or 15)


def _decode(file: Path) -> int:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return sum(1 for _ in container.decode(stream))
