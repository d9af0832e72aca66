"""`python -m benchmarks NAME [--quick] [--json] [--plot DIR]`; without NAME, a list."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from common import logging_setup

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "kits"))

BENCHMARKS = {
    "idle_camera": "benchmarks.box.idle_camera",
    "busy_cameras": "benchmarks.box.busy_cameras",
    "memory": "benchmarks.box.memory",
    "replay": "benchmarks.box.replay",
    "accuracy": "benchmarks.box.accuracy",
    "outbox": "benchmarks.box.outbox",
    "ingest": "benchmarks.centre.ingest",
    "economy": "benchmarks.box.economy",
    "record": "benchmarks.recording.record",
    "seek": "benchmarks.recording.seek",
    "powercut": "benchmarks.recording.powercut",
    "retention": "benchmarks.recording.retention",
    "doors": "benchmarks.access.doors",
    "tailgate": "benchmarks.access.tailgate",
    "plates": "benchmarks.access.plates",
    "gate": "benchmarks.access.gate",
    "alerts": "benchmarks.centre.alerts",
    "audit": "benchmarks.centre.audit",
    "dashboard": "benchmarks.centre.dashboard",
    "escalation": "benchmarks.centre.escalation",
    "feeds": "benchmarks.centre.feeds",
    "redact": "benchmarks.redaction.redact",
    "search": "benchmarks.centre.search",
    "live": "benchmarks.redaction.live",
    "video_out": "benchmarks.centre.video_out",
}
"""Name → the module whose `run(quick)` gives `commands`, `figures` and `peers`."""


def main() -> int:
    """Run one benchmark and print its result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="the same figures with fewer repetitions")
    parser.add_argument("--json", action="store_true", help="one object, for programs")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw the figures as a picture")
    options = parser.parse_args()
    logging_setup.configure("error")
    result: dict[str, Any] = {"name": options.name, "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    result["machine"] = describe()
    result |= importlib.import_module(BENCHMARKS[options.name]).run(options.quick)
    if options.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        _table(result)
    if options.plot is not None:
        _plot(result, options.plot)
    return 0


def _table(result: dict[str, Any]) -> None:
    machine = result["machine"]
    print(f"{result['name']}  {result['date']}  {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB")
    for part in ("figures", "peers"):
        for key, value in result[part].items():
            print(f"  {part[:-1]:7} {key:32} {value:>14,.3f}".rstrip("0").rstrip("."))
    for command in result["commands"]:
        print(f"  ran: {command}")


def _plot(result: dict[str, Any], folder: Path) -> None:
    """A bar for each figure (ours dark, peers light), in its own scale, drawn with OpenCV alone."""
    import cv2
    import numpy as np

    rows = [(key, value, part) for part in ("figures", "peers") for key, value in result[part].items()]
    sheet = np.full((60 + 30 * len(rows), 900, 3), 255, np.uint8)
    font, black = cv2.FONT_HERSHEY_SIMPLEX, (30, 30, 30)
    cv2.putText(sheet, f"{result['name']}  {result['date']}", (12, 32), font, 0.6, black, 1, cv2.LINE_AA)
    most = max((abs(value) for _, value, _ in rows), default=1) or 1
    for i, (key, value, part) in enumerate(rows):
        y = 56 + 30 * i
        colour = (60, 50, 160) if part == "figures" else (200, 190, 170)
        cv2.rectangle(sheet, (380, y), (380 + max(2, round(400 * abs(value) / most)), y + 18), colour, -1)
        cv2.putText(sheet, key, (12, y + 14), font, 0.45, black, 1, cv2.LINE_AA)
        cv2.putText(sheet, f"{value:,.3f}", (790, y + 14), font, 0.45, black, 1, cv2.LINE_AA)
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{result['name']}.png"), sheet)


if __name__ == "__main__":
    sys.exit(main())
