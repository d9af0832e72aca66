"""What a stranger on the network can do to the listener of door controllers: nothing that lasts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from edge_kit import wait_until

from edge.access.doors.adapters.http import MOST_CONNECTIONS, REQUEST_S, Listener, Server

HEAD = b"POST /doors/d HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The listener's clock."""
    now = [0.0]
    made = Server.__init__
    monkeypatch.setattr(Server, "__init__", lambda self, address, handler: made(self, address, handler, lambda: now[0]))
    return now


@pytest.fixture
def listener(now_s: list[float]) -> Iterator[Listener]:
    stop = threading.Event()
    made = Listener("127.0.0.1", 0, lambda *_: (204, b""))
    thread = threading.Thread(target=made.serve, args=(stop,))
    thread.start()
    wait_until(lambda: made.port > 0, what="the listener")
    yield made
    stop.set()
    thread.join()


def ask(listener: Listener, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", listener.port), 20) as stream:
        stream.sendall(request)
        return stream.recv(100).split(b"\r\n")[0]


@pytest.mark.parametrize("length", [b"\xb2", b"9" * 5000, b"-1", b"", b"1e3", b"8193"])
def test_a_length_that_is_none_is_answered(listener: Listener, length: bytes) -> None:
    assert b"413" in ask(listener, HEAD + b"Content-Length: " + length + b"\r\n\r\n")
    assert b"204" in ask(listener, HEAD + b"Content-Length: 2\r\n\r\n{}")


def test_half_requests_hold_neither_threads_nor_the_door_for_long(listener: Listener, now_s: list[float]) -> None:
    def busy() -> int:
        return sum("process_request_thread" in it.name for it in threading.enumerate())

    with contextlib.ExitStack() as stack:
        half: list[socket.socket] = []
        for number in range(2 * MOST_CONNECTIONS):  # one by one: the kernel repeats a connection only after a second
            half.append(stack.enter_context(socket.create_connection(("127.0.0.1", listener.port), 20)))
            if number < MOST_CONNECTIONS:
                half[-1].sendall(HEAD)
                wait_until(lambda: busy() == len(half), what="a thread of its own")
            else:
                assert half[-1].recv(1) == b"", "more than that are not served"
        assert busy() <= MOST_CONNECTIONS
        now_s[0] = REQUEST_S + 1
        assert half[0].recv(1) == b"", "nor served for ever"
        wait_until(lambda: b"204" in ask(listener, HEAD + b"Content-Length: 2\r\n\r\n{}"), what="an answer")
