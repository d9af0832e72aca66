"""`gate`: from the first legible frame to the relay's command, while three other cameras are full of walkers.

A real box in this process reads four RTSP streams that other processes serve: the toll lane of `video_gate_plates` in a
loop, and three times real walkers. Its two cars are on the list, the relay is a real HTTP controller. A frame's time is
its arrival at the box; the frames in which each plate is first legible are known from the clip's truth, and are told
from the others by comparing small pictures with every frame of the clip. The first loop does not count: the box starts
in the middle of it.

`events_per_vehicle` is 1 where each car made exactly one event; the burnt-in caption would make it more.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from shared_clips import DATA

from benchmarks.box.streams import serving, walkers
from benchmarks.machine import median, percentile
from common import settings_loader
from common.errors import PaifangError
from edge.access.gates.empty_list import EmptyList
from edge.access.gates.plate_reader_worker import PlateReaderWorker
from edge.access.site_lists.matching import Match
from edge.app import Box
from edge.loaded_models import load_models
from edge.settings.node import BoxSettings
from edge.video.decoder import luma_of

CLIP = DATA / "video_gate_plates" / "gate_seg1.mp4"
PATTERN = r"\d{2}[A-Z]\d{5,6}"
OTHERS = 3
LATE = 8
"""A mark counts up to so many frames after the one in which the plate is first legible."""
SETTLE_S = 12.0

Grey = NDArray[np.float32]


def run(quick: bool) -> dict[str, Any]:
    """One run; its length is what `quick` changes."""
    if not CLIP.is_file():
        raise PaifangError(f"{CLIP} is not there; the clip lies beside the checkout")
    seconds = 36.0 if quick else 150.0
    truth = json.loads((CLIP.parent / "truth.jsonl").read_text(encoding="utf-8").splitlines()[0])
    marks = Marks.of(truth)
    with (
        tempfile.TemporaryDirectory() as name,
        _controller() as (url, opened),
        serving(CLIP, 1) as gate,
        serving(walkers(), OTHERS) as others,
    ):
        box = _box(Path(name), gate[0], others, url)
        assert box.access.gates is not None
        (lane,) = box.access.gates.plate_readers.values()
        texts = [plate["plate"] for plate in truth["plates"]]
        entries = EmptyList({text: Match(f"car-{i}", "registered", True) for i, text in enumerate(texts)})
        lane.vehicle_list = replace(lane.vehicle_list, entries=entries)
        _marked(lane, marks)
        box.start()
        time.sleep(SETTLE_S)
        opened.clear()
        since_ns = marks.restart()
        time.sleep(seconds)
        until_ns = marks.last_whole_loop()
        inspections = lane.inspections
        box.close()
        told = _events(Path(name) / "box" / "outbox.sqlite3")
    since_ns = marks.seen[0] if marks.seen else since_ns
    waits = _waits(marks.seen, opened, until_ns)
    events = sum(since_ns <= at < until_ns for at in told)
    passages = sum(since_ns <= at < until_ns for at in marks.seen)
    return {
        "commands": ["python -m benchmarks gate" + (" --quick" if quick else "")],
        "figures": {
            "relay_p50_ms": round(median(waits)),
            "relay_p95_ms": round(percentile(waits, 0.95)),
            "relay_missed": passages - len(waits),
            "events_per_vehicle": round(events / max(1, passages), 3),
            "passages": passages,
            "looks": inspections,
        },
        "peers": {},
    }


@dataclass
class Marks:
    """When the frames came in which a plate is first legible.

    A frame is known by the picture of the clip that it is nearest to. One that did not come is stood for by the next.
    """

    clip: Grey
    wanted: list[int]
    seen: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)

    @staticmethod
    def of(truth: dict[str, Any]) -> Marks:
        """Small pictures of the clip, and the numbers of those frames."""
        with av.open(str(CLIP)) as clip:
            pictures = np.stack([_small(frame) for frame in clip.decode(video=0)])
        return Marks(pictures, [plate["legible_frames"][0] for plate in truth["plates"]])

    def look(self, frame: av.VideoFrame, time_ns: int) -> None:
        """Note the time of a frame that was waited for; the marks come one after the other."""
        number = int(np.abs(self.clip - _small(frame)).mean(axis=(1, 2)).argmin())
        for mark, wanted in enumerate(self.wanted):
            if wanted <= number < wanted + LATE and (not self.first or self.first[-1] != mark):
                self.seen.append(time_ns)
                self.first.append(mark)

    def restart(self) -> int:
        """Forget what was seen; the next passage is the first that counts."""
        self.seen.clear()
        return time.time_ns()

    def last_whole_loop(self) -> int:
        """The time of the last mark: the passage after it may not be over yet."""
        return self.seen[-1] if self.seen else 0


def _small(frame: av.VideoFrame) -> Grey:
    return np.asarray(cv2.resize(luma_of(frame), (64, 36), interpolation=cv2.INTER_AREA), np.float32)


def _marked(lane: PlateReaderWorker, marks: Marks) -> None:
    """Let the marks see what the lane sees."""
    take = lane.frame

    def both(frame: av.VideoFrame, time_ns: int) -> None:
        marks.look(frame, time_ns)
        take(frame, time_ns)

    lane.frame = both  # type: ignore[method-assign]


def _waits(seen: list[int], opened: list[int], until_ns: int) -> list[float]:
    """For each mark the time to the first command after it and before the next mark."""
    waits = []
    for at, after in zip(seen, [*seen[1:], until_ns], strict=True):
        commands = [command for command in opened if at <= command < after]
        if commands and at < until_ns:
            waits.append((commands[0] - at) / 1e6)
    return waits


def _events(path: Path) -> list[int]:
    """When the vehicle events in the outbox were seen."""
    from protocol.envelope import decode

    with sqlite3.connect(path) as db:
        found = [decode(bytes(row[0])) for row in db.execute("SELECT body FROM events")]
    return [event.time_ns for event in found if event.kind.startswith("vehicle.")]


def _box(folder: Path, gate: str, others: list[str], relay: str) -> Box:
    entry = {"name": "lane", "grammars": [], "patterns": [PATTERN], "relay": {"kind": "http", "url": relay}}
    cameras: list[dict[str, Any]] = [{"id": "gate", "url": gate, "gate": entry}]
    zone = {"name": "all", "polygon": [[0.02, 0.02], [0.98, 0.02], [0.98, 0.99], [0.02, 0.99]]}
    cameras += [{"id": f"c{i}", "url": url, "zones": [zone]} for i, url in enumerate(others)]
    told = {"site": "bench", "box": "box", "data": "box", "status_port": 0, "broker": {"port": 9}, "cameras": cameras}
    (folder / "box.yaml").write_text(json.dumps(told))  # JSON is YAML
    loaded = settings_loader.load(folder / "box.yaml", BoxSettings)
    return Box(loaded, folder, load_models(loaded, folder))


@contextmanager
def _controller() -> Iterator[tuple[str, list[int]]]:
    """A relay's HTTP controller that notes when it was told to open."""
    opened: list[int] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            opened.append(time.time_ns())
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/open", opened
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
