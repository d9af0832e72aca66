"""The box's composition root: the only module in `edge` that builds concrete objects and passes them to others."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from starlette.routing import Route

from common import logging_setup
from common.clock import SECOND_NS, Clock, SystemClock
from common.running.backoff import Backoff
from common.running.periodic import run_periodically
from common.running.threads import Worker, health
from edge.access.controller import AccessControl
from edge.jobs.command_jobs import CommandJobs
from edge.jobs.registry import build_jobs
from edge.jobs.still_handler import StillHandler
from edge.loaded_models import Models, load_models, model_store
from edge.messaging.command_handler import Action
from edge.messaging.event_reporter import EventReporter
from edge.messaging.mqtt_client import MqttClient
from edge.messaging.outbox import Outbox
from edge.messaging.outbox_publisher import OutboxPublisher
from edge.messaging.outbox_store import EventIdentity
from edge.messaging.upload_client import UploadClient
from edge.monitoring.clock_step_detector import ClockStepDetector
from edge.monitoring.metric_sources import (
    read_camera,
    read_delivery,
    read_footage,
    read_inference,
    read_jobs,
    read_pictures,
)
from edge.monitoring.metrics import Metrics
from edge.monitoring.status import StatusPublisher, StatusServer, camera_status
from edge.recorder.box_events import BoxEvents
from edge.recorder.factory import RecorderService
from edge.recorder.footage.hold_handler import HoldHandler
from edge.recorder.footage.http_api import FootageApi
from edge.recorder.footage.query_handler import FootageQueryHandler
from edge.recorder.main_stream_reader import MainReader
from edge.redaction.factory import export_redactor, live_redactor
from edge.redaction.snapshots import SnapshotRedactor
from edge.settings.node import BoxSettings, CameraSettings
from edge.sources import login, opener
from edge.video.camera_worker import CameraConnection, CameraWorker, PacketTap
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.inference import InferencePool, InferenceRequest, InferenceResult, SizedDetector
from edge.video.keyframe_mode import KeyframeMode
from edge.video.latest_frame_queue import LatestFrameQueue
from edge.video.replay import replay
from edge.video.report import to_each
from edge.video.tracking_stage import TrackingStage
from pipelines.camera import CameraPipeline, build_rules
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.rules.schedule import Schedule
from protocol.envelope import UnsequencedEvent
from protocol.event_types import BoxStarted, BoxStopping
from protocol.identifiers import to_rfc3339
from protocol.receipts import BoxStatus, encode
from protocol.topics import BoxTopics

VERSION = "0.1.0"
WORKERS = 2
"""Parallel inferences, one core each; further cores serve further cameras, in separate processes."""
CHECK_S = 2.0
"""Interval of the checks of cameras, broker connection and clock."""
SHUTDOWN_S = 5.0
"""Time for all camera threads to end; one that is still connecting then ends with the process."""


def pipeline_maker(settings: BoxSettings, camera: CameraSettings) -> Callable[[tuple[int, int]], CameraPipeline]:
    """Makes the camera's pipeline for a picture of a given width and height."""
    zone = ZoneInfo(settings.timezone)

    def open_at(name: str) -> Callable[[int], bool]:
        return Schedule(settings.schedules[name] if name else (), zone).open_at

    def make(size: tuple[int, int]) -> CameraPipeline:
        return CameraPipeline(size, build_rules(camera.zones, camera.lines, size, open_at), camera.input_px)

    return make


def replay_file(settings: BoxSettings, base: Path, camera: CameraSettings, file: Path) -> Iterator[UnsequencedEvent]:
    """Events that a camera would send now for the video in `file`.

    Raises:
        ModelUnavailable: A model is missing.
        SourceError: The file is not a video.
    """
    models = load_models(settings, base)
    return replay(camera, pipeline_maker(settings, camera), file, models.objects, SystemClock().wall_ns())


def system_clock() -> Clock:
    """The machine's clock, for commands."""
    return SystemClock()


