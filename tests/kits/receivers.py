"""Where notifications go in tests: a webhook and a mail server that take what they are sent."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from port_kit import free_port


@contextlib.contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A real HTTP server on loopback; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Webhook:
    """A receiver of webhooks, what came, and the status of its answers."""

    port: int = 0
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def url(self, path: str = "hook") -> str:
        """The target's address."""
        return f"json://127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    """A real HTTP server on loopback."""
    it = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            it.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(it.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with served(Handler) as it.port:
        yield it


@dataclass
class Mailbox:
    """A mail server, and what came."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    def url(self, to: str) -> str:
        """The target's address."""
        return f"mailto://127.0.0.1:{self.port}?from=paifang@example.com&to={to}&format=text"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        """Take a mail."""
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"

    def texts(self) -> list[str]:
        """The bodies of all mails."""
        bodies = [mail.get_body(("plain", "html")) for mail in self.mails]
        return [str(it.get_content()) for it in bodies if it is not None]


@contextlib.contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A real SMTP server on loopback."""
    it = Mailbox(free_port())
    server = Controller(it, hostname="127.0.0.1", port=it.port)
    server.start()
    try:
        yield it
    finally:
        server.stop()


@dataclass
class FeedReceiver:
    """A receiver of a feed's webhooks: consents to the handshake, keeps what came, and answers with a status.

    Attributes:
        consents: What it answers the handshake with as `WebHook-Allowed-Origin`; empty: nothing.
        messages: Headers and body of each request.
    """

    port: int = 0
    status: int = 200
    consents: str = "*"
    messages: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook?key=a-secret"

    def events(self) -> list[dict[str, Any]]:
        """Every CloudEvents object that came, in order."""
        bodies = [json.loads(body) for _, body in self.messages]
        return [event for body in bodies for event in (body if isinstance(body, list) else [body])]


@contextlib.contextmanager
def feed_receiver() -> Iterator[FeedReceiver]:
    """A real HTTP server on loopback."""
    it = FeedReceiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_OPTIONS(self) -> None:
            self.send_response(200)
            if it.consents:
                self.send_header("WebHook-Allowed-Origin", it.consents)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            it.messages.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(it.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with served(Handler) as it.port:
        yield it
