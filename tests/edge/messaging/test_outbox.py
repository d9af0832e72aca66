from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from edge_kit import draft, open_outbox

from common.errors import OutboxError
from edge.messaging.event_priorities import NEVER, RANKS
from protocol.envelope import UnsequencedEvent, decode
from protocol.event_types import KINDS, DoorForced, OutboxLost, ZoneLeft

JPEG = b"\xff\xd8\xff" + bytes(2_000)


def test_events_are_numbered_without_holes_and_read_in_order(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    for track in range(1, 6):
        outbox.put([draft(track), draft(track + 100)])
    waiting = outbox.read(0, 100)
    assert [row.sequence for row in waiting] == list(range(1, 11))
    events = [decode(row.body) for row in waiting]
    assert [event.sequence for event in events] == list(range(1, 11))
    assert len({event.id for event in events}) == 10
    assert {event.epoch for event in events} == {outbox.epoch}
    outbox.close()


def test_only_a_receipt_makes_it_forget(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    outbox.put([draft(n) for n in range(1, 11)])
    outbox.forget([(1, 3), (5, 5)])
    assert [row.sequence for row in outbox.read(0, 100)] == [4, 6, 7, 8, 9, 10]
    assert outbox.store.waiting == 6
    outbox.close()


def test_numbers_go_on_after_a_restart_even_when_nothing_waits(tmp_path: Path) -> None:
    first = open_outbox(tmp_path / "o.db")
    first.put([draft(1), draft(2)])
    first.forget([(1, 2)])
    epoch = first.epoch
    first.close()
    retry = open_outbox(tmp_path / "o.db")
    retry.put([draft(3)])
    assert [row.sequence for row in retry.read(0, 9)] == [3]
    assert (retry.epoch, retry.store.waiting) == (epoch, 1)
    retry.close()


def test_a_new_disk_is_a_new_epoch(tmp_path: Path) -> None:
    one, two = open_outbox(tmp_path / "a.db"), open_outbox(tmp_path / "b.db")
    same_seed = one.epoch == two.epoch
    one.close()
    two.close()
    assert same_seed, "the same randomness gives the same name"
    os.remove(tmp_path / "a.db")
    outbox = open_outbox(tmp_path / "a.db")
    outbox.put([draft()])
    assert outbox.read(0, 1)[0].sequence == 1
    outbox.close()


def test_many_threads_share_commits_and_lose_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")

    def work(first: int) -> None:
        for track in range(first, first + 50):
            outbox.put([draft(track)])

    threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = outbox.read(0, 1000)
    assert [row.sequence for row in waiting] == list(range(1, 401))
    tracks = {decode(row.body).time_ns for row in waiting}
    assert len(tracks) == 400
    outbox.close()


def test_a_full_outbox_gives_up_pictures_first(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db", max_bytes=100_000)
    for track in range(60):
        outbox.put([draft(track, JPEG)])
    assert outbox.store.pictures_dropped > 0
    assert outbox.store.dropped == 0
    assert len(outbox.read(0, 1000)) == 60
    assert outbox.store.waiting_bytes <= 100_000
    outbox.close()


def test_a_full_outbox_gives_up_the_lowest_kind_and_confesses(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db", max_bytes=60_000)
    forced = UnsequencedEvent("door-1", DoorForced(door="door-1"), 1)
    facts = draft().data
    left = ZoneLeft(zone="yard", object="person", track=1, bbox=(1, 2, 3, 4), confidence=0.9)
    assert RANKS["zone.left"] < RANKS["zone.entered"] < RANKS["door.forced"]
    outbox.put([forced, *[UnsequencedEvent("cam", facts, 1)] * 100, *[UnsequencedEvent("cam", left, 1)] * 400])
    events = [decode(row.body) for row in outbox.read(0, 1000)]
    kinds = [event.kind for event in events]
    assert kinds.count("door.forced") == 1
    assert kinds.count("zone.entered") == 100 or kinds.count("zone.left") == 0
    lost = [event.data for event in events if event.kind == "outbox.lost"]
    told = {n for data in lost if isinstance(data, OutboxLost) for a, b in data.sequences for n in range(a, b + 1)}
    kept = {event.sequence for event in events}
    assert told | kept == set(range(1, outbox.store.last + 1)), "every number is there or confessed"
    assert not told & kept
    assert sum(data.count for data in lost if isinstance(data, OutboxLost)) == outbox.store.dropped == len(told)
    outbox.close()


def test_every_kind_has_a_rank_and_only_the_confession_is_never_dropped() -> None:
    assert set(RANKS) == set(KINDS)
    assert [kind for kind, rank in RANKS.items() if rank == NEVER] == ["outbox.lost"]


def test_a_file_that_is_no_outbox_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o.db").write_bytes(b"this is not a database, it is a letter" * 100)
    with pytest.raises(OutboxError, match=r"o\.db"):
        open_outbox(tmp_path / "o.db")


def test_a_closed_outbox_says_so(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    outbox.close()
    with pytest.raises(OutboxError, match="closed"):
        outbox.put([draft()])


def test_a_failed_write_is_raised_and_changes_no_count(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    outbox.put([draft(1)])
    other = sqlite3.connect(tmp_path / "o.db")
    other.execute("DROP TABLE events")
    other.commit()
    with pytest.raises(OutboxError, match="cannot write"):
        outbox.put([draft(2)])
    assert (outbox.store.last, outbox.store.waiting) == (1, 1)
    with pytest.raises(OutboxError, match="cannot read"):
        outbox.read(0, 1)
    other.close()
    outbox.close()


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from edge_kit import draft, open_outbox
outbox = open_outbox(Path(sys.argv[1]))
track = 0
while True:
    track += 1
    outbox.put([draft(track)])
    print(track, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    words = [sys.executable, "-c", KILLED, str(path), str(Path(__file__).parents[1]), str(Path(__file__).parents[3])]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(50)]
    os.kill(child.pid, signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().split()]
    child.wait()
    child.stdout.close()
    outbox = open_outbox(path)
    kept = {decode(row.body).time_ns - 1_700_000_000_000_000_000 for row in outbox.read(0, 100_000)}
    assert set(told) <= kept
    assert [row.sequence for row in outbox.read(0, 100_000)] == list(range(1, outbox.store.last + 1))
    outbox.close()
