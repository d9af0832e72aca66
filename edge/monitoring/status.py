"""The box's status: retained on the broker every few seconds, and over HTTP on loopback for whoever stands at it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from common import logging_setup
from common.errors import BrokerError
from common.threads import Worker
from edge.messaging.mqtt_client import BrokerLink
from edge.settings.node import CameraSettings
from edge.video.camera_worker import CameraWorker
from protocol.receipts import BoxStatus, CameraState, CameraStatus, encode

EVERY_S = 5.0


def camera_status(camera: CameraWorker, settings: CameraSettings) -> CameraStatus:
    """One camera's line in the status."""
    return CameraStatus(
        id=camera.id, name=settings.name or camera.id, state=_state(camera), fps=camera.rate.fps, watch=settings.watch
    )


def _state(camera: CameraWorker) -> CameraState:
    if camera.up:
        return camera.eye.health.trouble or "up"
    if camera.refused:
        return "refused"
    return "lost" if camera.counters.reconnects else "starting"


class StatusPublisher:
    """Publishes the status when it has changed, and regularly.

    Args:
        link: The broker.
        topic: The status topic.
        make: Makes the current status.
        stop: Ends the loop.
    """

    def __init__(self, link: BrokerLink, topic: str, make: Callable[[], BoxStatus], stop: threading.Event) -> None:
        self._link, self._topic, self._make, self._stop = link, topic, make, stop
        self._wake = threading.Event()
        link.on_state(lambda _connected: self._wake.set())
        self._thread = Worker(self._run, "status")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def publish(self) -> None:
        """Publish once, if the broker is there."""
        if self._link.connected:
            try:
                self._link.publish(self._topic, encode(self._make()), retain=True)
            except BrokerError as error:
                logging_setup.get("status").debug("status not sent", error=str(error))

    def join(self) -> None:
        """Wait for the end of the loop."""
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.publish()
            self._wake.wait(EVERY_S)
            self._wake.clear()


class StatusServer:
    """`/healthz` and `/metrics` on loopback, and what else is handed over.

    Args:
        port: 0 for any.
        registry: The metrics.
        health: Parts and whether each is well.
        more: Answers other paths; False: it is not for it.
        poll_s: Within this time the server notices that it shall stop.
    """

    def __init__(
        self,
        port: int,
        registry: CollectorRegistry,
        health: Callable[[], dict[str, bool]],
        more: Callable[[BaseHTTPRequestHandler], bool] | None = None,
        poll_s: float = 0.5,
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # for chunks; every connection is closed after its answer

            def do_GET(self) -> None:
                if more is not None and more(self):
                    return
                if self.path == "/healthz":
                    parts = health()
                    status = 200 if all(parts.values()) else 503
                    _answer(self, status, "application/json", json.dumps(parts).encode())
                elif self.path == "/metrics":
                    _answer(self, 200, CONTENT_TYPE_LATEST, generate_latest(registry))
                else:
                    _answer(self, 404, "text/plain", b"not found\n")

            def log_message(self, *_: Any) -> None:
                """Requests are not logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = Worker(lambda: self._server.serve_forever(poll_s), "http")

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(handler: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)
