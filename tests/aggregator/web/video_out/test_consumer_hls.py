"""HTTP Live Streaming of a live view: read by libav as a player, by hand with blocking reload, and its end."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator

import av
import pytest
from agg_support import Web, plain_client, wait_until
from live_video import SIZE, FakeVideoBox
from web.video_out.video_kit import LIVE, Approved, approved, change, logged, video_site

from aggregator.services.video_out.hls import sessions
from aggregator.services.video_out.hls.window import PART_TARGET_S, TARGET_S


@pytest.fixture(scope="module")
def box(web: Web) -> Iterator[FakeVideoBox]:
    with video_site(web) as made:
        made.pause_s /= 5  # five seconds of video in one
        yield made


@pytest.fixture
def consumer(web: Web, box: FakeVideoBox) -> Iterator[Approved]:
    made = approved(web)
    yield made
    if web.parts.use_cases.live.relay.views:
        change(web, made, "revoked")


def begin(consumer: Approved) -> str:
    """Begin a session as a player does; the address of its media playlist."""
    answer = consumer.client.get(f"{LIVE}/index.m3u8")
    assert answer.status_code == 200, answer.text
    assert f"RESOLUTION={SIZE[0]}x{SIZE[1]}" in answer.text
    return answer.text.splitlines()[-1]


def test_a_player_plays_it(web: Web, box: FakeVideoBox, consumer: Approved) -> None:
    address = web.url + consumer.client.post(f"{LIVE}/ticket").json()["hls"]
    with av.open(address, "r", format="hls", timeout=20) as container:
        stream = container.streams.video[0]
        frames = [frame for frame, _ in zip(container.decode(stream), range(40), strict=False)]
    assert {(it.width, it.height) for it in frames} == {SIZE}
    times = [float(it.time or 0) for it in frames]
    assert times == sorted(times)
    assert times[-1] - times[0] == pytest.approx(39 / 15, abs=0.2)
    assert [it.detail["output"] for it in logged(web, consumer)][:1] == ["hls"]


def test_parts_and_segments_hold_the_rules_of_low_latency(web: Web, box: FakeVideoBox, consumer: Approved) -> None:
    media = begin(consumer)
    with plain_client(web.url) as player:
        first = player.get(media).text
        number = int(re.findall(r"EXT-X-MEDIA-SEQUENCE:(\d+)", first)[0])
        text = player.get(f"{media}?_HLS_msn={number + 3}").text
        assert "CAN-BLOCK-RELOAD=YES" in text
        assert all(float(it) <= PART_TARGET_S for it in re.findall(r"EXT-X-PART:DURATION=([\d.]+)", text))
        assert all(round(float(it)) <= TARGET_S for it in re.findall(r"EXTINF:([\d.]+)", text))
        assert f"\n{number + 3}.m4s\n" in text
        folder = media.rpartition("/")[0]
        parts = re.findall(rf'EXT-X-PART:DURATION=[\d.]+,URI="({number + 3}\.\d+\.m4s)"(,INDEPENDENT=YES)?', text)
        assert parts[0][1]
        whole = player.get(f"{folder}/{number + 3}.m4s").content
        assert b"".join(player.get(f"{folder}/{name}").content for name, _ in parts) == whole
        hint = re.findall(r'PRELOAD-HINT:TYPE=PART,URI="([\d.]+m4s)"', text)[0]
        announced = player.get(f"{folder}/{hint}")
        assert announced.status_code == 200, "it is answered once it is there"
        with av.open(io.BytesIO(player.get(f"{folder}/init.mp4").content + whole), "r", format="mp4") as container:
            assert next(container.decode(video=0)).key_frame
        assert player.get(f"{media}?_HLS_msn=999999").status_code == 400
        assert player.get(f"{media}?_HLS_part=1").status_code == 400
        for name in ("999999.m4s", f"{number}.99.m4s", "other", "media.m3u8.bak"):
            assert player.get(f"{folder}/{name}").status_code == 404, name
        assert player.get(f"/hls/{'x' * 43}/media.m3u8").status_code == 404


def test_a_session_ends_when_its_playlist_is_not_asked_for(
    web: Web, box: FakeVideoBox, consumer: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = begin(consumer)
    monkeypatch.setattr(sessions, "IDLE_S", 0.0)
    with plain_client(web.url) as player:
        wait_until(lambda: player.get(media.replace("media.m3u8", "init.mp4")).status_code == 404)
    wait_until(lambda: not web.parts.use_cases.live.relay.views)
    wait_until(lambda: "not asked for" in logged(web, consumer)[-1].detail.get("problem", ""))


def test_a_revoked_consumer_is_answered_nothing_more(web: Web, box: FakeVideoBox, consumer: Approved) -> None:
    media, answers = begin(consumer), list[int]()
    with plain_client(web.url) as player:
        assert player.get(media).status_code == 200
        change(web, consumer, "revoked")
        waiting = threading.Thread(target=lambda: answers.append(player.get(f"{media}?_HLS_msn=2").status_code))
        waiting.start()
        waiting.join(30)
        wait_until(lambda: player.get(media).status_code == 404)
    assert answers
    wait_until(lambda: not web.parts.use_cases.live.relay.views)


def test_when_the_box_breaks_off_the_playlist_ends(
    web: Web, box: FakeVideoBox, consumer: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "most", 40)
    media = begin(consumer)
    with plain_client(web.url) as player:
        wait_until(lambda: player.get(media).text.rstrip().endswith("#EXT-X-ENDLIST"))
    wait_until(lambda: logged(web, consumer)[-1].detail.get("problem") == "the box broke off")
