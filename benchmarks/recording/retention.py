"""`retention`: sixty simulated days with bit-rate swings, holds, a full disk, steps of the clock.

Footage is made of stand-in files of the right size in the index and of a few bytes on the simulated disk (its counted
size is scaled); rows, keys, holds, garbage and the sweeper are the real ones. Days are UTC, so daylight saving does
not come near them; the site's clock changes are in the run as steps of an hour all the same.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from footage_kit import PlainWrapper

from common.clock import SECOND_NS, FakeClock
from edge.recorder.box_events import BoxEvents
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.index import Index, Segment
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.retention.keys import path_of as key_path
from edge.recorder.retention.legal_holds import Hold, Holds
from edge.recorder.retention.retention import Policy, age_days
from edge.recorder.retention.retention_worker import RetainedFootage, RetentionRules, RetentionWorker
from edge.recorder.segments.segment import DAY_NS
from edge.recorder.segments.writer import Writer
from protocol.envelope import UnsequencedEvent
from protocol.identifiers import uuid7

CAMERAS, STEP_S, SEED = 6, 3600, 60
FLOOR, CEILING = 10, 14
BYTES = 4_000
"""Of a segment of an hour on the simulated disk: a stand-in."""


@dataclass
class Tally:
    """What went wrong."""

    floor_breaks: int = 0
    ceiling_breaks: int = 0
    orphans: int = 0
    hold_breaks: int = 0
    written: int = 0
    erased: int = 0
    refused_full: int = 0
    kinds: dict[str, int] = field(default_factory=dict)


def run(quick: bool) -> dict[str, Any]:
    """The days, several times with other chances."""
    tally = Tally()
    for number in range(1 if quick else 3):
        _Site(random.Random(SEED + number), tally).run(60)
    return {
        "commands": ["python -m benchmarks retention" + (" --quick" if quick else "")],
        "figures": {
            "floor_breaks": tally.floor_breaks,
            "ceiling_breaks": tally.ceiling_breaks,
            "orphans": tally.orphans,
            "hold_breaks": tally.hold_breaks,
            "segments_written": tally.written,
            "segments_erased": tally.erased,
            "not_written_for_want_of_space": tally.refused_full,
            "disk_full_told": tally.kinds.get("disk.full", 0),
            "at_risk_told": tally.kinds.get("footage.at_risk", 0),
            "days": 60,
            "seed": SEED,
        },
        "peers": {},
    }


class _Site:
    def __init__(self, chance: random.Random, tally: Tally) -> None:
        self._chance, self._tally = chance, tally
        # room for about a floor and a half of everything at the usual rate: a swing fills it
        self._disk = FakeDisk(chance, capacity=CAMERAS * 24 * BYTES * (FLOOR + 3))
        self._index, self._clock = Index(":memory:"), FakeClock(now_ns=20_700 * DAY_NS)
        self._keys, self._holds = DayKeyStore(self._disk, PlainWrapper()), Holds(self._disk)
        self._writer = Writer(
            self._disk, self._keys, self._index, self._clock, chance.randbytes, lambda _draft: None, "box"
        )
        self._writer.start()
        policies = {f"cam-{it}": Policy(FLOOR, CEILING, it % 2, it) for it in range(CAMERAS)}
        self._sweeper = RetentionWorker(
            RetainedFootage(self._disk, self._keys, self._index, self._holds),
            self._writer,
            RetentionRules(policies, 20 * BYTES),
            self._clock,
            BoxEvents("box", self._count),
        )
        self._kept: dict[str, Segment] = {}
        self._late_since_ns: dict[str, int] = {}
        self._wrong_until_ns = 0

    def run(self, days: int) -> None:
        """An hour at a time."""
        for number in range(days * 86_400 // STEP_S):
            self._clock.advance(STEP_S)
            self._surprise(number)
            rate = 1 + 0.8 * ((number // 120) % 3 - 1)  # swings by 80 % every five days
            for camera in range(CAMERAS):
                self._write(f"cam-{camera}", max(64, round(BYTES * rate * self._chance.uniform(0.7, 1.3))))
            self._sweeper.check()
            self._judge()

    def _surprise(self, number: int) -> None:
        chance, now_ns = self._chance, self._clock.now_ns
        if number % 240 == 150:  # a clock that is an hour off for a while, and back
            self._clock.step_wall(3500)
        elif number % 240 == 152:
            self._clock.step_wall(-3500)
        elif number == 750:  # and one that wakes up in another year for an hour
            self._clock.step_wall(400 * 86_400)
            self._wrong_until_ns = self._clock.mono_ns + 1
        elif number == 751:
            self._clock.step_wall(-400 * 86_400)
        if chance.random() < 0.02 and self._wrong_until_ns == 0:
            start = now_ns - chance.randrange(1, FLOOR) * DAY_NS
            hold = Hold(
                id=uuid7(now_ns, chance.randbytes(10)),
                camera=f"cam-{chance.randrange(CAMERAS)}",
                from_ns=start,
                to_ns=start + chance.randrange(1, 6) * 3600 * SECOND_NS,
                owner="chief",
                reason="simulated",
                case=str(number),
                made_ns=now_ns,
                end_ns=now_ns + chance.randrange(5, 30) * DAY_NS,
            )
            self._holds.place(hold)

    def _write(self, camera: str, size: int) -> None:
        if camera in self._writer.stopped or self._clock.now_ns > 20_900 * DAY_NS or self._disk.free_bytes() < size:
            self._tally.refused_full += 1
            return
        now_ns = self._clock.now_ns
        row = Segment(
            camera, uuid7(now_ns, self._chance.randbytes(10)), now_ns - STEP_S * SECOND_NS, now_ns, size, True
        )
        self._keys.obtain(camera, row.day)
        handle = self._disk.create(row.path)
        handle.write(bytes(size))
        handle.sync()
        self._disk.sync_folder(row.path.rpartition("/")[0])
        self._index.add([row])
        self._kept[row.id] = row
        self._tally.written += 1

    def _judge(self) -> None:
        """Compare what is on the disk with what must and may be."""
        now_ns = self._clock.now_ns
        holds = self._holds.all()[0]
        files = set(self._disk.walk("footage"))
        keys = set(self._disk.walk("keys"))
        for id_, row in list(self._kept.items()):
            age = age_days(row.day, now_ns)
            held = any(hold.covers(row.camera, row.start_ns, row.end_ns, now_ns) for hold in holds)
            if row.path not in files or key_path(row.camera, row.day) not in keys:
                del self._kept[id_]
                self._late_since_ns.pop(id_, None)
                self._tally.erased += 1
                self._tally.floor_breaks += now_ns < row.end_ns + FLOOR * DAY_NS - 3600 * SECOND_NS
                self._tally.hold_breaks += held
            elif age >= CEILING and not held and now_ns < 20_900 * DAY_NS:
                since_ns = self._late_since_ns.setdefault(id_, self._clock.mono_ns)
                if self._clock.mono_ns - since_ns > 3 * 3600 * SECOND_NS:  # the clock's hour of doubt, and a sweep
                    self._tally.ceiling_breaks += 1
            else:
                self._late_since_ns.pop(id_, None)
        known = {row.path for row in self._kept.values()}
        self._tally.orphans += len(files - known) + len(self._index.files_to_delete())

    def _count(self, draft: UnsequencedEvent) -> None:
        self._tally.kinds[draft.kind] = self._tally.kinds.get(draft.kind, 0) + 1
