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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
