from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from rec_kit import RATE, PlainWrapper, Store, stream

from common.errors import DiskTrouble, FootageError
from edge.recorder.disk import RealDisk
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.index import MIGRATIONS, Gap, Index, Segment
from edge.recorder.retention.keys import FileWrapper
from edge.recorder.startup_recovery import ACCEPT, DISK_ID, check_disk, open_index
from protocol.event_types import DiskChanged, DiskFull


@pytest.fixture
def store() -> Store:
    return Store(FakeDisk(random.Random(1)))


def put(store: Store, path: str, data: bytes) -> None:
    handle = store.disk.create(path)
    handle.write(data)
    handle.sync()


def test_a_segment_under_way_is_salvaged_up_to_its_last_whole_part(store: Store) -> None:
    for item in stream(store.clock, 20):
        store.writer.feed(item)
    store.clock.advance(30)
    store.reopen()
    (row,) = store.rows()
    assert row.finished
    assert store.writer.report.salvaged == 1
    assert store.frames(row) >= 18 * RATE
    store.record(5, session=2)
    gaps = store.index.gaps("cam-1", 0, 2**62)
    assert [gap.cause for gap in gaps] == ["box down"]
    assert gaps[0].from_ns == row.end_ns
    assert 30 <= gaps[0].seconds <= 32


def test_a_segment_without_a_row_is_found_again_when_the_index_is_lost(store: Store) -> None:
    store.record(130)
    store.writer.close()
    before = store.rows()
    store.index = Index(":memory:")
    store.reopen()
    assert store.rows() == before
    assert store.writer.report.salvaged == 3
    store.reopen()
    assert store.writer.report.salvaged == 0


def test_what_is_not_ours_is_reported_and_left_alone(store: Store) -> None:
    store.record(5)
    store.writer.close()
    (row,) = store.rows()
    folder = row.path.rpartition("/")[0]
    foreign = {
        f"{folder}/holiday.mp4": b"a film",
        f"{folder}/01a0c450-6c00-7087-a652-000000000000.seg": b"",
        f"{folder}/01a0c450-6c00-7087-a652-000000000001.seg": b"PFSEG\x00\x01\nxx",
        "footage/cam-2/1/01a0c450-6c00-7087-a652-000000000002.seg": store.disk.read(row.path, 0, 1 << 20),
    }
    for path, data in foreign.items():
        put(store, path, data)
    store.reopen()
    assert store.writer.report.foreign == sorted(foreign)
    assert all(store.disk.size(path) == len(data) for path, data in foreign.items())
    assert store.rows() == [row]


def test_a_row_without_its_file_is_dropped_and_stands_in_the_ledger(store: Store) -> None:
    store.record(130)
    store.writer.close()
    first, *rest = store.rows()
    store.disk.unlink(first.path)
    store.reopen()
    assert store.rows() == rest
    assert store.writer.report.missing == 1
    assert [gap.cause for gap in store.index.gaps("cam-1", 0, 2**62)] == ["file missing"]


def test_an_interrupted_deletion_is_finished(store: Store) -> None:
    store.record(65)
    store.writer.close()
    rows = store.rows()
    store.index.discard(rows, ("cam-1", rows[0].day))
    assert store.index.files_to_delete()[0].startswith("keys/")
    store.reopen()
    assert store.writer.report.finished_deletions == 3
    assert store.index.files_to_delete() == []
    assert store.disk.walk("footage") == store.disk.walk("keys") == []
    assert store.writer.report.foreign == []


def test_another_disk_none_or_an_emptied_one_is_recognised_and_not_written(store: Store) -> None:
    store.record(5)
    store.writer.close()
    other = FakeDisk(random.Random(2))
    old, store.disk = store.disk, other
    store.reopen()
    assert not store.writer.ready
    store.record(5, session=2)
    assert other.walk("") == []
    assert [type(draft.data) for draft in store.sent] == [DiskChanged]
    assert len(store.rows()) == 1
    put(store, DISK_ID, b"somebody else's")
    with pytest.raises(DiskTrouble, match="another disk"):
        check_disk(other, store.index, "new")
    store.disk = old
    store.reopen()
    assert store.writer.ready
    assert len(store.rows()) == 1


def test_a_person_accepts_a_new_disk(store: Store) -> None:
    store.record(5)
    store.writer.close()
    store.disk = FakeDisk(random.Random(2))
    put(store, ACCEPT, b"")
    store.reopen()
    assert store.writer.ready
    assert store.disk.walk("") == [DISK_ID]
    assert store.rows() == []
    assert [gap.cause for gap in store.index.gaps("cam-1", 0, 2**62)] == ["file missing"]


