"""Kept footage as a view: at the pace of life, over gaps, up to its end, and covered."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from edge_kit import RATE, wait_until
from job_kit import Jobs
from live_kit import OPEN, command, most_open, taking
from rec_kit import START_NS, Packets, Store
from redaction_kit import Bright, make_film

from common.clock import SECOND_NS, FakeClock, SystemClock
from common.errors import FootageError, FootageRefused
from edge.jobs.live.handler import LEAD, Aggregator, LiveStreamHandler, ViewSources
from edge.jobs.live.recorded_stream import LONGEST_STEP_NS, KeptOpener
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.footage.playback import Player
from edge.redaction.live_redactor import LiveRedactor
from pipelines.types import Detector
from protocol.commands import Command
from protocol.live_frames import HEAD, LONGEST_NS, FrameType, what_of


def at(seconds: float) -> int:
    return START_NS + round(seconds * SECOND_NS)


def recorded(clip: Packets | None = None) -> Player:
    """20 s, nothing for 30 s, and 10 s."""
    store = Store(FakeDisk(random.Random(1)))
    store.record(20, clip=clip)
    store.clock.advance(30)
    store.record(10, session=2, clip=clip)
    store.writer.close()
    return Player(store.disk, store.keys.find, store.index)


def opener_of(player: Player, start: float, end: float, clock: FakeClock) -> KeptOpener:
    return KeptOpener(player, "cam-1", at(start), at(end), clock, clock.advance)


def test_packets_come_at_the_pace_at_which_they_came() -> None:
    clock = FakeClock()
    stream = opener_of(recorded(), 5.5, 9.5, clock).open()
    came = [(arrival.time_ns, clock.mono_ns) for arrival in stream.packets()]
    stream.close()
    assert len(came) == pytest.approx(4.5 * RATE, abs=1)
    assert came[0][0] == pytest.approx(at(5), abs=SECOND_NS // RATE), "the key frame before"
    first_ns, begun_ns = came[0]
    for time_ns, mono_ns in came:
        assert mono_ns - begun_ns == pytest.approx(time_ns - first_ns, abs=SECOND_NS // 1000)


def test_where_footage_is_missing_the_next_is_shown_soon() -> None:
    clock = FakeClock()
    stream = opener_of(recorded(), 18, 53, clock).open()
    came = [(arrival.time_ns, clock.mono_ns) for arrival in stream.packets()]
    steps = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(came)]
    (hole,) = [step for step in steps if step[0] > SECOND_NS]
    assert hole[0] == pytest.approx(30 * SECOND_NS, abs=SECOND_NS)
    assert hole[1] <= LONGEST_STEP_NS
    assert came[-1][0] == pytest.approx(at(53), abs=SECOND_NS // 2)


def test_who_is_slow_is_not_waited_for_twice() -> None:
    clock = FakeClock()
    packets_of = opener_of(recorded(), 0, 4, clock).open().packets()
    next(packets_of)
    clock.advance(3)
    before_ns = clock.mono_ns
    assert next(packets_of).time_ns < at(1)
    assert clock.mono_ns == before_ns


def test_there_must_be_footage() -> None:
    with pytest.raises(FootageError, match="no footage"):
        opener_of(recorded(), 25, 45, FakeClock()).open()
    with pytest.raises(FootageError, match="never recorded"):
        KeptOpener(recorded(), "other", at(0), at(4), FakeClock(), FakeClock().advance).open()


def film(folder: Path) -> Packets:
    """Packets of a film with a patch that is to be covered."""
    with av.open(str(make_film(folder / "film.mp4"))) as source:
        context = source.streams.video[0].codec_context
        found = [(bytes(it), bool(it.is_keyframe)) for it in source.demux(video=0) if it.size]
        numbered = tuple((data, number, key) for number, (data, key) in enumerate(found))
        return context.name, bytes(context.extradata or b""), numbered


STARTED: list[Jobs] = []


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    """No engine outlives its test."""
    yield
    while STARTED:
        STARTED.pop().stop()


def desk_of(url: str, player: Player | None, faces: Detector) -> Jobs:
    def kept(camera: str, from_ns: int, to_ns: int) -> KeptOpener:
        assert player is not None
        clock = FakeClock()
        return KeptOpener(player, camera, from_ns, to_ns, clock, lambda seconds: time.sleep(min(seconds, 0.03)))

    def views(rate: float, lead: int) -> LiveRedactor:
        assert lead == LEAD
        return LiveRedactor(faces, None, np.random.default_rng(1), rate, deadline_s=20.0, lead=lead)

    sources = ViewSources({}, kept if player else None)
    aggregator = Aggregator(url, None, bytes(32))
    desk = Jobs({"live": LiveStreamHandler(aggregator, sources, views, 3_000, SystemClock())})
    desk.start()
    STARTED.append(desk)
    return desk


def past(start: float, end: float) -> Command:
    order = command("cam-1", bytes(32))
    return msgspec.structs.replace(order, from_ns=at(start), to_ns=at(end))


@pytest.mark.parametrize("found", [True, False])
def test_a_stretch_is_played_covered_up_to_its_end(tmp_path: Path, found: bool) -> None:
    player = recorded(film(tmp_path))
    with taking() as taker:
        desk = desk_of(taker.url, player, Bright(lambda _call: found))
        desk.take(past(2, 8))
        wait_until(lambda: desk.open == 0, 60)
        wait_until(lambda: taker.open[0].close_code is not None, 20)
        assert taker.open[0].close_code == 1000
        assert [what_of(message) for message in taker.messages[:2]] == [FrameType.INIT, FrameType.KEY]
        times = [int.from_bytes(message[1:HEAD], "big") for message in taker.messages[1:]]
        assert times == sorted(times)
        assert at(0) <= times[0] <= at(2.1)
        assert times[-1] <= at(8)
        assert (max(map(most_open, taker.frames())) > OPEN) == (not found)


def test_what_cannot_be_played_is_said() -> None:
    with taking() as taker:
        for desk, order, text in (
            (desk_of(taker.url, None, Bright()), past(0, 4), "records nothing"),
            (desk_of(taker.url, recorded(), Bright()), past(0, 1 + LONGEST_NS / SECOND_NS), "ten minutes"),
            (desk_of(taker.url, recorded(), Bright()), past(4, 2), "ten minutes"),
        ):
            with pytest.raises(FootageRefused, match=text):
                desk.take(order)
        assert taker.asked == []
