"""`accuracy`: crossings and entries on real clips against what people read from them by analyzer.

`_true` is how many there are, `_found` how many of them were reported at the right time, `_false` how many reports
belong to none of them: doubles, wrong times, and anything at all of a class that is not in the clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
from shared_clips import CASES, Case, clip, match, pipeline_maker, truth_of

from benchmarks.box.yolox import detector
from common.clock import SECOND_NS
from edge.video.inference import SizedDetector
from edge.video.replay import Replay
from protocol.envelope import UnsequencedEvent
from protocol.event_types import LineCrossed, ZoneData

QUICK = ("car_detection", "bgs_video", "vtest")


def run(quick: bool) -> dict[str, Any]:
    """All cases; `--quick` leaves the longest and the doubled one out."""
    finder = detector()
    figures: dict[str, float] = {}
    for case in CASES:
        if not quick or case.key in QUICK:
            figures |= judge(case, finder)
    return {
        "commands": ["python -m benchmarks accuracy" + (" --quick" if quick else "")],
        "figures": figures,
        "peers": {},
    }


def judge(case: Case, finder: SizedDetector, looks_per_s: float = 5.0) -> dict[str, float]:
    """The three figures of one case."""
    file = clip(case.file)
    camera = case.camera(looks_per_s)
    drafts = list(Replay(camera, pipeline_maker(camera), finder).run(file))
    rate = _rate(file)
    seen = [draft.time_ns / SECOND_NS * rate for draft in _about(drafts, "rule")]
    truth = truth_of(case)
    found = match(truth, seen)
    wrong = len(list(_about(drafts, "wrong-class"))) + len(list(_about(drafts, "wrong-class-line")))
    return {
        f"{case.key}_true": len(truth),
        f"{case.key}_found": found,
        f"{case.key}_false": len(seen) - found + wrong,
    }


def _about(drafts: Iterable[UnsequencedEvent], rule: str) -> Iterable[UnsequencedEvent]:
    for draft in drafts:
        data = draft.data
        name = data.zone if isinstance(data, ZoneData) else data.line if isinstance(data, LineCrossed) else ""
        if name == rule:
            yield draft


def _rate(file: Path) -> float:
    with av.open(str(file)) as container:
        return float(container.streams.video[0].average_rate or 15)
