"""Patience with cameras of any rate, and when pictures came."""

from __future__ import annotations

import av
import pytest

from common.clock import SECOND_NS, FakeClock
from edge.media.nal import holds_picture, holds_sets
from edge.sources.patience import SILENCE_S, Patience
from edge.sources.reading import READ_S, Reading

SLICE = b"\0\0\1\x65" + bytes(9)


def packet(data: bytes = SLICE) -> av.Packet[av.VideoStream]:
    return av.Packet(data)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("interval_s", "least_s", "most_s"),
    [(0.04, SILENCE_S, SILENCE_S), (1, 4, 4), (2, 4, 6), (30, 40, 60), (3600, 4000, 7200)],
)
def test_patience_follows_the_camera_s_own_rate(interval_s: float, least_s: float, most_s: float) -> None:
    patience = Patience()
    for number in range(5):
        patience.picture(round(number * interval_s * SECOND_NS), key=False)
    assert least_s <= patience.silence_s <= most_s


def test_a_camera_that_sends_its_first_picture_late_is_given_longer_each_time() -> None:
    patience = Patience()
    first_s = patience.first_s
    patience.connection_failed()
    assert patience.first_s == 2 * first_s


def test_the_first_picture_may_take_as_long_as_key_frames_are_apart() -> None:
    patience = Patience()
    for second in range(130):
        patience.picture(second * SECOND_NS, key=second % 60 == 0)
    assert patience.first_s > 60
    assert patience.silence_s == SILENCE_S


def test_a_picture_came_when_the_one_before_it_was_handed_over() -> None:
    clock = FakeClock()
    reading = Reading(clock, Patience())
    came = []
    for _ in range(4):
        reading.calls()
        clock.advance(2)
        came.append(reading.handed(packet(), picture=True).mono_ns)
    assert came == [0, 2 * SECOND_NS, 4 * SECOND_NS, 6 * SECOND_NS]


def test_what_is_handed_over_after_waiting_in_vain_came_when_the_socket_said_so() -> None:
    clock = FakeClock()
    reading = Reading(clock, Patience())
    reading.calls()
    clock.advance(READ_S)
    reading.handed(packet(), picture=True)
    assert reading.idle
    clock.advance(26)
    reading.begins(guessed=True)
    reading.calls()
    clock.advance(READ_S)
    assert reading.handed(packet(), picture=True).mono_ns == round(30 * SECOND_NS)


def test_messages_without_a_picture_do_not_keep_a_connection_alive() -> None:
    clock = FakeClock()
    reading = Reading(clock, Patience())
    for _ in range(50):
        reading.calls()
        clock.advance(0.04)
        reading.handed(packet(), picture=True)
    for _ in range(150):
        reading.calls()
        clock.advance(0.04)
        reading.other()
    assert reading.silent_s > 0


def test_parameter_sets_and_messages_are_no_picture() -> None:
    sets, message = packet(b"\0\0\1\x67" + bytes(5)), packet(b"\0\0\1\x06" + bytes(900))
    assert [holds_picture(it, "h264") for it in (packet(), sets, message)] == [True, False, False]
    assert holds_sets(sets, "h264")
    assert not holds_sets(message, "h264")
