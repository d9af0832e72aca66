"""The HTTP server of box and aggregator: limits on slow and large requests, restart, stop, threads of requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from common.http_server.bounded_protocol import CLOSE, ConnectionLimits
from common.http_server.request_threads import RequestThreads
from common.http_server.routes import get
from common.http_server.server_thread import ServerThread, listen
from common.running.threads import Worker

LIMITS = ConnectionLimits(20)
LARGE = bytes(50_000_000)


async def whole(request: Request) -> Response:
    return Response(str(len(await request.body())))


async def large(_request: Request) -> Response:
    return Response(LARGE)


async def endless(_request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield bytes(100_000)

    return StreamingResponse(chunks())


async def broken(request: Request) -> Response:
    request.scope["extensions"][CLOSE]()
    await request.receive()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


ROUTES = [
    *(get("/large", large), get("/endless", endless), get("/broken", broken), get("/get", whole)),
    Route("/", whole, methods=["GET", "POST"]),
]


@contextlib.contextmanager
def served(limits: ConnectionLimits = LIMITS, app: Any = None) -> Iterator[int]:
    """A server with these limits; its port."""
    server = ServerThread(app or Starlette(routes=ROUTES), listen("127.0.0.1", 0, 20), "test-server", limits)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def ends(connection: socket.socket) -> bool:
    """The server closes the connection without sending anything."""
    connection.settimeout(20)
    try:
        return connection.recv(10) == b""
    except ConnectionResetError:
        return True


def everything(connection: socket.socket) -> bytes:
    connection.settimeout(20)
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(1_000_000):
            found += piece
    return found


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        return everything(connection)


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"],
)
def test_a_request_that_does_not_go_on_is_ended(sent: bytes) -> None:
    limits = ConnectionLimits(20, header_s=0.05, body_s=0.05)
    with served(limits) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        assert ends(connection)


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n"]
)
def test_a_client_that_sends_byte_by_byte_is_ended(sent: bytes) -> None:
    limits = ConnectionLimits(20, connection_s=0.3)
    with served(limits) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        with contextlib.suppress(OSError):
            for _ in range(1_000):
                connection.sendall(b"x")
        assert ends(connection)


def test_headers_without_end_are_not_kept() -> None:
    with served() as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(OSError):
            for _ in range(200):
                connection.sendall(b"X-Header: " + b"x" * 1000 + b"\r\n")
        assert ends(connection)


def test_connections_beyond_the_limit_are_closed_and_the_others_served() -> None:
    with served(ConnectionLimits(2)) as port, contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(3))
        assert ends(third)
        for connection in (first, second):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("path", [b"/large", b"/endless"])
def test_a_client_that_does_not_read_does_not_keep_its_connection(path: bytes) -> None:
    with served(ConnectionLimits(1, write_s=0.2)) as port, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.1 200"
        until(lambda: b"200" in ask(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        assert len(everything(slow)) < len(LARGE)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("never")


def test_a_response_can_be_ended_early_and_every_connection_is_closed() -> None:
    with served() as port:
        assert ask(port, b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        answer = ask(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close\r\n" in answer
        assert answer.endswith(b"\r\n\r\n3")


def test_a_route_for_get_does_not_answer_head() -> None:
    with served() as port:
        assert b" 405 " in ask(port, b"HEAD /get HTTP/1.1\r\nHost: x\r\n\r\n").splitlines()[0]
        assert b" 200 " in ask(port, b"GET /get HTTP/1.1\r\nHost: x\r\n\r\n").splitlines()[0]


@pytest.mark.parametrize(
    "request_", [b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"]
)
def test_invalid_requests_do_not_fill_the_log(request_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with served() as port, caplog.at_level(logging.WARNING):
        ask(port, request_)
    assert [it.name for it in caplog.records] == []


def test_a_server_that_ends_is_started_again_on_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.running.threads.FIRST_PAUSE_S", 0.01)
    server = ServerThread(Starlette(routes=ROUTES), listen("127.0.0.1", 0, 20), "test-server", LIMITS)
    server.start()
    try:
        assert b"200" in ask(server.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server._server is not None
        server._server.stop()
        until(lambda: server._thread.failures > 0)
        assert b"200" in ask(server.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    finally:
        server.stop()


def test_stop_ends_the_thread_and_closes_the_port_whatever_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.running.threads.FIRST_PAUSE_S", 3600.0)
    waiting = ServerThread(Starlette(), listen("127.0.0.1", 0, 20), "waiting-server", LIMITS)
    waiting.start()
    until(lambda: waiting._server is not None and waiting._server.started)
    assert waiting._server is not None
    waiting._server.stop()
    until(lambda: not waiting._thread.is_healthy)
    unstarted = ServerThread(Starlette(), listen("127.0.0.1", 0, 20), "unstarted-server", LIMITS)
    stopped_at_once = ServerThread(Starlette(), listen("127.0.0.1", 0, 20), "started-server", LIMITS)
    stopped_at_once.start()
    for server in (waiting, unstarted, stopped_at_once):
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
    assert not any(isinstance(it, Worker) and it.name.endswith("-server") for it in threading.enumerate())


def test_stop_does_not_wait_for_blocked_requests() -> None:
    threads, begun, go = RequestThreads("test-request", 2), threading.Event(), threading.Event()

    def block(_request: Request) -> Response:
        begun.set()
        go.wait()
        return Response()

    with served(app=Starlette(routes=[get("/", threads.endpoint(block))])) as port:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(20)
    with contextlib.closing(connection):
        everything(connection)
    go.set()


def test_request_threads_are_limited_and_return_results_and_errors() -> None:
    async def main() -> None:
        threads, go = RequestThreads("test-request", 1), threading.Event()
        first = asyncio.create_task(threads.run(go.wait))
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as refused:
            await threads.run(lambda: 1)
        assert refused.value.status_code == 503
        first.cancel()
        with pytest.raises(HTTPException):  # its thread still runs
            await threads.run(lambda: 1)
        go.set()
        while True:
            with contextlib.suppress(HTTPException):
                assert await threads.run(lambda: 7) == 7
                break
            await asyncio.sleep(0.01)
        with pytest.raises(KeyError):
            await threads.run(lambda: dict[str, int]()["x"])
        assert await threads.run(lambda: 8) == 8

    with ThreadPoolExecutor(1) as apart:  # another test may have left a loop in this thread
        apart.submit(asyncio.run, main()).result()
