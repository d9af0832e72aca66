"""`seek`: the first byte of any minute, in an index of thirty days and sixteen cameras (691,200 rows).

The rows are synthetic; the files of the minutes that are asked for are real segments of the recorder's own making.
From the question to the first decrypted picture data: index, key, header, table, initialisation and first part.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from footage_kit import PlainWrapper, film, items

from benchmarks.machine import percentile
from common.clock import SECOND_NS, FakeClock
from edge.recorder.disk import RealDisk
from edge.recorder.footage.playback import Player
from edge.recorder.index import Index, Segment
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.segments.segment import DAY_NS
from edge.recorder.segments.writer import Writer
from protocol.identifiers import uuid7

CAMERAS, DAYS, MINUTE_NS = 16, 30, 60 * SECOND_NS
START_NS = 20_700 * DAY_NS


def run(quick: bool) -> dict[str, Any]:
    """Fill the index, record the minutes that will be asked for, ask."""
    asked = 200 if quick else 2000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        disk, index = RealDisk(folder), Index(folder / "index.sqlite3")
        rows = _fill(index)
        keys = DayKeyStore(disk, PlainWrapper())
        wanted = _record(disk, index, keys, asked)
        index_mb = sum(path.stat().st_size for path in folder.glob("index.sqlite3*")) / 1e6
        player = Player(disk, keys.find, index)
        _forget(folder)
        times_ms = [_ask(player, camera, at_ns) for camera, at_ns in wanted]
        index.close()
    return {
        "commands": ["python -m benchmarks seek" + (" --quick" if quick else "")],
        "figures": {
            "p95_ms": round(percentile(times_ms, 0.95), 2),
            "p50_ms": round(percentile(times_ms, 0.5), 2),
            "index_mb": round(index_mb, 1),
            "rows": rows,
        },
        "peers": {},
    }


def _fill(index: Index) -> int:
    """A row a minute, camera and day; ids and times as the recorder gives them."""
    total = 0
    for day in range(DAYS):
        rows = list(_day(day))
        index.add(rows)
        total += len(rows)
    return total


def _day(day: int) -> Iterator[Segment]:
    for minute in range(24 * 60):
        start_ns = START_NS + day * DAY_NS + minute * MINUTE_NS
        for camera in range(CAMERAS):
            id_ = uuid7(start_ns, os.urandom(10))
            yield Segment(f"cam-{camera}", id_, start_ns, start_ns + MINUTE_NS, 30_000_000, True)


def _record(disk: RealDisk, index: Index, keys: DayKeyStore, asked: int) -> list[tuple[str, int]]:
    """Real minutes, ten to a camera and day, in place of their synthetic rows; the moments to ask for."""
    chance = random.Random(4)
    shown = film((320, 240), 5, 4)
    wanted: list[tuple[str, int]] = []
    for _ in range(20 if asked <= 200 else 40):
        day, minute = chance.randrange(DAYS), chance.randrange(24 * 60 - 2)
        start_ns = START_NS + day * DAY_NS + minute * MINUTE_NS
        for camera in range(CAMERAS):
            index.drop_rows(index.find(f"cam-{camera}", start_ns, start_ns + MINUTE_NS))
        clock = FakeClock(now_ns=start_ns)
        writer = Writer(disk, keys, index, clock, chance.randbytes, lambda _draft: None, "box")
        writer.ready = True
        for item in items(shown, clock, 60, CAMERAS):
            writer.feed(item)
        writer.close()
        wanted += [(f"cam-{camera}", start_ns) for camera in range(CAMERAS)]
    moments = [chance.choice(wanted) for _ in range(asked)]
    return [(camera, start_ns + chance.randrange(59) * SECOND_NS) for camera, start_ns in moments]


def _forget(folder: Path) -> None:
    """Ask the system to forget the segments' pages, so that the first look at each goes to the disk."""
    os.sync()
    for path in folder.rglob("*.seg"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _ask(player: Player, camera: str, at_ns: int) -> float:
    """Milliseconds to the first picture data of a moment."""
    began = time.perf_counter()
    row = player.find(camera, at_ns, at_ns + SECOND_NS)[0]
    reader = player.reader(row)
    head = reader.between((at_ns - row.start_ns) // 1_000_000, (at_ns - row.start_ns) // 1_000_000 + 1000)[0]
    data = reader.read_fragment(reader.fragment_headers[0]).data + reader.read_fragment(head).data
    took_ms = (time.perf_counter() - began) * 1000
    assert b"moof" in data
    return took_ms
