"""Messages of a box become coded pictures; damaged ones are refused."""

from __future__ import annotations

import io
import random

import av
import pytest
from live_video import RATE, SIZE, live_messages

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.fmp4_reader import Fmp4Reader
from common.errors import ContractError
from protocol.live_frames import HEAD, FrameType


def read(messages: tuple[bytes, ...]) -> tuple[Fmp4Reader, list[AccessUnit]]:
    reader = Fmp4Reader()
    return reader, [unit for it in messages if (unit := reader.read(it)) is not None]


def test_pictures_have_their_units_times_and_size() -> None:
    messages = live_messages()
    reader, units = read(messages)
    assert reader.format is not None
    assert (reader.format.width_px, reader.format.height_px) == SIZE
    assert reader.format.codec.startswith("avc1.42")
    assert len(units) == len(messages) - 1
    assert [it.time_90khz for it in units] == [number * 90_000 // RATE for number in range(len(units))]
    assert [number for number, it in enumerate(units) if it.key] == [0, 30]
    assert units[0].units[:2] == (reader.format.sps, reader.format.pps)
    assert [it.wall_ns for it in units] == [int.from_bytes(it[1:HEAD]) for it in messages[1:]]


def test_another_demuxer_finds_the_same_units_and_decodes_them() -> None:
    """As Annex B, which libav decodes from nothing but these bytes."""
    _, units = read(live_messages())
    stream = b"".join(b"\0\0\0\1" + it for unit in units for it in unit.units)
    with av.open(io.BytesIO(stream), "r", format="h264") as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(units)
    assert {(it.width, it.height) for it in frames} == {SIZE}


def test_a_picture_before_the_initialisation_or_of_another_kind_is_refused() -> None:
    messages = live_messages()
    with pytest.raises(ContractError, match="before the initialisation"):
        Fmp4Reader().read(messages[1])
    reader, _ = read(messages)
    with pytest.raises(ContractError, match="not what its head says"):
        reader.read(bytes([FrameType.FRAME]) + messages[1][1:])


def test_damaged_messages_are_refused_and_never_break_the_reader() -> None:
    chance, messages, refused = random.Random(14), live_messages(), 0
    for _ in range(3_000):
        message = bytearray(chance.choice(messages[:3]))
        for _ in range(chance.randint(1, 4)):
            message[chance.randrange(len(message))] = chance.randrange(256)
        damaged = bytes(message[: chance.choice((len(message), chance.randrange(len(message))))])
        reader = Fmp4Reader()
        try:
            reader.read(messages[0])
            reader.read(damaged)
        except ContractError:
            refused += 1
    assert refused > 1_000
