"""The demonstration's RTSP server, seen by clients that are not ours: PyAV (FFmpeg) and a plain socket."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from edge_kit import Served, make_clip, served

from common.errors import SourceError
from demo.media_loop import Clip, load
from demo.rtsp_server.messages import Digest, Request


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "h264": load(make_clip(folder / "a.mp4", seconds=2)),
        "hevc": load(make_clip(folder / "b.mp4", "libx265", seconds=2)),
    }


@pytest.fixture
def server(clips: dict[str, Clip]) -> Iterator[Served]:
    with served(clips) as made:
        yield made


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_loop_is_seamless(server: Served, codec: str) -> None:
    with av.open(server.url(codec), options={"rtsp_transport": "tcp"}) as container:
        video = container.streams.video[0]
        assert video.codec_context.name == codec
        frames = list(itertools.islice(container.decode(video), 45))  # a turn and a half
    times = [float(frame.time or 0) for frame in frames]
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert all(step == pytest.approx(1 / 15, abs=0.002) for step in steps)
    assert not any(frame.is_corrupt for frame in frames)


def test_pictures_arrive_as_they_were_encoded(server: Served, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "again.mp4", seconds=2)
    with av.open(str(source)) as container:
        given = [frame.to_ndarray(format="gray").tobytes() for frame in container.decode(video=0)]
    with av.open(server.url("h264"), options={"rtsp_transport": "tcp"}) as container:
        seen = [f.to_ndarray(format="gray").tobytes() for f in itertools.islice(container.decode(video=0), 20)]
    assert set(seen) <= set(given)


def test_a_wrong_digest_is_refused_and_the_right_one_is_not(clips: dict[str, Clip]) -> None:
    with served(clips, Digest("u", "p", "nonce")) as server:
        with pytest.raises(av.error.HTTPUnauthorizedError):
            av.open(server.url("h264"), options={"rtsp_transport": "tcp"})
        url = server.url("h264").replace("//", "//u:p@")
        av.open(url, options={"rtsp_transport": "tcp"}).close()


def test_a_digest_is_bound_to_method_and_address() -> None:
    digest = Digest("Mufasa", "Circle Of Life", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    uri = "rtsp://h/a"
    import hashlib

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    response = md5(f"{md5('Mufasa:paifang:Circle Of Life')}:{digest.nonce}:{md5(f'PLAY:{uri}')}")
    header = f'Digest username="Mufasa", realm="paifang", nonce="{digest.nonce}", uri="{uri}", response="{response}"'
    assert digest.accepts(Request("PLAY", uri, {"authorization": header}))
    assert not digest.accepts(Request("DESCRIBE", uri, {"authorization": header}))
    assert not digest.accepts(Request("PLAY", uri, {}))


def ask(server: Served, text: str) -> str:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(text.encode())
        return connection.recv(4096).decode()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("OPTIONS * RTSP/1.0", "200 OK"),
        ("DESCRIBE rtsp://h/nothing RTSP/1.0", "404"),
        ("SETUP rtsp://h/h264/video RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port=1-2", "461"),
        ("PLAY rtsp://h/h264 RTSP/1.0", "455"),
        ("RECORD rtsp://h/h264 RTSP/1.0", "501"),
        ("GET_PARAMETER rtsp://h/h264 RTSP/1.0", "200"),
    ],
)
def test_requests_are_answered(server: Served, request_line: str, status: str) -> None:
    assert ask(server, f"{request_line}\r\nCSeq: 7\r\n\r\n").startswith(f"RTSP/1.0 {status}")


def test_nonsense_ends_the_connection_and_nothing_else(server: Served) -> None:
    assert ask(server, "HELLO\r\n\r\n") == ""
    assert ask(server, "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").startswith("RTSP/1.0 200")


def test_a_file_that_cannot_be_served_says_why(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"x\.mp4: cannot be served"):
        load(tmp_path / "x.mp4")
    with pytest.raises(SourceError, match="neither"):
        load(make_clip(tmp_path / "y.mp4", "mpeg4"))