def test_a_disk_that_goes_while_recording_stops_it_and_one_that_comes_back_goes_on(store: Store) -> None:
    store.record(20)
    disk = store.disk
    kept = disk.read(DISK_ID, 0, 64)
    disk.unlink(DISK_ID)
    store.record(10)
    assert not store.writer.ready
    put(store, DISK_ID, kept)
    store.record(10)
    store.record(10)
    assert store.writer.ready
    store.writer.close()
    gaps = store.index.gaps("cam-1", 0, 2**62)
    assert [gap.cause for gap in gaps] == ["disk changed"]
    assert [type(draft.data).__name__ for draft in store.sent] == ["DiskChanged", "FootageGap"]


def test_a_full_disk_is_told_once_and_costs_only_what_it_could_not_take() -> None:
    disk = FakeDisk(random.Random(1), capacity=400_000)
    store = Store(disk)
    store.record(120)
    assert [type(draft.data) for draft in store.sent] == [DiskFull]
    disk.capacity = 1 << 40
    store.record(30)
    store.writer.close()
    gaps = store.index.gaps("cam-1", 0, 2**62)
    assert [gap.cause for gap in gaps] == ["disk full"]
    rows = store.rows()
    kept_s = sum(row.end_ns - row.start_ns for row in rows) / 1e9
    assert kept_s + gaps[0].seconds == pytest.approx(150, abs=0.15)
    assert all(store.frames(row) for row in rows)


def test_a_damaged_index_is_set_aside_and_filled_again(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    wrapper = FileWrapper(tmp_path / "box.key")
    store = Store(RealDisk(tmp_path / "disk"), Index(tmp_path / "index.sqlite3"), wrapper)
    store.record(65)
    store.writer.close()
    before = store.rows()
    store.index.close()
    (tmp_path / "index.sqlite3").write_bytes(b"this is not a database, it is a mistake" * 99)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"index.sqlite3{suffix}").unlink(missing_ok=True)
    said: list[str] = []
    store.index = open_index(tmp_path / "index.sqlite3", said.append)
    store.reopen()
    assert store.rows() == before
    assert len(said) == 1
    assert (tmp_path / "index.sqlite3.damaged-1").exists()


def test_a_wrong_box_key_leaves_the_footage_alone_and_says_so(tmp_path: Path) -> None:
    store = Store(FakeDisk(random.Random(1)), wrapper=FileWrapper(tmp_path / "box.key"))
    store.record(5)
    store.writer.close()
    store.wrapper, store.index = FileWrapper(tmp_path / "other.key"), Index(":memory:")
    store.reopen()
    assert len(store.writer.report.foreign) == 1
    store.record(5)
    assert store.rows() == []
    assert len(store.disk.walk("footage")) == 1


def test_migrations_go_forward_from_every_schema_and_never_back(tmp_path: Path) -> None:
    for known in range(len(MIGRATIONS) + 1):
        path = tmp_path / f"{known}.db"
        with sqlite3.connect(path) as db:
            for script in MIGRATIONS[:known]:
                db.executescript(script)
            db.execute(f"PRAGMA user_version = {known}")
        db.close()
        index = Index(path)
        index.set_fact("x", "y")
        index.close()
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        db.close()
        with pytest.raises(FootageError, match="newer version"):
            open_index(path, print)


def test_the_index_finds_what_overlaps_and_rolls_back_what_failed() -> None:
    index = Index(":memory:")
    ids = [f"01a0c450-6c00-7087-a652-00000000000{number}" for number in range(3)]
    rows = [Segment("cam", id_, at * 60, at * 60 + 60, 10, True) for at, id_ in enumerate(ids)]
    index.add(rows)
    index.add(rows[:1])
    assert index.find("cam", 60, 61) == [rows[1]]
    assert index.find("cam", 59, 121) == rows
    assert index.find("cam", 180, 999) == index.find("nobody", 0, 999) == []
    assert index.last("cam") == rows[2]
    assert index.last("nobody") is None
    assert [(use.camera, use.day, use.bytes, use.segments) for use in index.days()] == [("cam", 0, 30, 3)]
    with pytest.raises(FootageError):
        index.note_gap(Gap("new", 1, 2, None, "x"))  # type: ignore[arg-type]
    index.note_gap(Gap("cam", 1, 5, 4.0, "x"))
    assert index.gaps("cam", 4, 9) == [Gap("cam", 1, 5, 4.0, "x")]
    assert index.gaps("cam", 5, 9) == []
    index.close()
    with pytest.raises(FootageError):
        index.days()


def test_the_plain_wrapper_of_the_tests_keeps_its_word() -> None:
    assert PlainWrapper().unwrap(PlainWrapper().wrap(bytes(32))) == bytes(32)
