"""An HTTP listener that webhook and simulator share: POST only, within limits; requests are not logged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from common import logging_setup
from common.errors import DoorLost, DoorRefused
from common.http_server.body_limits import BodyLimits
from common.http_server.bounded_protocol import ConnectionLimits
from common.http_server.request_threads import RequestThreads
from common.http_server.server_thread import ServerThread, listen
from edge.access.doors.json_message_format import MAX_BODY_BYTES

Post = Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]]
"""Path, headers and body of a request → status and answer."""
COMMIT_TIMEOUT_S = 5.0
LIMITS = ConnectionLimits(connections=32, header_s=5.0, body_s=5.0, write_s=5.0, connection_s=15.0)
"""Of a listener. A connection's 15 s include waiting for a commit."""


class Listener:
    """Serves until the stop.

    Args:
        host: Address to listen on.
        port: Its port; 0 for any.
        post: Answers requests; called in threads of their own.
        limits: Of connections.
    """

    def __init__(self, host: str, port: int, post: Post, limits: ConnectionLimits = LIMITS) -> None:
        self._host, self._port, self._post, self._limits = host, port, post, limits
        self._threads = RequestThreads("door-request", limits.connections)
        self.port = 0

    def serve(self, stop: threading.Event) -> None:
        """Listen until `stop`.

        Raises:
            DoorLost: The port cannot be used.
        """
        try:
            socket = listen(self._host, self._port, self._limits.connections)
        except OSError as error:
            raise DoorLost(f"cannot listen on {self._host}:{self._port}: {error.strerror}") from error
        app = BodyLimits(Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])]), _max_bytes)
        server = ServerThread(app, socket, "door-http", self._limits)
        self.port = server.port
        server.start()
        stop.wait()
        server.stop()

    async def _answer(self, request: Request) -> Response:
        if "Content-Length" not in request.headers:
            return Response("no Content-Length\n", 413)
        try:
            body = await request.body()
            headers = dict(request.headers.items())  # their names are in lower case
            status, answer = await self._threads.run(lambda: self._post(target_of(request), headers, body))
        except HTTPException:
            raise
        except ClientDisconnect:
            return Response(status_code=400)  # nobody receives it
        except Exception as error:  # an internal error; it is logged without what was sent, which may be a credential
            logging_setup.get("doors").error("a request to a door failed", kind=type(error).__name__)
            status, answer = 500, b""
        return Response(answer, status)


def target_of(request: Request) -> str:
    """Path and query as they were sent: what controllers sign."""
    raw, query = bytes(request.scope["raw_path"]), bytes(request.scope["query_string"])
    return (raw + b"?" + query if query else raw).decode("latin-1")


def _max_bytes(_path: str) -> int:
    return MAX_BODY_BYTES


def door_of(path: str, doors: tuple[str, ...]) -> str:
    """The door of `/doors/ID`.

    Raises:
        DoorRefused: No such door.
    """
    word, _, door = path.strip("/").partition("/")
    if word != "doors" or door not in doors:
        raise DoorRefused("there is no such door here; post to /doors/ID")
    return door


class CommitWaiter:
    """Waits until a message is on disk, for answers that confirm it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> None:
        """The message is on disk."""
        self._event.set()

    def answer(self) -> tuple[int, bytes]:
        """204, or 503 where it took too long: send it again."""
        return (204, b"") if self._event.wait(COMMIT_TIMEOUT_S) else (503, b"not on disk yet; send it again\n")
