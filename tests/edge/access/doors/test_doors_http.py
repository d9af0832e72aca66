"""Limits of the HTTP listener of door controllers, which other devices of the network can reach."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from edge_kit import wait_until

from edge.access.doors.adapters.http import LIMITS, Listener, Post

HEAD = b"POST /doors/d HTTP/1.1\r\nHost: x\r\n"
GOOD = HEAD + b"Content-Length: 2\r\n\r\n{}"
Serve = Callable[..., Listener]


@pytest.fixture
def serve() -> Iterator[Serve]:
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(post: Post = lambda *_: (204, b""), **limits: float) -> Listener:
        made = Listener("127.0.0.1", 0, post, replace(LIMITS, **limits))  # type: ignore[arg-type]
        threads.append(threading.Thread(target=made.serve, args=(stop,)))
        threads[-1].start()
        wait_until(lambda: made.port > 0, what="the listener")
        return made

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def ask(listener: Listener, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", listener.port), 20) as stream, contextlib.suppress(ConnectionError):
        stream.sendall(request)
        return stream.recv(100).split(b"\r\n")[0]
    return b""


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"\xb2", b"400"),
        (b"9" * 5000, b"400"),
        (b"-1", b"400"),
        (b"1e3", b"400"),
        (b"8193", b"413"),
        (b"9" * 12, b"413"),
    ],
)
def test_an_invalid_length_is_answered(serve: Serve, length: bytes, status: bytes) -> None:
    listener = serve()
    assert status in ask(listener, HEAD + b"Content-Length: " + length + b"\r\n\r\n")
    assert b"204" in ask(listener, GOOD)


def test_a_body_without_length_is_refused(serve: Serve) -> None:
    listener = serve()
    assert b"413" in ask(listener, HEAD + b"\r\n")
    assert b"413" in ask(listener, HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    assert b"405" in ask(listener, b"GET /doors/d HTTP/1.1\r\nHost: x\r\n\r\n")


def test_the_path_that_controllers_sign_is_the_one_they_sent(serve: Serve) -> None:
    asked: list[tuple[str, str, bytes]] = []

    def post(path: str, headers: object, body: bytes) -> tuple[int, bytes]:
        assert isinstance(headers, dict)
        asked.append((path, headers["x-mixed"], body))
        return 204, b""

    listener = serve(post)
    ask(listener, b"POST /doors/a%41?x=%20 HTTP/1.1\r\nHost: x\r\nX-MIXED: Y\r\nContent-Length: 2\r\n\r\n{}")
    assert asked == [("/doors/a%41?x=%20", "Y", b"{}")]


def test_an_internal_error_is_logged_without_what_was_sent(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def post(_path: str, _headers: object, body: bytes) -> tuple[int, bytes]:
        raise ValueError(body.decode())

    listener = serve(post)
    assert b"500" in ask(listener, HEAD + b"Content-Length: 8\r\n\r\n04A2F1C3")
    log = capsys.readouterr()
    assert "ValueError" in log.out + log.err
    assert "04A2F1C3" not in log.out + log.err


def test_incomplete_requests_are_limited_in_number_and_time(serve: Serve) -> None:
    listener = serve(connection_s=1.0)
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(2 * LIMITS.connections):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", listener.port), 20))
            with contextlib.suppress(ConnectionError):
                connection.sendall(HEAD)
            connections.append(connection)
        for connection in connections:
            with contextlib.suppress(ConnectionError):
                assert connection.recv(1) == b""
        wait_until(lambda: b"204" in ask(listener, GOOD), what="an answer")


def test_no_more_requests_block_than_the_limit(serve: Serve) -> None:
    go, count = threading.Event(), []

    def post(*_: object) -> tuple[int, bytes]:
        count.append(1)
        go.wait(30)
        return 204, b""

    listener = serve(post, connections=3)
    for number in range(1, 4):  # each client leaves, its thread stays
        with socket.create_connection(("127.0.0.1", listener.port), 20) as stream:
            stream.sendall(GOOD)
            wait_until(lambda number=number: len(count) == number, what="a thread")  # type: ignore[misc]
    wait_until(lambda: b"503" in ask(listener, GOOD), what="a refusal")
    assert len(count) == 3
    go.set()
    wait_until(lambda: b"204" in ask(listener, GOOD), what="an answer")
