"""RTSP on a connection, cut into messages and the rest; and the relay's bounds."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from common.secret import Secret
from common.secret.digest import Login
from edge.sources.base import never
from edge.sources.rtsp_relay import LoginExchange, Relay
from edge.sources.rtsp_wire import BadRtsp, Message, Splitter

FRAME = b"$\x00\x00\x0fRTSP/1.0 2$\r\n\r\n"
ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 5\r\n\r\n$body"
REQUEST = b"ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 3\r\n\r\n"
ALL = FRAME + ANSWER + FRAME * 2 + b"\0\0junk" + FRAME + REQUEST + ANSWER + FRAME


@pytest.mark.parametrize("step", [1, 2, 3, 7, 20, 1000])
def test_messages_and_frames_come_out_as_they_went_in(step: int) -> None:
    splitter, out, messages = Splitter(), b"", []
    for at in range(0, len(ALL), step):
        for chunk in splitter.feed(ALL[at : at + step]):
            if isinstance(chunk, Message):
                messages.append(chunk)
                out += chunk.encoded()
            else:
                out += bytes(chunk)
    assert out == ALL
    assert [it.status for it in messages] == [200, None, 200]
    assert [it.body for it in messages] == [b"$body", b"", b"$body"]


@pytest.mark.parametrize(
    "data",
    [
        b"RTSP/1.0 200 OK\r\n" + b"A: b\r\n" * 5_000,
        b"RTSP/1.0 200 OK\r\nContent-Length: 999999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        "RTSP/1.0 200 OK\r\nContent-Length: ٣\r\n\r\n".encode(),
    ],
)
def test_a_message_that_is_too_long_ends_the_connection(data: bytes) -> None:
    with pytest.raises(BadRtsp):
        list(Splitter().feed(data))


def test_addresses_and_numbers_are_those_of_each_side() -> None:
    credentials = Login("u", Secret("p"))
    exchange = LoginExchange(credentials, lambda: "c", ("rtsp://127.0.0.1:9", "rtsp://cam:554"))
    first = Message("DESCRIBE rtsp://127.0.0.1:9/a?b=1 RTSP/1.0", [("CSeq", "7")])
    assert exchange.request(first).startswith(b"DESCRIBE rtsp://cam:554/a?b=1 RTSP/1.0\r\nCSeq: 1\r\n")
    pending = 'Digest realm="r", nonce="n", algorithm=SHA-256'
    response, on = exchange.response(Message("RTSP/1.0 401 No", [("CSeq", "1"), ("WWW-Authenticate", pending)]))
    assert b"CSeq: 2\r\n" in response
    assert b'uri="rtsp://cam:554/a?b=1"' in response
    assert on == b""
    good = [("CSeq", "2"), ("Content-Base", "rtsp://cam:554/a/"), ("RTP-Info", "url=rtsp://cam:5544/a;seq=1")]
    response, on = exchange.response(Message("RTSP/1.0 200 OK", good, b"v=0"))
    assert response == b""
    assert b"CSeq: 7\r\nContent-Base: rtsp://127.0.0.1:9/a/\r\nRTP-Info: url=rtsp://cam:5544/a;" in on
    stray = Message("RTSP/1.0 401 No", [("CSeq", "99"), ("WWW-Authenticate", pending)])
    assert exchange.response(stray) == (b"", stray.encoded())


def test_another_process_gets_nothing_and_takes_nothing() -> None:
    camera = socket.create_server(("127.0.0.1", 0))
    relay = Relay(f"rtsp://127.0.0.1:{camera.getsockname()[1]}/x", Login("u", Secret("p")), 5, lambda: "c", never)
    code = f"import socket; s=socket.create_connection(('127.0.0.1',{relay.port}),9); print(s.recv(9))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == "b''"
    ours = socket.create_connection(("127.0.0.1", relay.port), 5)
    camera.settimeout(10)
    accepted, _ = camera.accept()
    accepted.close()
    assert ours.recv(9) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", relay.port), 5)
    ours.close()
    camera.close()


def test_a_relay_that_nobody_opens_ends_when_it_is_closed() -> None:
    relay = Relay("rtsp://127.0.0.1:9/x", Login("u", Secret("p")), 5, lambda: "c", never)
    threads = [it for it in threading.enumerate() if it.name == "rtsp-login:127.0.0.1"]
    relay.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
