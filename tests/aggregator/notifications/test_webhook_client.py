"""Requests of webhooks to receivers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from agg_support import START_NS, run_apart

from aggregator.domain.feeds.webhook import Attempt
from aggregator.notifications.checked_addresses import PRIVATE
from aggregator.notifications.webhook_client import RESOLVER, WebhookClient, check_address
from common.clock import FakeClock
from common.errors import FeedError

LOOPBACK = ("127.0.0.0/8",)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@contextlib.asynccontextmanager
async def receiver(answer: bytes | Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers each request with these bytes, or as it likes; its address, and what it was sent."""
    got: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                assert length is not None
                got.append(head + await reader.readexactly(int(length[1])))
                if callable(answer):
                    await answer(reader, writer)
                else:
                    writer.write(answer)
                    await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", got
    finally:
        server.close()


def attempt(answer: bytes | Answer, networks: tuple[str, ...] = LOOPBACK, limit_s: float = 20.0) -> tuple[Attempt, int]:
    """What came of one message, and how many requests the receiver got."""

    async def work() -> tuple[Attempt, int]:
        client = WebhookClient(networks, FakeClock(now_ns=START_NS), limit_s)
        async with receiver(answer) as (url, got):
            made = await client.post(url, {"X-Test": "1"}, b"body")
            await client.close()
            return made, len(got)

    return run_apart(work())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (GOOD, Attempt(True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Attempt(True)),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Attempt(False, "it answered with HTTP 500")),
        (b"HTTP/1.1 429 No\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n",
         Attempt(False, "it answered with HTTP 429", retry_after_s=90.0)),
        (b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", Attempt(False, "it answered with HTTP 400", refused=True)),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
         Attempt(False, "it answered with HTTP 410", refused=True, gone=True)),
        (b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
         Attempt(False, "it answered with HTTP 302", refused=True)),
        (b"nonsense\r\n\r\n", Attempt(False, "no answer (RemoteProtocolError)")),
    ],
)  # fmt: skip
def test_what_an_answer_means(answer: bytes, expected: Attempt) -> None:
    assert attempt(answer) == (expected, 1)


async def _endless_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(f"X-{number}: {'x' * 100}\r\n".encode())
        await writer.drain()


async def _endless_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def test_endless_headers_are_cut_and_an_endless_body_is_not_read() -> None:
    assert attempt(_endless_headers)[0].problem == "no answer (RemoteProtocolError)"
    assert attempt(_endless_body)[0] == Attempt(True)


def test_a_receiver_that_hangs_is_left_alone() -> None:
    assert attempt(_silent, limit_s=0.2)[0] == Attempt(False, "no answer within 0 s")


def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    assert attempt(GOOD, ()) == (Attempt(False, PRIVATE, refused=True), 0)
    assert attempt(GOOD, ("10.0.0.0/8",)) == (Attempt(False, PRIVATE, refused=True), 0)


@pytest.mark.parametrize("resolved", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1"])
def test_what_a_name_resolves_to_is_checked_and_it_is_resolved_once(
    resolved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is checked and private when it is connected to gets no connection."""
    asked, connected = [], []

    async def work() -> Attempt:
        loop = asyncio.get_running_loop()

        def lookup(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (resolved, port))]

        async def connect(*args: Any, **_: Any) -> Any:
            connected.append(args)
            raise OSError("no network in tests")

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        monkeypatch.setattr(loop, "create_connection", connect)
        return await WebhookClient((), FakeClock()).post("https://rebind.example/hook", {}, b"x")

    assert run_apart(work()) == Attempt(False, PRIVATE, refused=True)
    assert (asked, connected) == (["rebind.example"], [])


def test_names_are_resolved_in_threads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile name server may take half a minute, and the event loop's threads read the store."""
    threads: list[str] = []

    def lookup(*_: Any, **__: Any) -> list[Any]:
        threads.append(threading.current_thread().name)
        return []

    async def work() -> list[Attempt]:
        client = WebhookClient((), FakeClock())
        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        made = [await client.post("https://slow.example/hook", {}, b"x")]
        await client.close()
        made.append(await client.post("https://slow.example/hook", {}, b"x"))
        await client.close()
        return made

    assert run_apart(work()) == [Attempt(False, PRIVATE, refused=True)] * 2
    assert [it.rpartition("_")[0] for it in threads] == [RESOLVER, RESOLVER]


def test_connections_are_used_again() -> None:
    async def work() -> set[Any]:
        client, peers = WebhookClient(LOOPBACK, FakeClock()), set()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peers.add(writer.get_extra_info("peername"))
            writer.write(GOOD)

        async with receiver(answer) as (url, _):
            for _ in range(5):
                assert (await client.post(url, {}, b"x")).sent
            await client.close()
        return peers

    assert len(run_apart(work())) == 1


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        (b"WebHook-Allowed-Origin: gate.example\r\nWebHook-Allowed-Rate: 120\r\n", 120),
        (b"webhook-allowed-origin: *\r\nwebhook-allowed-rate: *\r\n", 0),
        (b"WebHook-Allowed-Origin: *\r\n", 0),
        (b"WebHook-Allowed-Origin: other.example\r\n", "does not consent"),
        (b"", "does not consent"),
    ],
)  # fmt: skip
def test_only_the_header_of_the_handshake_is_consent(headers: bytes, outcome: int | str) -> None:
    async def work() -> tuple[int | str, bytes]:
        client = WebhookClient(LOOPBACK, FakeClock())
        async with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + headers + b"\r\n") as (url, got):
            try:
                found: int | str = await client.handshake(url, "gate.example", 600)
            except FeedError as error:
                found = str(error)
            await client.close()
            return found, got[0]

    found, request = run_apart(work())
    assert found == outcome if isinstance(outcome, int) else outcome in str(found)
    assert request.startswith(b"OPTIONS /hook ")
    assert b"webhook-request-origin: gate.example" in request.lower()
    assert b"webhook-request-rate: 600" in request.lower()


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://there.example/", "https://", "https://user:pw@there.example/", "https://there.example/#x",
     "https://there.example:99999/", "https://there.example/\n", "https://there.example/" + "x" * 1000,
     "http://there.example/", "https://[::1", "https://thère.example/"],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(FeedError, match=r"^url: ") as raised:
        check_address(url, ())
    assert "there.example" not in str(raised.value)


def test_plain_http_is_for_named_networks() -> None:
    assert check_address("https://there.example/hook?key=1", ()) == "there.example"
    assert check_address("http://10.1.2.3:8080/hook", ("10.0.0.0/8",)) == "10.1.2.3"
