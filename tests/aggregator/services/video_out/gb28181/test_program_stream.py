"""The program stream and its RTP packets: FFmpeg's demuxer decodes all pictures; the fields are where they belong."""

from __future__ import annotations

import pytest
from coded_pictures import RATE, SIZE, coded_pictures, decoded
from sip_platform import RtpReceiver, rtp_frames

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.gb28181.stream.program_stream import DELAY_90KHZ, _crc, packs
from aggregator.services.video_out.gb28181.stream.rtp import MOST_PAYLOAD, RtpPackets, framed


def test_ffmpeg_decodes_every_picture_with_its_time() -> None:
    pictures = coded_pictures()
    assert max(sum(map(len, it.units)) for it in pictures) > 65_535, "no picture takes more than one PES packet"
    found = decoded(b"".join(map(packs, pictures)))
    expected = [(number * 90_000 // RATE + DELAY_90KHZ, *SIZE) for number in range(len(pictures))]
    assert found == expected


def test_only_key_pictures_say_what_the_stream_is() -> None:
    key, other = packs(AccessUnit((b"a",), True, 0, 0)), packs(AccessUnit((b"a",), False, 0, 0))
    assert [key.count(b"\0\0\1" + bytes([it])) for it in (0xBA, 0xBB, 0xBC, 0xE0)] == [1, 1, 1, 1]
    assert [other.count(b"\0\0\1" + bytes([it])) for it in (0xBA, 0xBB, 0xBC, 0xE0)] == [1, 0, 0, 1]
    start = key.index(b"\0\0\1\xbc")
    size = 6 + int.from_bytes(key[start + 4 : start + 6], "big")
    assert _crc(key[start : start + size]) == 0
    assert key[start + 12 : start + 16] == bytes([0x1B, 0xE0, 0, 0])


@pytest.mark.parametrize("time", [0, 1, 90_000, (1 << 32) - 1, (1 << 33) - DELAY_90KHZ - 1, (1 << 33) + 5])
def test_times_are_33_bits_with_markers(time: int) -> None:
    data = packs(AccessUnit((b"unit",), False, time, 0))
    clock = int.from_bytes(data[4:10], "big")
    assert (clock >> 46, clock >> 42 & 1, clock >> 26 & 1, clock >> 10 & 1, clock & 1) == (1, 1, 1, 1, 1)
    read = (clock >> 43 & 7) << 30 | (clock >> 27 & 0x7FFF) << 15 | clock >> 11 & 0x7FFF
    assert read == time % (1 << 33)
    stamp = int.from_bytes(data[14 + 9 : 14 + 14], "big")
    assert (stamp >> 36, stamp >> 32 & 1, stamp >> 16 & 1, stamp & 1) == (2, 1, 1, 1)
    shown = (stamp >> 33 & 7) << 30 | (stamp >> 17 & 0x7FFF) << 15 | stamp >> 1 & 0x7FFF
    assert shown == (time + DELAY_90KHZ) % (1 << 33)


def test_packets_are_numbered_and_fit_into_a_frame() -> None:
    sender, receiver, stream = RtpPackets(96, 100_000_001, 65_530), RtpReceiver(), b""
    for picture in coded_pictures():
        data = packs(picture)
        for packet in sender.cut(data, picture.time_90khz):
            receiver.receive(packet)
        stream += data
    assert receiver.payload == stream
    assert (receiver.ssrcs, receiver.pictures, receiver.largest) == ({100_000_001}, 20, MOST_PAYLOAD + 12)


def test_a_picture_of_one_full_packet_ends_with_a_marker() -> None:
    for size in (1, MOST_PAYLOAD, MOST_PAYLOAD + 1):
        markers = [it[1] >> 7 for it in RtpPackets(96, 1, 0).cut(b"x" * size, 0)]
        assert markers == [0] * (len(markers) - 1) + [1]


def test_packets_in_a_tcp_stream_have_their_length_before_them() -> None:
    packets = list(RtpPackets(96, 1, 0).cut(b"x" * 5_000, 0))
    assert rtp_frames(b"".join(map(framed, packets))) == packets
