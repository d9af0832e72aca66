"""Live video of consumers over HTTP and WebSocket: who may, what comes, the audit log, tickets, and the end."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from agg_support import Web, plain_client, wait_until
from live_video import SIZE, FakeVideoBox
from web.video_out.video_kit import BOX, LIVE, SITE, Approved, approved, change, logged, video_site
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from aggregator.services.video_out import consumer_streams


@pytest.fixture(scope="module")
def box(web: Web) -> Iterator[FakeVideoBox]:
    with video_site(web) as made:
        yield made


@pytest.fixture
def consumer(web: Web, box: FakeVideoBox) -> Iterator[Approved]:
    made = approved(web)
    yield made
    made.client.close()
    relay = web.parts.use_cases.live.relay
    wait_until(lambda: not relay.views)


def pictures(data: bytes) -> list[av.VideoFrame]:
    """What libav decodes of a piece of fragmented MP4 that is cut anywhere."""
    found: list[av.VideoFrame] = []
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        try:
            found.extend(container.decode(video=0))
        except av.error.FFmpegError:
            assert found
    return found


def taken(pieces: Iterator[bytes], least: int) -> bytes:
    """So many bytes; the stream stays open as long as the iterator is there."""
    data = b""
    while len(data) < least:
        data += next(pieces)
    return data


def drain(pieces: Iterator[bytes]) -> None:
    """Until the stream ends; else the test's time is over."""
    for _ in pieces:
        pass


def test_the_view_comes_as_mp4_and_is_logged_before_its_first_picture(
    web: Web, box: FakeVideoBox, consumer: Approved
) -> None:
    before = len(box.asked)
    with consumer.client.stream("GET", f"{LIVE}/stream.mp4") as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        begun = logged(web, consumer)
        pieces = answer.iter_raw()
        data = taken(pieces, 60_000)
        with approved(web).client.stream("GET", f"{LIVE}/stream.mp4") as other:
            assert taken(other.iter_raw(), 5_000)
        assert len(box.asked) == before + 1, "both have one stream of the box"
    frames = pictures(data)
    assert len(frames) > 10
    assert (frames[0].width, frames[0].height) == SIZE
    wait_until(lambda: len(logged(web, consumer)) == 2)
    wait_until(lambda: box.running == 0)
    first, last = logged(web, consumer)
    assert begun == [first]
    assert (first.what, first.site, first.target) == ("view", SITE, f"{BOX}/front")
    about = {"consumer": consumer.id, "output": "http", "address": "127.0.0.1"}
    assert (first.detail, last.detail) == (about | {"live": "begins"}, about | {"live": "ends"})


@pytest.mark.parametrize("action", ["paused", "revoked"])
def test_a_consumer_that_may_not_any_more_gets_nothing_more(
    web: Web, box: FakeVideoBox, consumer: Approved, action: str
) -> None:
    with consumer.client.stream("GET", f"{LIVE}/stream.mp4") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        change(web, consumer, action)
        drain(pieces)
    wait_until(lambda: logged(web, consumer)[-1].detail.get("problem") == consumer_streams.OVER)
    assert consumer.client.get(f"{LIVE}/stream.mp4").status_code in (401, 403)


def renew(web: Web, consumer: Approved, what: str) -> None:
    """A new token, or a client certificate that is required from now on."""
    with web.logged_in() as admin:
        path = f"/api/consumers/{consumer.id}/{what}"
        answer = admin.post(path) if what == "token" else admin.put(path, json={"fingerprint": "5f" * 32})
        assert answer.is_success, answer.text


@pytest.mark.parametrize("what", ["token", "certificate"])
def test_what_was_opened_ends_with_its_token_and_certificate(
    web: Web, box: FakeVideoBox, consumer: Approved, what: str
) -> None:
    ticket = consumer.client.post(f"{LIVE}/ticket").json()["mp4"]
    with consumer.client.stream("GET", f"{LIVE}/stream.mp4") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        renew(web, consumer, what)
        drain(pieces)
    with plain_client(web.url) as player:
        assert player.get(ticket).status_code == 401


