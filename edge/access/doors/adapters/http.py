"""A small HTTP listener that webhook and simulator share: POST only, bounded, quiet."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common import logging_setup
from common.errors import DoorLost, DoorRefused
from edge.access.doors.json_message_format import MAX_BODY_BYTES

Post = Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]]
"""Path, headers and body of a request → status and answer."""
COMMIT_TIMEOUT_S = 5.0
SLOW_CLIENT_S = 5.0
"""Without a byte."""
REQUEST_S = 15.0
"""From a connection to its end, whatever comes meanwhile; an answer waits for a commit in it."""
MOST_CONNECTIONS = 32


class Server(ThreadingHTTPServer):
    """With a bound on connections and on how long each may last: each has a thread of its own.

    Args:
        address: Where to listen.
        handler: Of requests.
        now_s: Monotonic clock.
    """

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS  # with the default of 5, further connections wait for seconds

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[BaseHTTPRequestHandler],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._began: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, or close it where there are too many."""
        with self._lock:
            many = len(self._began) >= MOST_CONNECTIONS
            if not many:
                self._began[request] = self._now_s()
        if many:
            super().shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        with self._lock:
            self._began.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End connections that last too long; called between requests, and several times a second."""
        with self._lock:
            old = [it for it, began_s in self._began.items() if self._now_s() - began_s > REQUEST_S]
        for request in old:
            with contextlib.suppress(OSError):  # it ended by itself
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A connection that broke off is nothing to report; a mistake of ours is, without what was sent."""
        kind = sys.exc_info()[0]
        if kind is not None and not issubclass(kind, OSError):
            logging_setup.get("doors").error("a request to a door failed", kind=kind.__name__)


class Listener:
    """Serves until the stop.

    Args:
        host: Address to listen on.
        port: Its port; 0 for any.
        post: Answers requests; called from the listener's threads.
    """

    def __init__(self, host: str, port: int, post: Post) -> None:
        self._host, self._port, self._post = host, port, post
        self.port = 0

    def serve(self, stop: threading.Event) -> None:
        """Listen until `stop`.

        Raises:
            DoorLost: The port cannot be had.
        """
        post = self._post

        class Handler(BaseHTTPRequestHandler):
            timeout = SLOW_CLIENT_S

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > MAX_BODY_BYTES:
                    self._answer(413, b"too long, or no Content-Length\n")
                    return
                body = self.rfile.read(int(length))
                self._answer(*post(self.path, {key.lower(): value for key, value in self.headers.items()}, body))

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Requests are not logged: they hold credentials."""

        try:
            server = Server((self._host, self._port), Handler)
        except OSError as error:
            raise DoorLost(f"cannot listen on {self._host}:{self._port}: {error.strerror}") from error
        self.port = int(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="door-http", daemon=True)
        thread.start()
        stop.wait()
        server.shutdown()
        server.server_close()
        thread.join()


def door_of(path: str, doors: tuple[str, ...]) -> str:
    """The door of `/doors/ID`.

    Raises:
        DoorRefused: No such door.
    """
    word, _, door = path.strip("/").partition("/")
    if word != "doors" or door not in doors:
        raise DoorRefused("there is no such door here; post to /doors/ID")
    return door


class Committed:
    """Waits until a message is on disk, for answers that promise it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> None:
        """It is."""
        self._event.set()

    def answer(self) -> tuple[int, bytes]:
        """204, or 503 where it took too long: send it again."""
        return (204, b"") if self._event.wait(COMMIT_TIMEOUT_S) else (503, b"not on disk yet; send it again\n")
