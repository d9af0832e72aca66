"""`outbox`: events committed in groups, beside single commits, with as many threads waiting as a busy box has."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import median
from common.clock import SystemClock
from edge.messaging.outbox import Outbox
from edge.messaging.outbox_store import EventIdentity
from protocol.envelope import UnsequencedEvent, decode
from protocol.event_types import ZoneEntered

GROUP = 100
THREADS = 8


def run(quick: bool) -> dict[str, Any]:
    """Rounds of group commits and of single commits to plain SQLite, in turn."""
    rounds, events, singles = (3, 20_000, 300) if quick else (7, 50_000, 1_000)
    ours, single, lost, doubled = [], [], 0, 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            rate, missing, twice = _ours(Path(folder), events)
            ours.append(rate)
            lost, doubled = lost + missing, doubled + twice
        with tempfile.TemporaryDirectory() as folder:
            single.append(_single(Path(folder), singles))
    return {
        "commands": ["python -m benchmarks outbox" + (" --quick" if quick else "")],
        "figures": {"events_per_s": round(median(ours)), "lost": lost, "doubled": doubled},
        "peers": {"single_commits_per_s": round(median(single)), "ratio": round(median(ours) / median(single), 1)},
    }


def _ours(folder: Path, events: int) -> tuple[float, int, int]:
    """Events per second until they are on disk (`put` has returned); lost and doubled."""
    outbox = Outbox(folder / "o.db", EventIdentity("site", "box", os.urandom), SystemClock(), 10**9)
    each = events // THREADS // GROUP * GROUP

    def work(first: int) -> None:
        for start in range(first, first + each, GROUP):
            outbox.put([_draft(track) for track in range(start, start + GROUP)])

    threads = [threading.Thread(target=work, args=(n * each,)) for n in range(THREADS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - began
    kept = [decode(row.body).time_ns for row in outbox.read(0, events + 1)]
    outbox.close()
    total = each * THREADS
    return total / took_s, total - len(set(kept)), len(kept) - len(set(kept))


def _single(folder: Path, events: int) -> float:
    """One commit an event, SQLite WAL FULL: what an outbox without groups would do."""
    db = sqlite3.connect(folder / "s.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE events (sequence INTEGER PRIMARY KEY, body BLOB)")
    body = bytes(380)
    began = time.monotonic()
    for _ in range(events):
        db.execute("INSERT INTO events (body) VALUES (?)", (body,))
    took_s = time.monotonic() - began
    db.close()
    return events / took_s


def _draft(track: int) -> UnsequencedEvent:
    data = ZoneEntered(zone="forecourt", object="person", track=track, bbox=(1.5, 2.5, 30.5, 90.5), confidence=0.87)
    return UnsequencedEvent("walkway", data, track)