def test_only_what_was_approved_is_opened(web: Web, box: FakeVideoBox, consumer: Approved) -> None:
    other, pictures_only = approved(web, "village"), approved(web, media=["pictures", "clips"])
    asked = len(box.asked)
    for client in (other.client, pictures_only.client):
        for method, path in (("GET", "stream.mp4"), ("GET", "index.m3u8"), ("POST", "ticket")):
            assert client.request(method, f"{LIVE}/{path}").status_code == 403
    missing = consumer.client.get(f"/api/feed/live/{SITE}/{BOX}/nowhere/stream.mp4")
    assert (missing.status_code, missing.json()["error"]) == (409, "there is no such camera")
    with web.logged_in() as client:
        assert client.get(f"{LIVE}/stream.mp4").status_code == 401
    assert len(box.asked) == asked
    assert logged(web, other) + logged(web, pictures_only) + logged(web, consumer) == []


def test_a_ticket_opens_its_camera_for_its_consumer_until_the_token_changes(
    web: Web, box: FakeVideoBox, consumer: Approved
) -> None:
    made = consumer.client.post(f"{LIVE}/ticket").json()
    with plain_client(web.url) as player:
        with player.stream("GET", made["mp4"]) as answer:
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
            assert taken(answer.iter_raw(), 5_000)
        wrong = made["mp4"][:-4] + "0000"
        for address in (wrong, made["mp4"].replace("/front/", "/back/"), made["mp4"].replace("ticket=", "other=")):
            assert player.get(address).status_code == 401
        assert player.get(made["mp4"].replace("/stream.mp4", "/ticket")).status_code == 401
        with web.logged_in() as admin:
            admin.post(f"/api/consumers/{consumer.id}/token")
        late = player.get(made["mp4"])
        assert (late.status_code, "make a new one" in late.json()["error"]) == (401, True)


def test_the_same_comes_over_a_websocket(web: Web, box: FakeVideoBox, consumer: Approved) -> None:
    address = web.url.replace("http", "ws") + consumer.client.post(f"{LIVE}/ticket").json()["websocket"]
    with connect(address, proxy=None, origin=Origin("http://elsewhere.example")) as socket:
        data = b"".join(socket.recv(timeout=20, decode=False) for _ in range(12))
        assert len(pictures(data)) > 5
        change(web, consumer, "revoked")
        with pytest.raises(ConnectionClosed) as told:
            for _ in socket:
                pass
    assert told.value.rcvd is not None
    assert (told.value.rcvd.code, told.value.rcvd.reason) == (4401, consumer_streams.OVER)
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, proxy=None)


def test_streams_of_a_consumer_are_bounded(
    web: Web, box: FakeVideoBox, consumer: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_streams, "MOST_OF_A_CONSUMER", 1)
    with consumer.client.stream("GET", f"{LIVE}/stream.mp4") as answer:
        assert answer.status_code == 200
        refused = consumer.client.get(f"{LIVE}/stream.mp4")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
        assert "streams open" in refused.json()["error"]


def test_a_camera_that_sends_nothing_is_said(
    web: Web, box: FakeVideoBox, consumer: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "most", 0)
    for path in ("stream.mp4", "index.m3u8"):
        answer = consumer.client.get(f"{LIVE}/{path}")
        assert (answer.status_code, answer.json()["error"]) == (409, "the box broke off")


@pytest.mark.parametrize("language", ["python", "sh"])
def test_the_clients_of_the_documents_store_what_can_be_played(
    web: Web, box: FakeVideoBox, consumer: Approved, language: str, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[4] / "docs" / "integrate" / "video.md").read_text(encoding="utf-8")
    code = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)[0]
    subprocess.run(
        [sys.executable, "-c", code] if language == "python" else ["/bin/sh", "-ec", code], cwd=tmp_path, timeout=60,
        check=True, stderr=subprocess.DEVNULL, env={
            "PATH": os.environ["PATH"], "PAIFANG_URL": web.url, "SITE": SITE, "BOX": BOX, "CAMERA": "front",
            "PAIFANG_TOKEN": consumer.client.headers["Authorization"].removeprefix("Bearer "), "SECONDS": "1",
        },
    )  # fmt: skip
    assert len(pictures((tmp_path / "camera.mp4").read_bytes())) > 5
