"""`memory`: the most that the box process has held, with eight busy cameras, recorder and clips.

Real parts as in `busy_cameras`. Every alert that opens has a clip made, which is redacted and uploaded meanwhile.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.box.busy_cameras import running
from benchmarks.box.streams import serving, walkers
from benchmarks.machine import process_peak_mb, process_rss_mb

CAMERAS = 8


def run(quick: bool) -> dict[str, Any]:
    """One run; its length is what `quick` changes."""
    seconds = 30.0 if quick else 300.0
    with (
        tempfile.TemporaryDirectory() as name,
        serving(walkers(), CAMERAS) as urls,
        running(Path(name), urls, recorder=True) as (_page, status_url, _password, box),
    ):
        time.sleep(seconds)
        peak, last = process_peak_mb(box), process_rss_mb(box)
        with urllib.request.urlopen(status_url) as answer:
            text = answer.read().decode()
        with contextlib.closing(sqlite3.connect(Path(name) / "aggregator" / "aggregator.db")) as db:
            (clips,) = db.execute("SELECT count(*) FROM clips WHERE state = 'stored'").fetchone()
    return {
        "commands": ["python -m benchmarks memory" + (" --quick" if quick else "")],
        "figures": {
            "peak_rss_mb": round(peak),
            "rss_mb": round(last),
            "cameras": CAMERAS,
            "clips": clips,
            "recorded_parts": _sum(text, "paifang_edge_footage_parts_total"),
        },
        "peers": {},
    }


def _sum(text: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? ([\d.e+]+)$", text, re.M))
