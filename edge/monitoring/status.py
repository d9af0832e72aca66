"""The box's status: retained on the broker every few seconds, and over HTTP on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common import logging_setup
from common.errors import BrokerError, SettingsError
from common.http_server.bounded_protocol import ConnectionLimits
from common.http_server.request_threads import RequestThreads
from common.http_server.routes import get
from common.http_server.server_thread import ServerThread, listen
from common.running.periodic import run_periodically
from common.running.threads import Worker
from edge.messaging.mqtt_client import BrokerLink
from edge.monitoring.metrics import Metrics
from edge.settings.node import CameraSettings
from edge.video.camera_worker import CameraWorker
from protocol.identifiers import to_rfc3339
from protocol.receipts import BoxStatus, CameraState, CameraStatus, encode

PUBLISH_INTERVAL_S = 5.0
MOST_PROBLEM = 200
"""Characters of a camera's problem in the status."""
LIMITS = ConnectionLimits(connections=64, body_s=10.0, write_s=30.0)
"""Of the local HTTP server. A client that takes nothing of a video for `write_s` would keep others waiting."""


def camera_status(camera: CameraWorker, settings: CameraSettings) -> CameraStatus:
    """One camera's entry in the status."""
    lost_ns = camera.lost_ns
    width, height = camera.analyzer.tracking.size
    return CameraStatus(
        id=camera.id, name=settings.name or camera.id, state=_state(camera), fps=camera.rate.fps, watch=settings.watch,
        since=to_rfc3339(lost_ns) if lost_ns is not None else "", problem=camera.problem[:MOST_PROBLEM],
        code=camera.code, width=width, height=height,
    )  # fmt: skip


def _state(camera: CameraWorker) -> CameraState:
    if camera.up:
        return camera.analyzer.health.trouble or "up"
    if camera.refused:
        return "refused"
    return "lost" if camera.counters.reconnects else "starting"


class StatusPublisher:
    """Publishes the status when it has changed, and regularly.

    Args:
        link: The broker.
        topic: The status topic.
        make: Returns the current status.
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
        self.publish()
        run_periodically(self.publish, PUBLISH_INTERVAL_S, self._wait, "status")

    def _wait(self, seconds: float) -> bool:
        self._wake.wait(seconds)
        self._wake.clear()
        return self._stop.is_set()


class StatusServer:
    """`/healthz` and `/metrics` on loopback, and further routes.

    Args:
        port: 0 for any.
        metrics: The box's metrics.
        health: Components and whether each works.
        routes: Served too.

    Raises:
        SettingsError: The port cannot be used.
    """

    def __init__(
        self,
        port: int,
        metrics: Metrics,
        health: Callable[[], dict[str, bool]],
        routes: Sequence[Route] = (),
    ) -> None:
        def answer_health(_request: Request) -> Response:
            components = health()
            return JSONResponse(components, 200 if all(components.values()) else 503)

        def answer_metrics(_request: Request) -> Response:
            return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

        threads = RequestThreads("http-request", LIMITS.connections)
        own = [get("/healthz", threads.endpoint(answer_health)), get("/metrics", threads.endpoint(answer_metrics))]
        app = Starlette(routes=[*own, *routes])
        app.router.redirect_slashes = False
        try:
            listener = listen("127.0.0.1", port, LIMITS.connections)
        except OSError as error:
            raise SettingsError(
                "settings", "status_port", f"cannot listen on {port}: {error}; choose another"
            ) from error
        self._server = ServerThread(app, listener, "http", LIMITS)
        self.port = self._server.port

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving, and close the port."""
        self._server.stop()
