"""The web server: its socket, its bounds on connections, and its run until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aggregator.monitoring.change_feed import ChangeFeed
from aggregator.settings.aggregator import Settings
from common import logging_setup
from common.errors import SettingsError

_log = logging_setup.get("app")
HEADER_S = 10.0
"""From a connection, or the first byte of a request, to the end of its headers."""
BODY_S = 60.0
"""Without a byte of a body that has begun."""
MOST_HEADER_BYTES = 64 * 1024
MOST_CONNECTIONS = 2_000
BACKLOG = 128
"""As many may be accepted at once, before the bound on connections counts them."""
RESERVED_FILES = 3 * BACKLOG
"""Descriptors that connections of browsers leave to the broker's link, the store and files. Two thirds are for those
that were accepted and are closed in the loop's next turn."""


def raise_file_limit() -> int:
    """Take all descriptors that the system allows; how many connections may use some of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else connections_of(soft)


def connections_of(files: int) -> int:
    """How many connections may be open where so many descriptors may be; at least 16.

    >>> connections_of(1024)
    640
    """
    return max(16, min(MOST_CONNECTIONS, files - RESERVED_FILES))


class BoundedProtocol(HttpToolsProtocol):
    """HTTP with time-outs for headers and bodies, and a bound on open connections."""

    most_connections = MOST_CONNECTIONS
    header_s, body_s = HEADER_S, BODY_S
    _timer: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._start(self.header_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and start what they have time for."""
        waited = self._between_requests()
        super().data_received(data)
        if self not in self.connections or self.transport.is_closing():
            self._stop()  # closed, or a WebSocket now, which has time-outs of its own
            return
        if not self._between_requests():
            self._header_bytes = 0
            self._start(self.body_s) if self._is_reading() else self._stop()
            return
        self._header_bytes += len(data)
        if self._header_bytes > MOST_HEADER_BYTES:
            self.transport.abort()
        elif not waited or self._timer is None:
            self._start(self.header_s)

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _is_reading(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def _start(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self in self.connections and (self._between_requests() or self._is_reading()):
            self.transport.abort()


class PeriodicJob(Protocol):
    """Something that works beside the web server."""

    async def run(self) -> None:
        """Work until cancelled."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `run`, which stops everything in order."""
        yield


def configuration(app: Any) -> uvicorn.Config:
    """How uvicorn serves an application."""
    protocol = type("Protocol", (BoundedProtocol,), {"most_connections": raise_file_limit()})
    return uvicorn.Config(
        app,
        http=protocol,
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=2,
        ws_max_size=1024 * 1024,
    )


async def serve(
    app: FastAPI, changes: ChangeFeed, jobs: Iterable[PeriodicJob], listener: socket.socket, stop: threading.Event
) -> None:
    """Serve, and run jobs beside it, until `stop` is set.

    Args:
        app: The application.
        changes: The change feed; it delivers to this event loop.
        jobs: Work until they are cancelled.
        listener: Where to serve.
        stop: Ends it.
    """
    server = _Server(configuration(app))
    changes.attach(asyncio.get_running_loop())
    host, port = listener.getsockname()[:2]
    _log.info("listening", url=f"http://{host}:{port}")

    async def watch() -> None:
        while not stop.is_set():
            await asyncio.sleep(0.1)
        server.should_exit = True

    watcher = asyncio.create_task(watch())
    workers = [asyncio.create_task(it.run()) for it in jobs]
    try:
        await server.serve(sockets=[listener])
    finally:
        changes.detach()
        watcher.cancel()
        for worker in workers:
            worker.cancel()


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket that the settings name.

    Raises:
        SettingsError: It cannot be had.
    """
    http = settings.http
    try:
        family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
        listener = socket.create_server((http.host, http.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        problem = f"cannot listen at {http.host}:{http.port}: {error}; choose another"
        raise SettingsError("settings", "http.port", problem) from error
    with contextlib.closing(listener):
        # Connections inherit it. Without it the body of an answer waits 40 ms for the other side's acknowledgement of
        # the headers; asyncio sets it only for sockets that were made with a protocol number.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener
