"""Live video is pushed to receivers of libav; it ends when it should; hostile receivers are contained."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agg_support import run_apart
from live_video import SIZE
from messaging.test_tls import certificates
from services.video_out.push_kit import Parts, listening

from aggregator.notifications.checked_addresses import PRIVATE
from aggregator.services.video_out import consumer_streams
from aggregator.services.video_out.push import pusher

SCHEMES = ["rtmp", "rtsp"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_receiver_decodes_what_is_pushed_and_the_stream_is_logged(scheme: str, tmp_path: Path) -> None:
    async def work() -> Parts:
        parts = Parts(tmp_path)
        assert "closed the connection" in await parts.push_to(receiver)
        return parts

    with listening(scheme, 40) as receiver:
        parts = run_apart(work())
    assert receiver.sizes == {SIZE}
    assert [number for number, key in enumerate(receiver.keys) if key] == [0, 30]
    steps = [round(after - before, 3) for before, after in zip(receiver.times, receiver.times[1:], strict=False)]
    assert set(steps) <= {0.066, 0.067}
    about = {"consumer": "c", "output": scheme, "address": "127.0.0.1"}
    assert [it.detail for it in parts.entries] == [about | {"live": "begins"}, about | {"live": "ends"}]
    assert parts.relay.views == {}, "the box's stream has ended with it"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_ends_with_the_consumer_and_when_it_is_cancelled(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_streams, "CHECK_S", 0.01)

    async def work(cancel: bool) -> str:
        parts = Parts(tmp_path)
        task = asyncio.create_task(parts.push_to(receiver))
        await parts.begun.wait()
        if cancel:
            task.cancel()
        else:
            parts.store.now = msgspec.structs.replace(parts.store.now, state="paused")
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert parts.relay.views == {}
        return str(ended)

    for cancel, why in ((False, consumer_streams.OVER), (True, "")):
        with listening(scheme, 10**6) as receiver:
            assert run_apart(work(cancel)) == why


def test_with_tls_the_certificate_is_checked(tmp_path: Path) -> None:
    """A server with TLS passes the bytes on to libav."""
    certificates(tmp_path)

    async def work(trusted: bool) -> str:
        parts = Parts(tmp_path)
        if trusted:
            parts.pusher.tls = lambda: ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
        inner = int(receiver.url.rpartition(":")[2].split("/")[0])

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    sink.write(data)
            finally:  # also where the receiver has reset the connection
                sink.close()

        async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            other = await asyncio.open_connection("127.0.0.1", inner)
            await asyncio.gather(copy(reader, other[1]), copy(other[0], writer), return_exceptions=True)

        async with await asyncio.start_server(passed_on, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            return await parts.push(f"rtmps://127.0.0.1:{port}/app/key")

    with listening("rtmp", 20) as receiver:
        assert run_apart(work(False)) == "no connection (SSLCertVerificationError)"
        while not receiver.keys:
            assert not receiver.ended
            run_apart(work(True))
    assert receiver.sizes == {SIZE}


@pytest.mark.parametrize("address", ["rtsps://127.0.0.1:9/x", "rtmps://10.0.0.1/a/b", "rtmp://127.0.0.1:9/a/b"])
def test_private_addresses_are_refused_at_connect_time(address: str, tmp_path: Path) -> None:
    async def work() -> str:
        return await Parts(tmp_path, ()).push(address)

    assert run_apart(work()) == PRIVATE


SILENT = b""
RTMP_HELLO = b"\3" + bytes(1536) + bytes(1536)
HOSTILE: list[tuple[str, bytes, str]] = [
    ("rtmp", SILENT, "takes too long"), ("rtsp", SILENT, "takes too long"),
    ("rtmp", b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(4000), "does not speak RTMP"),
    ("rtmp", RTMP_HELLO + b"\xc3" + bytes(200), "does not speak RTMP"),
    ("rtmp", RTMP_HELLO + b"\3\0\0\0\xff\xff\xff\x14\0\0\0\0", "a message that is too long"),
    ("rtmp", RTMP_HELLO + b"\3\0\0\0\0\0\3\x14\0\0\0\0\2\xff\xff", "values that cannot be read"),
    ("rtsp", b"HTTP/1.1 200 OK\r\n" * 4000, "too many headers"), ("rtsp", b"x" * 70_000, "a line that is too long"),
    ("rtsp", b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n", "a body that is too long"),
    ("rtsp", b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", "a body that is too long"),
    ("rtsp", b"RTSP/1.0 403 Forbidden\r\n\r\n", "answered ANNOUNCE with RTSP 403"),
    ("rtsp", b"RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm=\"x\"\r\n\r\n", "refused user and password"),
    ("rtsp", b"RTSP/1.0 200 OK\r\n\r\n" * 2, "makes no session"),
    ("rtsp", b"$\0\xff\xff" * 10, "takes too long"),
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "sent", "why"), HOSTILE)
def test_a_hostile_receiver_is_left_and_the_reason_is_said(
    scheme: str, sent: bytes, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pusher, "BEGIN_S", 0.3)

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)

    async def work() -> str:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await Parts(tmp_path).push(f"{scheme}://127.0.0.1:{port}/app/key")

    assert why in run_apart(work())


def test_a_receiver_that_takes_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pusher, "SEND_S", 0.2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"RTSP/1.0 200 OK\r\nSession: 1\r\n\r\n")
        await asyncio.sleep(60)  # its buffers fill up

    async def work() -> str:
        parts = Parts(tmp_path)
        parts.box.pause_s = 0.0
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            port = server.sockets[0].getsockname()[1]
            return await parts.push(f"rtsp://127.0.0.1:{port}/app")

    assert run_apart(work()) == "the receiver takes too long"


def test_a_receiver_asks_for_user_and_password(tmp_path: Path) -> None:
    """One that knows Basic only; the address itself is sent without them."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for status in (b'401 Unauthorized\r\nWWW-Authenticate: Basic realm="r"', b"403 No"):
            asked.append(await reader.readuntil(b"streamid=0\r\n"))
            writer.write(b"RTSP/1.0 " + status + b"\r\n\r\n")

    async def work() -> Any:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await Parts(tmp_path).push(f"rtsp://li:a%20secret@127.0.0.1:{port}/app")

    assert run_apart(work()) == "the receiver answered ANNOUNCE with RTSP 403"
    assert b"Authorization" not in asked[0]
    assert b"Authorization: Basic bGk6YSBzZWNyZXQ=\r\n" in asked[1]
    assert b"li:" not in asked[1].split(b"\r\n")[0]
