from __future__ import annotations

import random
from pathlib import Path

import pytest
from rec_kit import RATE, START_NS, PlainWrapper, Store, decoded, packets, stream

from common.errors import DiskTrouble, FootageBroken, FootageError
from edge.recorder.disk import RealDisk, trouble
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.retention.keys import DayKeyStore, FileWrapper, path_of
from edge.recorder.retention.segment_encryption import SegmentCipher, SegmentFragment, pack_header, unpack_header
from edge.recorder.segments.segment import SegmentReader


@pytest.fixture
def store() -> Store:
    return Store(FakeDisk(random.Random(1)))


def test_a_minute_becomes_a_segment_that_plays_and_a_part_a_second(store: Store) -> None:
    store.record(130)
    store.writer.close()
    rows = store.rows()
    assert [round((row.end_ns - row.start_ns) / 1e9, 2) for row in rows] == [60, 60, 10]
    assert [store.frames(row) for row in rows] == [60 * RATE, 60 * RATE, 10 * RATE]
    assert all(row.finished and store.reader(row).finished for row in rows)
    assert store.index.gaps("cam-1", 0, 2**62) == []
    for row in rows:
        fragment_headers = store.reader(row).fragment_headers[1:]
        assert max(head.duration_ms for head in fragment_headers) <= 1000
    assert store.writer.counts.fragments == 130


@pytest.mark.parametrize(("encoder", "tag"), [("libx264", b"avc1"), ("libx265", b"hvc1")])
def test_packets_come_back_byte_for_byte(store: Store, encoder: str, tag: bytes) -> None:
    import io

    import av

    clip = packets(encoder)
    store.record(4, clip=clip)
    store.writer.close()
    reader = store.reader(store.rows()[0])
    assert tag in reader.read_fragment(reader.fragment_headers[0]).data
    with av.open(io.BytesIO(reader.read(0, reader.plain_bytes)), "r") as container:
        kept = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert kept == [data for data, _, _ in clip[2]]


def test_any_byte_range_is_what_stands_there(store: Store) -> None:
    store.record(10)
    store.writer.close()
    reader = store.reader(store.rows()[0])
    whole = reader.read(0, reader.plain_bytes)
    chance = random.Random(2)
    for _ in range(100):
        start = chance.randrange(len(whole))
        size = chance.randrange(1, 5000)
        assert reader.read(start, size) == whole[start : start + size]
    assert reader.read(len(whole), 10) == b""


def test_no_plain_picture_stands_on_the_disk(store: Store) -> None:
    store.record(5)
    store.writer.close()
    data = store.disk.read(store.rows()[0].path, 0, 1 << 30)
    assert not any(box in data for box in (b"moof\0\0\0\x10mfhd", b"ftypiso")), "chance makes four bytes, not these"
    assert not any(packet[64:96] in data for packet, _, _ in packets()[2] if len(packet) > 96)


def sealed() -> tuple[SegmentCipher, bytes]:
    header = pack_header(unpack_header(_header())[0])
    return SegmentCipher(bytes(32), header), header


def _header() -> bytes:
    from edge.recorder.retention.segment_encryption import Header

    return pack_header(Header(id="x", camera="c", day=1, codec="h264", width=1, height=1, wall_ns=1, mono_ns=1))


def test_a_part_that_was_changed_moved_or_sealed_by_another_key_does_not_open() -> None:
    sealer, header = sealed()
    frame = sealer.encrypt(3, SegmentFragment(b"picture", 5, 6, True))
    assert sealer.decrypt(3, frame) == SegmentFragment(b"picture", 5, 6, True)
    wrong = [(4, frame), (3, frame[:-1]), (3, frame[:4] + b"\xff" + frame[5:]), (3, frame[:-1] + b"\x00"), (3, b"")]
    for number, data in wrong:
        with pytest.raises(FootageBroken):
            sealer.decrypt(number, data)
    with pytest.raises(FootageBroken):
        SegmentCipher(b"\x01" * 32, header).decrypt(3, frame)
    with pytest.raises(FootageBroken):
        SegmentCipher(bytes(32), header.replace(b'"day":1', b'"day":2')).decrypt(3, frame)