class Box:
    """A running box.

    Args:
        settings: The box's settings.
        base: Folder that the settings' files are relative to.
        models: Loaded models.
        clock: Wall and monotonic.
        taps: Receive every packet of every camera.

    Raises:
        OutboxError: The outbox cannot be opened.
        SettingsError: A file of the settings cannot be used.
    """

    def __init__(
        self,
        settings: BoxSettings,
        base: Path,
        models: Models,
        clock: Clock | None = None,
        taps: tuple[PacketTap, ...] = (),
    ) -> None:
        self.settings, self._clock = settings, clock or SystemClock()
        self._stop = threading.Event()
        self._log = logging_setup.get("box").bind(site=settings.site, box=settings.box)
        self._topics = BoxTopics(settings.site, settings.box)
        identity = EventIdentity(settings.site, settings.box, os.urandom)
        path = base / settings.data / "outbox.sqlite3"
        self.outbox = Outbox(path, identity, self._clock, settings.outbox.max_mb * 1_000_000)
        will = (self._topics.status, encode(BoxStatus(online=False, epoch=self.outbox.epoch)))
        name = f"paifang-{settings.site}-{settings.box}"
        self.link = MqttClient(settings.broker, base, name, will, Backoff(random.random, 1.0, 20.0))
        self.publisher = OutboxPublisher(self.outbox, self.link, self._topics, self._clock)
        self.redactor = SnapshotRedactor(models.faces, models.plates, np.random.default_rng())
        self.reporter = EventReporter(self.outbox.put, self.redactor)
        self.footage = self._footage(base)
        self.uplink = self._uplink(base)
        self.jobs = self._build_jobs(base)
        watched: dict[str, CameraWorker] = {}  # filled below: the cameras report to the doors
        stills = StillHandler(watched, self.redactor, models.objects, self._clock)
        self.access = AccessControl(
            settings,
            base,
            self.link,
            clock=self._clock,
            reporter=self.reporter,
            readers=models.gates,
            more=self._footage_queries(models.objects) | {"still": stills.still} | self.jobs.actions,
        )
        self._frames: LatestFrameQueue[InferenceRequest] = LatestFrameQueue()
        workers = min(WORKERS, os.cpu_count() or 1)
        self._tracking = {camera.id: self._tracking_stage(camera) for camera in settings.cameras}
        self.inference = InferencePool(
            models.objects, self._frames, self._take_result, workers, low_priority=models.gates is not None
        )
        self.cameras = [self._camera(camera, base, taps) for camera in settings.cameras]
        watched.update((camera.id, camera) for camera in self.cameras)
        self._threads = [Worker(camera.run, f"camera-{camera.id}") for camera in self.cameras]
        self._threads += [Worker(reader.run, f"main-{reader.id}") for reader in self._readers(base)]
        self._status = StatusPublisher(self.link, self._topics.status, self._make_status, self._stop)
        self.server = StatusServer(settings.status_port, self._metrics(), self._health, self._routes(base))

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set, then stop every part in order: cameras, detector, reporter, publisher, outbox."""
        self.start()
        clock_detector = ClockStepDetector(self._clock)

        def check() -> None:
            self.reporter.retry()
            self.link.restart_if_stopped()
            for camera in self.cameras:
                camera.check()
            step = clock_detector.check()
            if step is not None:
                self.reporter.send([UnsequencedEvent(self.settings.box, step, self._clock.wall_ns())])

        run_periodically(check, CHECK_S, stop.wait, "checks of the box")
        self.close()

    def start(self) -> None:
        """Start every part."""
        self.server.start()
        self.reporter.start()
        self.reporter.send([UnsequencedEvent(self.settings.box, BoxStarted(), self._clock.wall_ns())])
        self.link.start()
        self.publisher.start()
        self._status.start()
        self.inference.start()
        self.access.start()
        if self.footage is not None:
            self.footage.start()
        self.jobs.start()
        for thread in self._threads:
            thread.start()
        self._log.info("box started", cameras=len(self.cameras), status=f"http://127.0.0.1:{self.server.port}/healthz")

    def close(self) -> None:
        """Stop every part; events in the outbox stay there."""
        self._stop.set()
        deadline_ns = self._clock.monotonic_ns() + round(SHUTDOWN_S * SECOND_NS)
        for thread in self._threads:
            thread.join(max(0.0, (deadline_ns - self._clock.monotonic_ns()) / SECOND_NS))
        self.jobs.stop()
        if self.footage is not None:
            self.footage.stop()
        self.access.stop()
        self.inference.stop()
        self.reporter.stop()
        self.reporter.send([UnsequencedEvent(self.settings.box, BoxStopping(), self._clock.wall_ns())])
        self._status.join()
        self.publisher.stop(drain_s=1.0)
        self.link.stop(self._topics.status, encode(BoxStatus(online=False, epoch=self.outbox.epoch)))
        self.outbox.close()
        self.server.stop()
        self._log.info("box stopped")

    def _footage(self, base: Path) -> RecorderService | None:
        settings = self.settings.recorder
        if not settings.enabled:
            return None
        return RecorderService(
            settings,
            [camera.id for camera in self.settings.cameras],
            base,
            self.settings.data,
            clock=self._clock,
            events=BoxEvents(
                self.settings.box,
                send=lambda event: self.reporter.send([event]),
                put=lambda event: self.outbox.put([event]),
            ),
        )

    def _build_jobs(self, base: Path) -> CommandJobs:
        """Unredacted copies, clips and live views."""
        models = model_store(self.settings, base)
        return build_jobs(
            self.settings, base, self.footage, self.uplink, clock=self._clock,
            films=lambda: export_redactor(models, threads=1),
            views=lambda rate, lead: live_redactor(models, rate, lead),
        )  # fmt: skip

    def _uplink(self, base: Path) -> UploadClient | None:
        """The HTTP connection to the aggregator."""
        settings = self.settings.uplink
        if not settings.url:
            return None
        ca_file = base / settings.ca_file if settings.ca_file else None
        return UploadClient(settings.url, ca_file)

    def _routes(self, base: Path) -> list[Route]:
        """Routes of the box's footage API."""
        if self.footage is None:
            return []
        store = model_store(self.settings, base)
        data = base / self.settings.data
        return FootageApi(self.footage.store, lambda: export_redactor(store, threads=1), self._clock, data).routes()

    def _footage_queries(self, objects: SizedDetector) -> dict[str, Action]:
        """Handlers of footage queries."""
        if self.footage is None:
            return {}
        handler = FootageQueryHandler(self.footage.store, self.redactor, objects, self._clock)
        holds = HoldHandler(self.footage.store, self._clock)
        return {
            "footage-spans": handler.spans, "footage-still": handler.still, "hold": holds.place, "end-hold": holds.end,
        }  # fmt: skip

    def _readers(self, base: Path) -> Iterator[MainReader]:
        """Main streams that are only recorded, of cameras whose sub-stream is analysed."""
        for camera in self.settings.cameras:
            if self.footage is not None and camera.watch_url:
                url = camera.url if "://" in camera.url else str(base / camera.url)
                credentials = login(camera.username, camera.password_file, base)
                source = opener(
                    url, credentials, self._clock, self.footage.audio_listener(camera.id), self._stop.is_set
                )
                backoff = Backoff(random.random, 0.5, 8.0)
                yield MainReader(camera.id, source, self.footage.recorder, backoff, self._stop)

    def _tracking_stage(self, camera: CameraSettings) -> TrackingStage:
        """Findings go to the outbox, and line crossings to the door of that line."""
        report = to_each(self.reporter.report, self.access.doors.take_report)
        observer = self.access.frame_observer(camera.id)
        return TrackingStage(camera.id, pipeline_maker(self.settings, camera), report, observer)

    def _take_result(self, camera: str, result: InferenceResult) -> None:
        self._tracking[camera].update(result)

    def _camera(self, camera: CameraSettings, base: Path, taps: tuple[PacketTap, ...]) -> CameraWorker:
        audio = None
        if self.footage is not None and not camera.watch_url:
            taps, audio = (*taps, self.footage.recorder), self.footage.audio_listener(camera.id)
        credentials = login(camera.username, camera.password_file, base)
        url = camera.watched_url if "://" in camera.watched_url else str(base / camera.watched_url)
        keyframe_mode = KeyframeMode() if camera.watch == "key-frames" else None

        def submit(request: InferenceRequest) -> None:
            if request.past:
                self._frames.put_when_free(camera.id, request, self._stop.is_set)
            else:
                self._frames.put(camera.id, request)

        def send(event: UnsequencedEvent) -> None:
            self.reporter.send([event])

        analyzer = FrameAnalyzer(
            self._tracking[camera.id], CameraHealth(camera.health), camera.looks_per_s, submit=submit, send=send
        )
        return CameraWorker(
            id=camera.id,
            connection=CameraConnection(
                opener(url, credentials, self._clock, audio, self._stop.is_set),
                Backoff(random.random, 0.5, 8.0),
                self._stop,
            ),
            analyzer=analyzer,
            keyframe_mode=keyframe_mode,
            clock=self._clock,
            send=send,
            taps=taps,
        )

    def _make_status(self) -> BoxStatus:
        pairs = zip(self.cameras, self.settings.cameras, strict=True)
        return BoxStatus(
            online=True,
            epoch=self.outbox.epoch,
            time=to_rfc3339(self._clock.wall_ns()),
            version=VERSION,
            timezone=self.settings.timezone,
            outbox_waiting=self.outbox.store.waiting,
            outbox_bytes=self.outbox.store.waiting_bytes,
            cameras=[camera_status(camera, settings) for camera, settings in pairs],
            doors=self.access.door_statuses(),
            gates=self.access.gate_statuses(),
            lists=self.access.lists.version,
            jobs=self.jobs.statuses(),
        )

    def _health(self) -> dict[str, bool]:
        parts = {f"camera:{camera.id}": camera.up for camera in self.cameras}
        if self.footage is not None:
            parts["footage"] = self.footage.writer.ready and not self.footage.writer.stopped
        return {
            "broker": self.link.connected,
            "outbox": self.outbox.is_running and not self.reporter.unsaved,
            **parts,
            **health(),
        }

    def _metrics(self) -> Metrics:
        metrics = Metrics()
        for camera in self.cameras:
            read_camera(metrics.cameras, camera)
        read_inference(metrics.inference, self.inference, self._frames)
        read_pictures(metrics.pictures, self.redactor, self.reporter)
        read_delivery(metrics.delivery, self.reporter, self.outbox.store, self.publisher, self.link)
        read_jobs(metrics.jobs, self.jobs.queue)
        if self.footage is not None:
            read_footage(metrics.footage, self.footage)
        self.access.bind_metrics(metrics)
        return metrics
