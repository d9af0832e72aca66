"""The web server: its socket, its limits on connections, and its run until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI

from aggregator.monitoring.change_feed import ChangeFeed
from aggregator.settings.aggregator import Settings
from common import logging_setup
from common.errors import SettingsError
from common.http_server.bounded_protocol import ConnectionLimits
from common.http_server.server_thread import Server, listen, uvicorn_config

_log = logging_setup.get("app")
MOST_CONNECTIONS = 2_000
BACKLOG = 128
"""As many may be accepted at once, before the bound on connections counts them."""
RESERVED_FILES = 3 * BACKLOG
"""Descriptors that connections of browsers leave to the broker connection, the store and files. Two thirds are for
those that were accepted and are closed in the loop's next iteration."""


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


def limits() -> ConnectionLimits:
    """Limits of the dashboard's connections, after taking the descriptors that the system allows."""
    return ConnectionLimits(raise_file_limit())


class PeriodicJob(Protocol):
    """Something that works beside the web server."""

    async def run(self) -> None:
        """Work until cancelled."""


def configuration(app: Any, limits: ConnectionLimits) -> uvicorn.Config:
    """How uvicorn serves the dashboard."""
    return uvicorn_config(app, limits, BACKLOG, timeout_keep_alive=15, ws_max_size=1024 * 1024)


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
    server = Server(configuration(app, limits()))
    changes.attach(asyncio.get_running_loop())
    host, port = listener.getsockname()[:2]
    _log.info("listening", url=f"http://{host}:{port}")

    async def watch() -> None:
        while not stop.is_set():
            await asyncio.sleep(0.1)
        server.stop()

    # NiceGUI holds a list of all objects for a moment when it starts. Tuples that other threads are making then would
    # fail with a SystemError; frozen objects are not in that list, and the collector need not look at them again.
    gc.freeze()
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
        listener = listen(http.host, http.port, BACKLOG)
    except OSError as error:
        problem = f"cannot listen at {http.host}:{http.port}: {error}; choose another"
        raise SettingsError("settings", "http.port", problem) from error
    with contextlib.closing(listener):
        yield listener
