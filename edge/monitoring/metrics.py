"""The box's metrics, read from the parts when Prometheus asks; `docs/metrics.md` lists them and a test compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.video.camera_worker import CameraWorker

Reading = Callable[[], float]

BOX_COUNTERS = {
    "inference_jobs": "Frames that the detector looked at",
    "inference_failures": "Frames that it could not look at",
    "mailbox_dropped": "Frames that a newer one replaced before the detector was free",
    "pictures": "Redacted pictures taken",
    "redaction_failures": "Pictures not taken because the redactor failed",
    "events_without_picture": "Events that went without their picture",
    "events_forgotten": "Events lost because the outbox could not take them for too long",
    "outbox_dropped": "Events given up because the outbox was full",
    "outbox_pictures_dropped": "Pictures given up because the outbox was full",
    "broker_connects": "Accepted connections to the broker",
    "events_resent": "Events published again",
    "door_messages": "Messages of doors",
    "door_refused": "Messages of doors that were refused",
    "door_stale": "Messages of doors that say nothing about now: kept by the broker, or repeated",
    "door_late": "Messages of doors that were older than what was already judged",
    "door_failures": "Times that a door was not judged by a mistake of ours",
    "gate_looks": "Pictures in which gates looked for plates",
    "gate_failures": "Looks and questions to the list that failed",
    "gate_passages": "Vehicles that gates decided about",
    "gate_openings": "Opening commands that relays took",
    "gate_relay_failures": "Opening commands that relays did not take, all tries",
    "gate_openings_limited": "Opening commands held back by hold-off and rate limit",
    "footage_packets": "Packets written to footage",
    "footage_parts": "Parts of segments flushed to the disk",
    "footage_segments": "Segments finished",
    "footage_written_bytes": "Bytes of footage written",
    "footage_aborted": "Segments ended early because packets were missing",
    "footage_refused": "Packets that the recorder could not use",
    "footage_dropped": "Packets dropped because the disk was too slow",
    "footage_failures": "Mistakes of ours in the recorder",
    "footage_sound_packets": "Packets of sound written to footage",
    "footage_sound_refused": "Packets of sound left out, for they are not AAC",
}
BOX_GAUGES = {
    "events_not_stored": "Events that the outbox could not take yet; they are kept in memory and tried again",
    "outbox_waiting": "Events that wait for their receipt",
    "outbox_bytes": "Their bytes",
    "events_flying": "Events between publish and PUBACK",
    "broker_connected": "1 while the broker has accepted us",
    "inference_seconds": "Time of the last look at a frame, all views",
    "footage_cameras_stopped": "Cameras that are not recorded because the disk is full",
    "gate_seconds": "Time of the slowest gate's last look",
}
CAMERA_COUNTERS = {
    "camera_packets": "Packets read",
    "camera_frames": "Frames decoded",
    "camera_broken": "Packets that could not be decoded",
    "camera_reconnects": "Connections lost or refused",
    "camera_backwards": "Packets whose time stamp went back",
    "camera_failures": "Times that the camera's loop failed by a mistake of ours",
    "camera_looks": "Frames that the activity gate compared",
    "camera_inspected": "Frames that the detector looked at",
}
CAMERA_GAUGES = {"camera_up": "1 while pictures come"}


class BoxCollector(Collector):
    """Reads the parts.

    Args:
        readings: Name of a box metric → its reading.
        cameras: All cameras.
    """

    def __init__(self, readings: dict[str, Reading], cameras: Iterable[CameraWorker]) -> None:
        self._readings, self._cameras = readings, tuple(cameras)

    def collect(self) -> Iterable[Metric]:
        """All metrics, now."""
        for name, text in BOX_COUNTERS.items():
            yield CounterMetricFamily(f"paifang_edge_{name}", text, value=self._readings[name]())
        for name, text in BOX_GAUGES.items():
            yield GaugeMetricFamily(f"paifang_edge_{name}", text, value=self._readings[name]())
        for name, text in CAMERA_COUNTERS.items():
            counter = CounterMetricFamily(f"paifang_edge_{name}", text, labels=["camera"])
            for camera in self._cameras:
                counter.add_metric([camera.id], camera_reading(camera, name))
            yield counter
        for name, text in CAMERA_GAUGES.items():
            gauge = GaugeMetricFamily(f"paifang_edge_{name}", text, labels=["camera"])
            for camera in self._cameras:
                gauge.add_metric([camera.id], camera_reading(camera, name))
            yield gauge


def camera_reading(camera: CameraWorker, name: str) -> float:
    """One camera's value of one of the camera metrics."""
    if name in ("camera_looks", "camera_inspected"):
        return float(getattr(camera.eye, name.removeprefix("camera_")))
    if name == "camera_up":
        return float(camera.up)
    return float(getattr(camera.counters, name.removeprefix("camera_")))
