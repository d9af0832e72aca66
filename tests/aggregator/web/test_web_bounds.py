"""Limits of requests to the dashboard: bytes of a body by path, connections and descriptors."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from agg_support import PASSWORD, Web, add_staff, run_apart
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.settings.aggregator import Http, Settings
from aggregator.web import server as web_server
from aggregator.web.api.video.uploads import _number
from aggregator.web.body_limits import most_bytes
from aggregator.web.server import BACKLOG, RESERVED_FILES, configuration, connections_of, listening
from common.errors import ContractError
from common.http_server.body_limits import BodyLimits
from protocol.identifiers import uuid7
from protocol.signing.upload_tokens import PIECE_BYTES

PATHS = [
    "/login",
    "/api/alerts/x/reopen",
    "/api/sites/village/list",
    "/api/sites/village/list.csv",
    "/_nicegui/client/x/upload/7",
    f"/box/uploads/clip/{uuid7(1, bytes(10))}",
    "/nowhere",
]


async def whole(request: Request) -> Response:
    return Response(str(len(await request.body())))


APP = Starlette(routes=[Route("/{path:path}", whole, methods=["GET", "POST"])])


@pytest.mark.parametrize("path", PATHS)
def test_no_more_than_the_bound_of_a_streamed_body_is_read(path: str) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(10_000):
            read += 10_000
            yield bytes(10_000)

    async def ask() -> int:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(BodyLimits(APP, most_bytes)), base_url="http://x"
        ) as client:
            return (await client.post(path, content=endless())).status_code

    assert run_apart(ask()) == 413
    assert read <= most_bytes(path) + 20_000


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", ["400000000", "0400000000", "9" * 5000, "-1", "x"])
def test_a_body_that_says_it_is_too_large_is_not_read(path: str, length: str) -> None:
    async def ask() -> int:
        headers = {"Content-Length": length}
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(BodyLimits(APP, most_bytes)), base_url="http://x"
        ) as client:
            return (await client.post(path, headers=headers)).status_code

    assert run_apart(ask()) == 413


def test_a_body_within_its_bound_passes() -> None:
    async def ask() -> str:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(BodyLimits(APP, most_bytes)), base_url="http://x"
        ) as client:
            return (await client.post(PATHS[5], content=bytes(PIECE_BYTES))).text

    assert run_apart(ask()) == str(PIECE_BYTES)


def test_the_running_server_refuses_large_bodies(web: Web) -> None:
    with web.client() as client:
        client.post("/login", data={"name": add_staff(web, "supervisor"), "password": PASSWORD})
        for path in ("/api/sites/village/list", "/api/sites/village/list.csv", "/api/tokens"):
            with contextlib.suppress(httpx2.TransportError):  # it may close the connection before all is sent
                assert client.post(path, content=bytes(5_000_000)).status_code == 413


def test_descriptors_are_reserved_for_what_is_no_browser() -> None:
    assert RESERVED_FILES > BACKLOG
    assert (connections_of(1024), connections_of(64), connections_of(10**6)) == (640, 16, 2000)
    assert isinstance(configuration(APP, web_server.limits()), uvicorn.Config)


@pytest.mark.parametrize(
    ("text", "good"),
    [("0", True), ("7", True), ("0" * 10 + "7", True), ("0" * 16 + "7", False), ("9" * 16, False), ("٣", False)],
)
def test_upload_length_keeps_to_its_bound_whatever_it_begins_with(text: str, good: bool) -> None:
    request = Request({"type": "http", "headers": [(b"upload-length", text.encode("utf-8"))]})
    if good:
        assert _number(request, "Upload-Length") == int(text)
    else:
        with pytest.raises(ContractError):
            _number(request, "Upload-Length")


def test_connections_send_small_answers_at_once(tmp_path: Path) -> None:
    chosen = Settings(data=str(tmp_path), http=Http(port=0))
    with listening(chosen) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