@pytest.mark.parametrize("start", [b"", b"PFSEG", b"not a segment at all", _header()[:20], _header()[:12] + b"{}" * 90])
def test_what_is_no_segment_is_said_to_be_none(start: bytes) -> None:
    with pytest.raises(FootageBroken, match="not a segment"):
        unpack_header(start)


def test_a_torn_segment_is_read_up_to_its_last_whole_part(store: Store) -> None:
    for item in stream(store.clock, 20):
        store.writer.feed(item)
    (row,) = store.rows()
    assert not row.finished
    reader = store.reader(row)
    found = reader.check()
    assert not found.finished
    assert 18_000 <= found.end_ms <= 20_000
    assert decoded(reader.read(0, reader.plain_bytes)) == found.end_ms * RATE // 1000


def test_the_box_key_has_tight_permissions_and_another_one_opens_nothing(tmp_path: Path) -> None:
    wrapper = FileWrapper(tmp_path / "deep" / "box.key")
    assert (tmp_path / "deep" / "box.key").stat().st_mode & 0o777 == 0o600
    disk = FakeDisk(random.Random(1))
    key = DayKeyStore(disk, wrapper).obtain("cam", 5)
    assert DayKeyStore(disk, FileWrapper(tmp_path / "deep" / "box.key")).find("cam", 5) == key
    assert key not in disk.read(path_of("cam", 5), 0, 100)
    with pytest.raises(FootageBroken, match="does not open with this box's key"):
        DayKeyStore(disk, FileWrapper(tmp_path / "other.key")).obtain("cam", 5)
    (tmp_path / "other.key").chmod(0o644)
    with pytest.raises(FootageError, match="chmod 600"):
        FileWrapper(tmp_path / "other.key")


def test_a_key_whose_making_was_cut_short_is_made_anew() -> None:
    disk = FakeDisk(random.Random(1))
    for content in (b"", b"half", bytes(40)):
        disk.unlink(path_of("cam", 1))
        handle = disk.create(path_of("cam", 1))
        handle.write(content)
        handle.sync()
        keys = DayKeyStore(disk, PlainWrapper())
        assert keys.obtain("cam", 1) == DayKeyStore(disk, PlainWrapper()).find("cam", 1)


def test_a_destroyed_key_leaves_footage_that_nobody_opens(store: Store) -> None:
    store.record(5)
    store.writer.close()
    (row,) = store.rows()
    store.keys.destroy("cam-1", row.day)
    with pytest.raises(FootageBroken, match="its key is missing"):
        SegmentReader(store.disk, row.path, store.keys.find)


def test_the_real_disk_is_exclusive_and_maps_the_systems_errors(tmp_path: Path) -> None:
    import errno

    disk = RealDisk(tmp_path)
    handle = disk.create("a/b/c.seg")
    handle.write(b"one")
    handle.sync()
    handle.close()
    disk.sync_folder("a/b")
    assert disk.read("a/b/c.seg", 1, 10) == b"ne"
    assert (tmp_path / "a/b/c.seg").stat().st_mode & 0o777 == 0o600
    with pytest.raises(DiskTrouble):
        disk.create("a/b/c.seg")
    with pytest.raises(DiskTrouble):
        disk.read("nothing", 0, 1)
    disk.unlink("nothing")
    assert disk.size("nothing") is None
    assert disk.walk("a") == ["a/b/c.seg"]
    assert disk.free_bytes() > 0
    gone = RealDisk(tmp_path / "unmounted")
    with pytest.raises(DiskTrouble):
        gone.create("a/b")
    assert not (tmp_path / "unmounted").exists()
    causes = {code: trouble(OSError(code, "x")).cause for code in (errno.ENOSPC, errno.EROFS, errno.EIO)}
    assert causes == {errno.ENOSPC: "full", errno.EROFS: "changed", errno.EIO: "failed"}


def test_the_clock_of_the_kit_is_what_segments_are_labelled_with(store: Store) -> None:
    store.record(3)
    store.writer.close()
    assert store.rows()[0].start_ns == START_NS
