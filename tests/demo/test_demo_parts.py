"""Clips, settings of the village, packetizer."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import av
import pytest
import yaml
from edge_kit import make_clip

from aggregator.notifications.addresses import permitted
from aggregator.settings import aggregator as aggregator_config
from common.errors import SourceError
from demo import demo_site, drawn_gate, sample_clips
from demo.process_supervisor import hand_over_password, one_time_password
from demo.rtsp_server.rtp import MAX_PAYLOAD_BYTES, Packetizer
from edge.settings import node as edge_config
from protocol.plate_grammar import choose, is_plate


def packets(data: bytes) -> list[tuple[int, bytes]]:
    """Marker and payload of interleaved RTP."""
    found, at = [], 0
    while at < len(data):
        _, _, length = struct.unpack(">cBH", data[at : at + 4])
        head = data[at + 4 : at + 16]
        found.append((head[1] >> 7, data[at + 16 : at + 4 + length]))
        at += 4 + length
    return found


@pytest.mark.parametrize("size", [1, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1, 5 * MAX_PAYLOAD_BYTES + 3])
@pytest.mark.parametrize(("codec", "head"), [("h264", b"\x65"), ("hevc", b"\x26\x01")])
def test_a_unit_comes_out_of_its_fragments_whole(size: int, codec: str, head: bytes) -> None:
    unit = head + bytes(i % 251 for i in range(size))
    sent = packets(Packetizer(codec, 1, 0).frame([unit], 0))  # type: ignore[arg-type]
    assert [marker for marker, _ in sent] == [0] * (len(sent) - 1) + [1]
    if len(sent) == 1:
        assert sent[0][1] == unit
        return
    skip = len(head) + 1
    assert b"".join(payload[skip:] for _, payload in sent) == unit[len(head) :]
    edges = [payload[skip - 1] & 0xC0 for _, payload in sent]
    assert edges == [0x80, *[0] * (len(sent) - 2), 0x40]
    kinds = {payload[skip - 1] & (0x1F if codec == "h264" else 0x3F) for _, payload in sent}
    assert kinds == {head[0] & 0x1F if codec == "h264" else head[0] >> 1 & 0x3F}


def footage(path: Path, **changes: object) -> sample_clips.SampleClip:
    data = path.read_bytes()
    facts = {"name": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "licence": "own"}
    return sample_clips.SampleClip(**(facts | changes))  # type: ignore[arg-type]


def test_a_clip_is_taken_from_the_first_folder_with_the_right_bytes(tmp_path: Path) -> None:
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    wrong.mkdir()
    right.mkdir()
    (wrong / "c.mp4").write_bytes(b"other")
    (right / "c.mp4").write_bytes(b"clip")
    wanted = footage(right / "c.mp4")
    assert sample_clips.fetch(wanted, tmp_path / "cache", [wrong, right]) == right / "c.mp4"


def test_a_clip_that_cannot_be_had_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "c.mp4").write_bytes(b"other")
    wanted = sample_clips.SampleClip("c.mp4", "0" * 64, 5, "own", package=("no-such-package-of-paifang", "c.mp4"))
    with pytest.raises(SourceError) as caught:
        sample_clips.fetch(wanted, tmp_path / "cache", [tmp_path])
    assert "other bytes than promised" in str(caught.value)
    assert "no-such-package-of-paifang" in str(caught.value)


def test_the_walkers_come_out_of_debians_package_when_nothing_else_has_them(tmp_path: Path) -> None:
    found = sample_clips.fetch(sample_clips.WALKWAY, tmp_path, [])
    assert found.stat().st_size == sample_clips.WALKWAY.size
    assert not list(tmp_path.glob("*.deb"))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_prepared_clip_looks_like_a_camera(tmp_path: Path, codec: str) -> None:
    source = make_clip(tmp_path / "a.avi", "mpeg4")
    made = sample_clips.prepare(source, tmp_path / "b.mp4", codec, crop=(0.0, 0.5))
    with av.open(str(made)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.width, video.height) == (codec, 160, 240)
        sent = [packet for packet in container.demux(video) if packet.size]
    assert len(sent) == 60
    keys = [i for i, packet in enumerate(sent) if packet.is_keyframe]
    assert keys == [0, 30]
    assert all(packet.pts == packet.dts for packet in sent), "no B frames"


def test_an_h264_clip_is_served_as_it_is(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", seconds=1)
    assert sample_clips.prepare(source, tmp_path / "b.mp4") == source


def test_the_villages_settings_are_valid(tmp_path: Path) -> None:
    urls = {role: f"rtsp://127.0.0.1:1/{role.camera}" for role in demo_site.ROLES}
    (tmp_path / "broker.password").write_text("x")
    (tmp_path / "box.yaml").write_text(demo_site.box_settings(urls, 1883, 0))
    box = edge_config.load(tmp_path / "box.yaml")
    assert [camera.id for camera in box.cameras] == [role.camera for role in demo_site.ROLES]
    assert {camera.watch for camera in box.cameras} == {"every-frame", "key-frames"}
    (tmp_path / "aggregator.yaml").write_text(demo_site.aggregator_settings(8080, 1883))
    aggregator = aggregator_config.load(tmp_path / "aggregator.yaml")
    assert aggregator.sites[demo_site.SITE].timezone == demo_site.TIMEZONE
    assert permitted("127.0.0.1", aggregator.feeds.networks), "receivers of feeds on the same machine"


def test_own_sources_become_cameras() -> None:
    roles = demo_site.given(["rtsp://h/a", "clip.mp4"])
    assert [role.camera for role in roles] == ["camera-1", "camera-2"]
    yaml.safe_load(demo_site.box_settings(roles, 1883, 0))


def test_the_boxs_password_is_handed_over_privately(tmp_path: Path) -> None:
    target = tmp_path / "broker.password"
    assert not hand_over_password(tmp_path / "none.json", target)
    (tmp_path / "broker.json").write_text('{"box": {"username": "box", "password": "pw"}}')
    assert hand_over_password(tmp_path / "broker.json", target)
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("pw", 0o600)


def test_the_newest_one_time_password_is_found(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert one_time_password(log) == ""
    log.write_text("one-time password for demo (valid for one log-in): old\nx\none-time password for demo (…): new\n")
    assert one_time_password(log) == "new"


def test_ux_15_the_gate_and_the_list_have_the_same_plates() -> None:
    gates = [role.rules["gate"] for role in (*demo_site.ROLES, demo_site.DRAWN_GATE) if "gate" in role.rules]
    assert gates
    for gate in gates:
        assert [*gate["grammars"], *(f"pattern:{it}" for it in gate["patterns"])] == demo_site.GRAMMARS
    grammars = choose([], [demo_site.PLATES])
    assert all(is_plate(text, grammars) for text in drawn_gate.PLATES)
