"""Sending for real: a webhook, a mail server, a target that hangs, and addresses of the inner network."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from agg_support import run_apart
from aiosmtpd.controller import Controller
from port_kit import free_port

from aggregator.domain.escalation.notification import Attempt
from aggregator.notifications.senders import SenderPool
from common.clock import SystemClock
from common.errors import NotificationError

LOOPBACK = ("127.0.0.0/8",)
SECRET = "a-secret-path"


@dataclass
class Webhook:
    """A receiver of webhooks: what came, and how it answers."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    hang: threading.Event | None = None


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    it = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            it.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(it.status)
            if it.hang is not None:
                self._drip(it.hang)
            for name, value in it.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def _drip(self, end: threading.Event) -> None:
            """An answer that never ends, slowly: no time-out of a library sees that."""
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not end.wait(0.2):
                    self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield it
    if it.hang is not None:
        it.hang.set()
    server.shutdown()
    server.server_close()
    thread.join()


@contextlib.asynccontextmanager
async def pool(networks: tuple[str, ...] = LOOPBACK, limit_s: float = 30.0, **more: Any) -> AsyncIterator[SenderPool]:
    it = SenderPool(networks, SystemClock(), limit_s, **more)
    try:
        yield it
    finally:
        await it.stop()


def send(address: str, networks: tuple[str, ...] = LOOPBACK, title: str = "Door <b>", body: str = "x & y") -> Attempt:
    async def work() -> Attempt:
        async with pool(networks) as it:
            return await it.apprise(address, title, body, True)

    return run_apart(work())


def test_a_webhook_gets_the_text_as_it_is(webhook: Webhook) -> None:
    assert send(f"json://127.0.0.1:{webhook.port}/{SECRET}") == Attempt(True)
    (body,) = webhook.bodies
    assert (body["title"], body["message"]) == ("Door <b>", "x & y")
    assert body["type"] == "failure"
    assert body["attachments"] == []


class Mailbox:
    """What a mail server was given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(  # noqa: N802
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"


@pytest.mark.parametrize("form", ["html", "text", "markdown"])
def test_an_e_mail_comes_without_markup_from_names(form: str) -> None:
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        address = f"mailto://127.0.0.1:{server.port}?from=gate@example.com&to=li@example.com&format={form}"
        got = send(address, title="告警\r\nBcc: evil@example.com", body="<script>alert(1)</script> 王")
    finally:
        server.stop()
    assert got == Attempt(True)
    (mail,) = mailbox.mails
    assert "Bcc" not in mail
    assert "告警" in str(mail["Subject"])
    page = mail.get_body(("html",))
    assert page is None or "<script>" not in page.get_content()
    plain = mail.get_body(("plain", "html"))
    assert plain is not None
    assert "王" in plain.get_content()


@pytest.mark.parametrize(
    ("status", "refused", "pause_s"), [(500, False, 0.0), (429, False, 120.0), (404, True, 0.0), (401, True, 0.0)]
)
def test_what_a_target_answers_is_told_without_its_address(
    webhook: Webhook, status: int, refused: bool, pause_s: float
) -> None:
    webhook.status = status
    webhook.headers = {"Retry-After": "120"} if status == 429 else {}
    got = send(f"json://127.0.0.1:{webhook.port}/{SECRET}")
    assert got == Attempt(False, f"it answered with HTTP {status}", refused, False, pause_s)


def test_nobody_listens() -> None:
    got = send(f"json://127.0.0.1:{free_port()}/{SECRET}")
    assert not got.sent
    assert SECRET not in got.problem


def test_a_target_that_hangs_is_ended_and_others_are_sent_meanwhile(webhook: Webhook) -> None:
    hanging, webhook.hang = f"json://127.0.0.1:{webhook.port}", threading.Event()
    other = ThreadingHTTPServer(("127.0.0.1", 0), _Good)
    thread = threading.Thread(target=other.serve_forever)
    thread.start()

    async def work() -> tuple[Attempt, Attempt, int]:
        async with pool(limit_s=8.0, most=2) as it:
            slow = asyncio.create_task(it.apprise(hanging, "t", "b", True))
            quick = await it.apprise(f"json://127.0.0.1:{other.server_address[1]}", "t", "b", True)
            assert not slow.done()
            return await slow, quick, it._running

    try:
        slow, quick, running = run_apart(work())
    finally:
        other.shutdown()
        other.server_close()
        thread.join()
    assert quick == Attempt(True)
    assert (slow.sent, slow.problem) == (False, "no answer within 8 s")
    assert running == 0


class _Good(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "127.1"])
def test_hosts_of_the_inner_network_are_refused_when_connecting(webhook: Webhook, host: str) -> None:
    got = send(f"json://{host}:{webhook.port}/{SECRET}", networks=())
    assert not got.sent
    assert webhook.bodies == []


def test_a_redirect_into_the_inner_network_is_refused(webhook: Webhook) -> None:
    """The receiver stands in an allowed network, and sends on to another one."""
    webhook.status, webhook.headers = 307, {"Location": f"http://127.0.0.2:{webhook.port}/inner"}
    got = send(f"json://127.0.0.1:{webhook.port}/?redirect=yes", networks=("127.0.0.1/32",))
    assert not got.sent
    assert len(webhook.bodies) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]"])
def test_such_a_host_is_refused_when_the_target_is_added(host: str) -> None:
    async def work(networks: tuple[str, ...]) -> None:
        async with pool(networks) as it:
            await it.check(f"json://{host}/{SECRET}")

    with pytest.raises(NotificationError, match=r"^url: the host is in a private network") as error:
        run_apart(work(()))
    assert SECRET not in str(error.value)
    run_apart(work(("127.0.0.0/8", "10.0.0.0/8", "::1/128")))


def test_an_address_that_the_service_does_not_take() -> None:
    async def work() -> None:
        async with pool() as it:
            await it.check("tgram://nonsense")

    with pytest.raises(NotificationError, match=r"^url: the service does not take it"):
        run_apart(work())


def test_a_push_service_that_knows_the_browser_no_more(webhook: Webhook) -> None:
    webhook.status = 410

    async def work() -> Attempt:
        async with pool() as it:
            return await it.push(f"http://127.0.0.1:{webhook.port}/sub", {"TTL": "60"}, b'{"a":1}')

    assert run_apart(work()) == Attempt(False, "it answered with HTTP 410", True, True, 0.0)
    webhook.status = 201
    assert run_apart(work()) == Attempt(True)


def test_processes_end_with_the_loop_also_where_nobody_waits_for_that() -> None:
    """As at the end of the aggregator: the task that ends the pool is cancelled itself, twice."""

    async def work() -> SenderPool:
        it = SenderPool(LOOPBACK, SystemClock(), 30.0)
        await it.check("wecombot://key-of-a-robot")
        (process, _), *_ = it._idle
        ending = asyncio.create_task(it.stop())
        await asyncio.sleep(0)
        ending.cancel()
        assert process._transport.is_closing()  # type: ignore[attr-defined]
        return it

    assert run_apart(work())._idle == []


def test_a_process_that_ends_or_talks_nonsense_is_replaced() -> None:
    async def work(*command: str) -> Attempt:
        async with pool(limit_s=10.0, command=command) as it:
            return await it.apprise("json://127.0.0.1", "t", "b", True)

    assert run_apart(work("/bin/false")) == Attempt(False, "the sender process ended")
    assert run_apart(work("/bin/echo", "nonsense")) == Attempt(False, "the sender process ended")
