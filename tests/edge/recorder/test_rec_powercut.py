"""A few trials of the power-cut benchmark; and that it would notice."""

from __future__ import annotations

import random

import pytest
from footage_kit import film

from benchmarks.recording import powercut
from edge.recorder.fakedisk import FakeDisk, PowerCut
from edge.recorder.segments.segment import SegmentWriter


def trials(count: int) -> powercut.Tally:
    shown, tally, chance = film((64, 48), powercut.FPS, 4), powercut.Tally(), random.Random(5)
    steps = powercut._Trial(shown, random.Random(1)).work(-1)
    for _ in range(count):
        trial = powercut._Trial(shown, random.Random(chance.randrange(2**32)))
        trial.work(chance.randrange(steps))
        trial.judge(tally)
    return tally


def test_a_power_cut_costs_two_seconds_at_most_and_no_row() -> None:
    tally = trials(20)
    assert tally.max_lost_s <= 2
    assert (tally.acknowledged_lost, tally.repairs, tally.unplayable) == (0, 0, 0)
    assert tally.salvaged > 0


def test_a_writer_that_does_not_flush_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    flush = SegmentWriter._flush

    def forgetful(self: SegmentWriter) -> None:
        handle = self._handle
        self._handle = Unflushed(handle)  # type: ignore[assignment]
        flush(self)
        self._handle = handle

    monkeypatch.setattr(SegmentWriter, "_flush", forgetful)
    tally = trials(10)
    assert tally.max_lost_s > 2 or tally.acknowledged_lost > 0


class Unflushed:
    def __init__(self, handle: object) -> None:
        self.write = handle.write  # type: ignore[attr-defined]

    def sync(self) -> None: ...


def test_the_disk_drops_and_tears_what_was_not_flushed() -> None:
    kept = set()
    for seed in range(40):
        disk = FakeDisk(random.Random(seed))
        handle = disk.create("f/a")
        handle.write(b"x" * 5000)
        handle.sync()
        disk.sync_folder("f")
        handle.write(b"y" * 9000)
        disk.cut_at = disk.steps
        with pytest.raises(PowerCut):
            handle.sync()
        disk.crash()
        data = disk.read("f/a", 0, 1 << 20)
        assert data[:5000] == b"x" * 5000
        kept.add(len(data))
        assert disk.used == disk.count()
    assert len(kept) > 3


def test_a_file_without_its_folder_flushed_may_vanish_and_a_removed_one_may_return() -> None:
    seen, back = set(), set()
    for seed in range(20):
        disk = FakeDisk(random.Random(seed))
        disk.create("f/a").sync()
        disk.create("g/b").sync()
        disk.sync_folder("g")
        disk.unlink("g/b")
        disk.crash()
        seen.add(disk.size("f/a"))
        back.add(disk.size("g/b"))
    assert seen == back == {0, None}
