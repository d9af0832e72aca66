"""Connects the box's metrics with the components that they read."""

from __future__ import annotations

from functools import partial

from common.jobs.job import STATES
from common.jobs.queue import JobQueue
from edge.messaging.event_reporter import EventReporter
from edge.messaging.mqtt_client import MqttClient
from edge.messaging.outbox_publisher import OutboxPublisher
from edge.messaging.outbox_store import OutboxStore
from edge.monitoring.metrics import (
    CameraMetrics,
    DeliveryMetrics,
    FootageMetrics,
    InferenceMetrics,
    JobMetrics,
    PictureMetrics,
)
from edge.recorder.factory import RecorderService
from edge.redaction.snapshots import SnapshotRedactor
from edge.video.camera_worker import CameraWorker
from edge.video.inference import InferencePool, InferenceRequest
from edge.video.latest_frame_queue import LatestFrameQueue


def read_camera(metrics: CameraMetrics, camera: CameraWorker) -> None:
    """One camera."""
    counters, analyzer = camera.counters, camera.analyzer
    for metric, read in (
        (metrics.packets, lambda: counters.packets),
        (metrics.frames, lambda: counters.frames),
        (metrics.broken, lambda: counters.broken),
        (metrics.reconnects, lambda: counters.reconnects),
        (metrics.backwards, lambda: counters.backwards),
        (metrics.failures, lambda: counters.failures),
        (metrics.compared, lambda: analyzer.looks),
        (metrics.inspected, lambda: analyzer.tracking.inspected),
    ):
        metric.labels(camera=camera.id).set_function(read)
    metrics.up.labels(camera=camera.id).set_function(lambda: float(camera.up))


def read_inference(metrics: InferenceMetrics, pool: InferencePool, frames: LatestFrameQueue[InferenceRequest]) -> None:
    """The inference pool and its queue."""
    metrics.jobs.set_function(lambda: pool.jobs)
    metrics.failures.set_function(lambda: pool.failures)
    metrics.seconds.set_function(lambda: pool.last_s)
    metrics.dropped.set_function(lambda: frames.dropped)


def read_pictures(metrics: PictureMetrics, redactor: SnapshotRedactor, reporter: EventReporter) -> None:
    """Pictures of events."""
    metrics.made.set_function(lambda: redactor.pictures)
    metrics.failures.set_function(lambda: redactor.failures)
    metrics.missing.set_function(lambda: reporter.without_picture)


def read_delivery(
    metrics: DeliveryMetrics, reporter: EventReporter, store: OutboxStore, publisher: OutboxPublisher, link: MqttClient
) -> None:
    """Outbox and broker."""
    metrics.not_stored.set_function(lambda: len(reporter.unsaved))
    metrics.forgotten.set_function(lambda: reporter.discarded)
    metrics.waiting.set_function(lambda: store.waiting)
    metrics.waiting_bytes.set_function(lambda: store.waiting_bytes)
    metrics.dropped.set_function(lambda: store.dropped)
    metrics.pictures_dropped.set_function(lambda: store.pictures_dropped)
    metrics.connected.set_function(lambda: float(link.connected))
    metrics.connects.set_function(lambda: link.connects)
    metrics.in_flight.set_function(lambda: publisher.progress.in_flight)
    metrics.resent.set_function(lambda: publisher.progress.resent)


def read_jobs(metrics: JobMetrics, queue: JobQueue) -> None:
    """Clips, releases and live views."""
    for kind in queue.policies:
        for state in STATES:
            metrics.jobs.labels(kind, state).set_function(partial(queue.count, kind, state))


def read_footage(metrics: FootageMetrics, service: RecorderService) -> None:
    """The recorder."""
    counts, recorder, writer = service.writer.counts, service.recorder, service.writer
    metrics.packets.set_function(lambda: counts.packets)
    metrics.fragments.set_function(lambda: counts.fragments)
    metrics.segments.set_function(lambda: counts.segments)
    metrics.written_bytes.set_function(lambda: counts.bytes)
    metrics.aborted.set_function(lambda: counts.aborted)
    metrics.refused.set_function(lambda: counts.refused)
    metrics.dropped.set_function(lambda: recorder.queue.dropped)
    metrics.audio_packets.set_function(lambda: counts.audio_packets)
    metrics.audio_refused.set_function(lambda: recorder.unsupported_audio)
    metrics.failures.set_function(lambda: recorder.failures)
    metrics.cameras_stopped.set_function(lambda: len(writer.stopped))
