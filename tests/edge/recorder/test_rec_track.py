from __future__ import annotations

import random

import msgspec
import pytest
from rec_kit import RATE, Store, in_band, packets, stream

from common.clock import SECOND_NS
from edge.media.nal import configuration, parameter_sets, to_byte_stream, units
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.gap_log import CAUSES, DISK_CAUSES, total_s
from edge.recorder.index import Gap
from protocol.event_types import FootageGap


@pytest.fixture
def store() -> Store:
    return Store(FakeDisk(random.Random(1)))


def gaps(store: Store) -> list[Gap]:
    return store.index.gaps("cam-1", 0, 2**62)


def kept_s(store: Store) -> float:
    return sum(row.end_ns - row.start_ns for row in store.rows()) / 1e9


def test_a_lost_camera_is_a_gap_as_long_as_it_was(store: Store) -> None:
    store.record(20)
    store.clock.advance(37.5)
    store.writer.tick()
    assert store.writer.recording == 0
    store.record(20, session=2)
    store.writer.close()
    (gap,) = gaps(store)
    assert gap.cause == "camera lost"
    assert gap.seconds == pytest.approx(37.5, rel=0.001)
    assert kept_s(store) + total_s(gaps(store)) == pytest.approx(77.5, rel=0.001)
    (draft,) = store.sent
    assert isinstance(draft.data, FootageGap)
    assert (draft.place, draft.data.cause) == ("cam-1", "camera lost")


def test_the_ledgers_total_is_what_is_missing_over_many_gaps(store: Store) -> None:
    chance = random.Random(3)
    began = store.clock.mono_ns
    for session in range(30):
        store.record(chance.randrange(3, 90), session=session)
        store.clock.advance(chance.uniform(1.2, 60))
        store.writer.tick()
    store.record(4, session=99)
    store.writer.close()
    spent_s = (store.clock.mono_ns - began) / 1e9
    measured = spent_s - kept_s(store)
    assert total_s(gaps(store)) == pytest.approx(measured, rel=0.001)
    assert len(gaps(store)) == 30


def test_a_hole_of_a_second_or_less_is_no_gap(store: Store) -> None:
    store.record(10)
    store.clock.advance(0.9)
    store.record(10, session=2)
    assert gaps(store) == []


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_step_of_the_clock_starts_a_segment_and_only_a_step_forward_is_in_the_ledger(
    store: Store, step_s: int
) -> None:
    store.record(20)
    store.clock.step_wall(step_s)
    store.record(20)
    store.writer.close()
    assert len(store.rows()) == 2
    assert kept_s(store) == pytest.approx(40, abs=0.01)
    assert [gap.cause for gap in gaps(store)] == (["clock step"] if step_s > 0 else [])
    assert total_s(gaps(store)) == 0


def test_another_resolution_starts_another_segment(store: Store) -> None:
    store.record(10)
    store.record(10, session=2, clip=packets(size=(96, 64)))
    store.writer.close()
    assert [(store.reader(row).header.width, store.frames(row)) for row in store.rows()] == [(64, 150), (96, 150)]
    assert gaps(store) == []


def test_parameter_sets_that_change_inside_the_stream_start_another_segment(store: Store) -> None:
    store.record(10, clip=in_band(packets()))
    store.record(10, clip=in_band(packets(size=(96, 64))))
    store.writer.close()
    assert [(store.reader(row).header.width, store.frames(row)) for row in store.rows()] == [(64, 150), (96, 150)]


def test_another_codec_starts_another_segment(store: Store) -> None:
    store.record(10)
    store.record(10, session=2, clip=packets("libx265"))
    store.writer.close()
    assert [store.reader(row).header.codec for row in store.rows()] == ["h264", "hevc"]


def test_midnight_starts_another_segment_under_another_key(store: Store) -> None:
    store.clock.now_ns = (20_718 * 86_400 - 10) * SECOND_NS
    store.record(20)
    store.writer.close()
    assert [row.day for row in store.rows()] == [20_717, 20_718]
    assert len(store.disk.walk("keys")) == 2


def test_recording_starts_with_a_key_frame(store: Store) -> None:
    items = list(stream(store.clock, 10))
    for item in items[RATE // 2 :]:
        store.writer.feed(item)
    store.writer.close()
    assert store.frames(store.rows()[0]) == 9 * RATE


def test_a_stream_without_parameter_sets_is_counted_and_others_go_on(store: Store) -> None:
    codec, _, clip = packets()
    for item in stream(store.clock, 20, clip=(codec, b"", clip)):
        store.writer.feed(msgspec.structs.replace(item, data=b"\x00\x00\x00\x01\x65" + bytes(50)))
    assert store.rows() == []
    assert store.writer.counts.refused > 0
    store.record(5, "cam-2")
    store.writer.close()
    assert len(store.rows("cam-2")) == 1


def test_parameter_sets_are_found_in_both_forms() -> None:
    for encoder, count in (("libx264", 2), ("libx265", 3)):
        codec, extradata, clip = packets(encoder)
        sets, length_bytes = configuration(extradata, codec)
        assert length_bytes == 4
        assert len(list(units(sets))) == count
        key = to_byte_stream(clip[0][0], length_bytes)
        assert parameter_sets(sets + key, codec) == sets
        assert configuration(sets, codec) == (sets, 0)
        assert to_byte_stream(key, 0) == key


def test_every_trouble_of_the_disk_has_its_cause_in_the_ledger() -> None:
    assert set(DISK_CAUSES) == {"full", "changed", "failed"}
    assert set(DISK_CAUSES.values()) <= set(CAUSES)
