"""`powercut`: a simulated disk that drops, reorders and tears what was not flushed, cut at random instants.

Files go through the simulated disk; SQLite's own promise (a committed transaction stays) is taken for granted, and is
what `synchronous=FULL` is documented to keep. Each trial records two cameras while an older day is being erased, is
cut at a random operation of the disk (every eighth while the erasing runs), and starts again.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from typing import Any

import av
from footage_kit import Film, PlainWrapper, film, items

from common.clock import SECOND_NS, FakeClock
from common.errors import FootageError
from edge.recorder.box_events import BoxEvents
from edge.recorder.fakedisk import FakeDisk, PowerCut
from edge.recorder.index import Index, Segment
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.retention.legal_holds import Holds
from edge.recorder.retention.retention_worker import RetainedFootage, RetentionRules, RetentionWorker
from edge.recorder.segments.segment import SegmentReader
from edge.recorder.segments.writer import Writer

CAMERAS, FPS, SECONDS = 2, 5, 70
SEED = 20_261_123


@dataclass
class Tally:
    """What all trials found."""

    cuts: int = 0
    max_lost_s: float = 0.0
    acknowledged_lost: int = 0
    repairs: int = 0
    unplayable: int = 0
    salvaged: int = 0
    erasures_cut: int = 0


def run(quick: bool) -> dict[str, Any]:
    """Trials until the number of cuts is reached."""
    seed, wanted = SEED, 150 if quick else 1000
    chance, shown, tally = random.Random(seed), film((64, 48), FPS, 4), Tally()
    whole = _Trial(shown, random.Random(seed))
    steps = whole.work(-1)
    while tally.cuts < wanted:
        trial = _Trial(shown, random.Random(chance.randrange(2**62)))
        at = chance.randrange(*whole.erasing) if tally.cuts % 8 == 0 else chance.randrange(steps)
        trial.work(at)
        trial.judge(tally)
        tally.cuts += 1
    return {
        "commands": ["python -m benchmarks powercut" + (" --quick" if quick else "")],
        "figures": {
            "cuts": tally.cuts,
            "max_lost_s": round(tally.max_lost_s, 3),
            "acknowledged_lost": tally.acknowledged_lost,
            "repairs": tally.repairs,
            "unplayable": tally.unplayable,
            "seed": seed,
            "steps_per_trial": steps,
            "salvaged": tally.salvaged,
            "erasures_cut": tally.erasures_cut,
        },
        "peers": {},
    }


class _Trial:
    def __init__(self, shown: Film, chance: random.Random) -> None:
        self._film, self._chance = shown, chance
        self._disk, self._index = FakeDisk(chance), Index(":memory:")
        self._clock = FakeClock(now_ns=1_790_000_000 * SECOND_NS)
        self._writer, self._sweeper = self._open()
        for item in items(shown, self._clock, 3, CAMERAS):
            self._writer.feed(item)
        self._writer.close()
        self._clock.advance(31.5 * 86_400)
        self._writer, self._sweeper = self._open()
        self._fed: dict[str, int] = {}
        self._began_ns = self._clock.now_ns
        self.erasing = (0, 0)

    def work(self, cut_after: int) -> int:
        """Record and erase until the power goes; the disk's operations that it took."""
        began = self._disk.steps
        self._disk.cut_at = began + cut_after if cut_after >= 0 else -1
        try:
            for number, item in enumerate(items(self._film, self._clock, SECONDS, CAMERAS)):
                self._writer.feed(item)
                self._fed[item.camera] = item.wall_ns
                if number == SECONDS * FPS:
                    from_step = self._disk.steps - began
                    self._sweeper.sweep(self._clock.now_ns)
                    self.erasing = from_step, self._disk.steps - began
        except PowerCut:
            pass
        return self._disk.steps - began

    def judge(self, tally: Tally) -> None:
        """Start again and compare with what was promised."""
        promised = {row.id: row for camera in self._fed for row in self._all(camera)}
        doomed = set(self._index.files_to_delete())
        tally.erasures_cut += bool(doomed)
        self._disk.crash()
        self._clock.advance(20)
        writer, _ = self._open()
        tally.salvaged += writer.report.salvaged
        tally.repairs += not writer.ready
        again, _ = self._open()
        report = again.report
        tally.repairs += bool(report.salvaged or report.emptied or report.finished_deletions or report.missing)
        kept = {row.id: row for camera in self._fed for row in self._all(camera)}
        for id_, row in promised.items():
            now = kept.get(id_)
            lost = now is None or now.end_ns < row.end_ns
            tally.acknowledged_lost += lost and row.path not in doomed
        for camera, last_ns in self._fed.items():
            until = max((row.end_ns for row in self._all(camera)), default=0)
            lost_ns = last_ns + SECOND_NS // FPS - max(until, self._began_ns)
            tally.max_lost_s = max(tally.max_lost_s, lost_ns / SECOND_NS)
        tally.unplayable += sum(0 if self._plays(row) else 1 for row in kept.values())

    def _plays(self, row: Segment) -> bool:
        try:
            reader = SegmentReader(self._disk, row.path, DayKeyStore(self._disk, PlainWrapper()).find)
            with av.open(io.BytesIO(reader.read(0, reader.plain_bytes)), "r") as container:
                shown = sum(1 for _ in container.decode(video=0))
        except (FootageError, av.error.FFmpegError):
            return False
        return abs(shown - (row.end_ns - row.start_ns) * FPS / SECOND_NS) < 1

    def _all(self, camera: str) -> list[Segment]:
        return self._index.find(camera, 0, 2**62)

    def _open(self) -> tuple[Writer, RetentionWorker]:
        keys = DayKeyStore(self._disk, PlainWrapper())
        writer = Writer(self._disk, keys, self._index, self._clock, self._chance.randbytes, lambda _draft: None, "box")
        writer.start()
        sweeper = RetentionWorker(
            RetainedFootage(self._disk, keys, self._index, Holds(self._disk)),
            writer,
            RetentionRules({}, 0),
            self._clock,
            BoxEvents("box", lambda _event: None),
        )
        return writer, sweeper
