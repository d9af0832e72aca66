"""Runs an ASGI application: its listening socket, and uvicorn in the current loop or in a supervised thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

from common.http_server.bounded_protocol import BoundedProtocol, ConnectionLimits
from common.running.threads import Worker

GRACE_S = 2
"""Running requests have this long to end after a stop."""
_TICK_S = 1.0
"""How often the Date header is updated."""


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        OSError: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=backlog)
    except OverflowError as error:
        raise OSError(0, str(error)) from error
    # Connections inherit it. Without it the body of a response waits 40 ms for the other side's acknowledgement of
    # the headers; asyncio sets it only for sockets that were made with a protocol number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def uvicorn_config(app: Any, limits: ConnectionLimits, backlog: int, **more: Any) -> uvicorn.Config:
    """How uvicorn serves an application within limits.

    Args:
        app: The ASGI application.
        limits: Of connections.
        backlog: Connections that wait to be accepted.
        more: Further arguments of `uvicorn.Config`.
    """
    return uvicorn.Config(
        app,
        http=BoundedProtocol.with_limits(limits),
        backlog=backlog,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        **more,
    )


class Server(uvicorn.Server):
    """uvicorn without signal handlers, which any thread can stop at once."""

    _loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which stops everything in order."""
        yield

    async def main_loop(self) -> None:
        """Serve until `stop`."""
        self._stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, give requests `GRACE_S`, and close the connections that are left."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def stop(self) -> None:
        """End `serve`; any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stopped.set)


class ServerThread:
    """Serves an application in a thread of its own; a server that ends is started again on the same socket.

    Every connection is closed after its response.

    Args:
        app: The ASGI application.
        listener: Its listening socket; closed by `stop`.
        name: Of the thread, in logs and in `/healthz`.
        limits: Of connections.
    """

    def __init__(self, app: Any, listener: socket.socket, name: str, limits: ConnectionLimits) -> None:
        self._app, self._listener, self._limits = app, listener, limits
        self.port = int(listener.getsockname()[1])
        self._stopping = threading.Event()
        self._server: Server | None = None
        self._thread = Worker(self._serve, name, self._stopping.wait)

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, and close the socket; also where it was never started."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        closing = [("Connection", "close")]
        options = {"headers": closing, "lifespan": "off", "ws": "none"}
        self._server = Server(uvicorn_config(self._app, self._limits, self._limits.connections, **options))
        if self._stopping.is_set():
            return
        asyncio.run(self._server.serve([self._listener.dup()]))  # of a copy: uvicorn closes what it is given
        if not self._stopping.is_set():
            raise RuntimeError("the HTTP server ended by itself")
