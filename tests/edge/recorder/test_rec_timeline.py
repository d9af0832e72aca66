"""Footage lies where its packets arrived, whatever the camera's time stamps say."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from fractions import Fraction

import msgspec
import pytest
from rec_kit import START_NS, Store, packets

from common.clock import SECOND_NS
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.index import Segment
from edge.recorder.segments.timeline import FAR_NS, RecordedPacket, Timeline

KEYS = packets(seconds=4.0)
Stamp = Callable[[int, float], int | None]


@pytest.fixture
def store() -> Store:
    return Store(FakeDisk(random.Random(1)))


def item(dts: int | None, pts: int | None = None, session: int = 1, mono_s: float = 0) -> RecordedPacket:
    return RecordedPacket(
        "c", b"", pts, dts, Fraction(1, 90_000), False, 0, round(mono_s * SECOND_NS), "h264", b"", session
    )


def arriving(times_s: list[float], stamp: Stamp, all_keys: bool = False) -> Iterator[RecordedPacket]:
    """Pictures that arrive at these times, with these time stamps (90,000 a second)."""
    codec, extradata, found = KEYS
    for number, at_s in enumerate(times_s):
        data, _, key = found[0 if all_keys else number % len(found)]
        ticks, ns = stamp(number, at_s), round(at_s * SECOND_NS)
        base = Fraction(1, 90_000)
        yield RecordedPacket("cam-1", data, ticks, ticks, base, key, START_NS + ns, ns, codec, extradata, 1)


def feed(store: Store, items: Iterator[RecordedPacket]) -> list[float]:
    """Feeds them; how far the label of each is from its arrival, seconds."""
    found, line = [], Timeline()
    for it in items:
        while store.clock.mono_ns < it.mono_ns:
            left_s = (it.mono_ns - store.clock.mono_ns) / SECOND_NS
            store.clock.advance(min(left_s, max(0.5, left_s / 2)))
            if store.clock.mono_ns < it.mono_ns:
                store.writer.tick()
        store.writer.feed(it)
        found.append(abs(line.place(it).at_ns - it.mono_ns) / SECOND_NS)
    store.writer.close()
    return found


def meet(rows: list[Segment]) -> bool:
    """Whether each begins where the one before ends: an end is told in milliseconds."""
    return all(abs(after.start_ns - before.end_ns) <= 1_000_000 for before, after in itertools.pairwise(rows))


STAMPS: dict[str, Stamp] = {
    "too fast": lambda number, _: number * 3600,
    "too slow": lambda number, _: number * 9000,
    "of another clock": lambda number, _: number * 40,
    "in whole seconds": lambda _, at_s: int(at_s) * 90_000,
    "always the same": lambda *_: 7,
    "unset": lambda *_: None,
    "unset now and then": lambda number, at_s: None if number % 3 else round(at_s * 90_000),
    "drifting": lambda _, at_s: round(at_s * 90_000 * 1.01),
    "jumping back": lambda number, at_s: round((at_s - number // 200 * 5) * 90_000),
    "jumping forward": lambda number, at_s: round((at_s + number // 200 * 5) * 90_000),
    "jumping by 0.8 s": lambda number, at_s: round((at_s + number // 200 * 0.8) * 90_000),
    "running backward": lambda number, _: 2**33 - number * 4500,
    "starting again at 0": lambda number, at_s: round(at_s * 90_000) % (2**21),
    "far beyond every clock": lambda number, at_s: 2**62 + number,
}


@pytest.mark.parametrize("name", STAMPS)
def test_footage_lies_where_it_arrived_whatever_the_time_stamps_say(store: Store, name: str) -> None:
    chance = random.Random(5)
    times = [number / 20 + chance.uniform(0, 0.03) for number in range(20 * 130)]
    far = feed(store, arriving(times, STAMPS[name]))
    assert store.index.gaps("cam-1", 0, 2**62) == []
    rows = store.rows()
    assert len(rows) == 3
    assert meet(rows)
    assert (rows[-1].end_ns - rows[0].start_ns) / SECOND_NS == pytest.approx(130, abs=0.5)
    assert max(far) <= FAR_NS / SECOND_NS + 0.001


def test_stamps_that_agree_with_the_arrival_take_the_networks_shaking_away() -> None:
    chance, line = random.Random(5), Timeline()
    shaken = [number / 20 + chance.uniform(0, 0.2) for number in range(400)]
    times = sorted(shaken)
    places = [line.place(item(number * 4500, mono_s=at_s)) for number, at_s in enumerate(times)]
    steps = [place.step for place in places[100:]]
    assert all(step is not None and abs(step - 4500) < 700 for step in steps)


@pytest.mark.parametrize(
    ("interval_s", "shake_s"),
    [(1 / 60, 0.002), (1 / 25, 0.02), (1, 0.02), (1, 0.2), (2, 0.02), (10, 1), (60, 1), (3600, 5)],
)
@pytest.mark.parametrize("all_keys", [True, False])
def test_a_camera_of_any_rate_is_recorded_without_a_gap(
    store: Store, interval_s: float, shake_s: float, all_keys: bool
) -> None:
    chance = random.Random(2)
    count = max(20, min(round(130 / interval_s), 400 if all_keys else 10_000))  # each key frame is a part
    times = [5 + number * interval_s + chance.uniform(0, shake_s) for number in range(count)]
    feed(store, arriving(times, lambda _, at_s: round(at_s * 90_000), all_keys))
    assert store.index.gaps("cam-1", 0, 2**62) == []
    rows = store.rows()
    span_s = times[-1] - times[0]
    assert (rows[-1].end_ns - rows[0].start_ns) / SECOND_NS == pytest.approx(span_s, abs=2.5)
    assert meet(rows)
    assert len(rows) <= max(3, span_s / 60 + 2)
    assert sum(store.frames(row) for row in rows) == len(times)


def test_a_minute_of_a_camera_that_sends_20_and_stamps_25_plays_for_a_minute(store: Store) -> None:
    feed(store, arriving([number / 20 for number in range(20 * 130)], lambda number, _: number * 3600))
    first = store.rows()[0]
    assert (first.end_ns - first.start_ns) / SECOND_NS == pytest.approx(60, abs=4.1)
    last = store.reader(first).fragment_headers[-1]
    assert last.start_ms + last.duration_ms == pytest.approx((first.end_ns - first.start_ns) / 1e6, abs=2)


def test_a_gap_is_a_gap_of_arrival_and_costs_no_picture_besides(store: Store) -> None:
    """Nothing arrives for 3.5 s, then what waited in the network comes at once."""
    times = [max(number / 20, 13.5) if number > 200 else number / 20 for number in range(600)]
    feed(store, arriving(times, lambda number, _: number * 4500))
    (gap,) = store.index.gaps("cam-1", 0, 2**62)
    assert gap.cause == "camera lost"
    assert gap.seconds == pytest.approx(3.45, abs=0.02)
    assert gap.from_ns == pytest.approx(START_NS + 10.05 * SECOND_NS, abs=0.02 * SECOND_NS)
    assert sum(store.frames(row) for row in store.rows()) == 600
    assert sum(row.end_ns - row.start_ns for row in store.rows()) / SECOND_NS == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("stamped", [True, False])
def test_a_silence_inside_a_connection_is_one_gap_of_its_true_length(store: Store, stamped: bool) -> None:
    times = [number / 20 + (12 if number >= 240 else 0) for number in range(600)]
    feed(store, arriving(times, lambda number, at_s: round(at_s * 90_000) if stamped else number * 4500))
    (gap,) = store.index.gaps("cam-1", 0, 2**62)
    assert gap.cause == "camera lost"
    assert gap.seconds == pytest.approx(12, abs=0.1)


def test_a_wall_clock_that_steps_backward_or_forward_is_no_gap_of_the_camera(store: Store) -> None:
    items = list(arriving([number / 20 for number in range(900)], lambda number, _: number * 3600))
    late = [msgspec.structs.replace(it, wall_ns=it.wall_ns + 90 * SECOND_NS) for it in items[400:]]
    feed(store, iter(items[:400] + late))
    assert [gap.cause for gap in store.index.gaps("cam-1", 0, 2**62)] == ["clock step"]


def test_b_frames_are_shown_after_they_are_decoded_and_a_new_connection_is_another_stretch() -> None:
    line = Timeline()
    assert line.place(item(0, 3600)).presentation_offset == 3600
    assert line.place(item(3600, 18_000, mono_s=0.04)).presentation_offset == 14_400
    assert line.place(item(7200, 10**9, mono_s=0.08)).presentation_offset == 0
    assert line.place(item(10_800, 10_800, session=2, mono_s=0.12)).step is None


def test_packets_that_arrive_in_one_moment_keep_their_order() -> None:
    line = Timeline()
    steps = [line.place(item(0, 0, mono_s=1)).step for _ in range(50)]
    assert all(step is not None and step >= 1 for step in steps[1:])


@pytest.mark.parametrize("interval_s", [1, 2, 30])
@pytest.mark.parametrize("waited", [1, 2])
def test_a_slow_camera_whose_connection_begins_with_what_waited_has_no_gap(
    store: Store, interval_s: float, waited: int
) -> None:
    times = [5 + 0.01 * number for number in range(waited)] + [5.02 + interval_s * number for number in range(60)]
    feed(store, arriving(times, lambda number, _: round(number * interval_s * 90_000)))
    assert store.index.gaps("cam-1", 0, 2**62) == []
    assert sum(store.frames(row) for row in store.rows()) == len(times)
