"""The box's metrics; `docs/metrics.md` lists them and a test compares.

Components count for themselves; a metric reads its component when Prometheus requests it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from prometheus_client.samples import Sample

disable_created_metrics()  # type: ignore[no-untyped-call]


class CallbackCounter(Counter):
    """A counter that reads its value from a function, as `Gauge.set_function` makes a gauge do."""

    def set_function(self, read: Callable[[], float]) -> None:
        """Read the value from `read`; any thread."""

        def samples() -> Iterable[Sample]:
            return (Sample("_total", {}, float(read()), None, None),)

        self._child_samples = samples  # type: ignore[method-assign]


class _Group:
    """Makes metrics in a registry."""

    def __init__(self, registry: CollectorRegistry, labels: tuple[str, ...] = ()) -> None:
        self._registry, self._labels = registry, labels

    def _counter(self, name: str, text: str) -> CallbackCounter:
        return CallbackCounter(f"paifang_edge_{name}", text, self._labels, registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"paifang_edge_{name}", text, self._labels, registry=self._registry)


class InferenceMetrics(_Group):
    """Inference."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        counter, gauge = self._counter, self._gauge
        self.jobs = counter("inference_jobs", "Frames on which inference ran.")
        self.failures = counter("inference_failures", "Frames on which inference failed.")
        self.seconds = gauge("inference_seconds", "Time of the last inference on a frame, all crops.")
        self.dropped = counter("mailbox_dropped", "Frames that a newer one replaced in the latest-frame queue.")


class PictureMetrics(_Group):
    """Redacted pictures of events."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        counter = self._counter
        self.made = counter("pictures", "Redacted pictures made.")
        self.failures = counter("redaction_failures", "Pictures not made because redaction failed.")
        self.missing = counter("events_without_picture", "Events sent without their picture.")


class DeliveryMetrics(_Group):
    """Outbox and broker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        counter, gauge = self._counter, self._gauge
        self.not_stored = gauge("events_not_stored", "Events in memory that the outbox could not store yet.")
        self.forgotten = counter("events_forgotten", "Events lost because the outbox failed for too long.")
        self.waiting = gauge("outbox_waiting", "Events without a receipt.")
        self.waiting_bytes = gauge("outbox_bytes", "Bytes of events without a receipt.")
        self.dropped = counter("outbox_dropped", "Events dropped because the outbox was full.")
        self.pictures_dropped = counter("outbox_pictures_dropped", "Pictures dropped because the outbox was full.")
        self.connected = gauge("broker_connected", "1 while the broker has accepted the box.")
        self.connects = counter("broker_connects", "Accepted connections to the broker.")
        self.in_flight = gauge("events_flying", "Events between publish and PUBACK.")
        self.resent = counter("events_resent", "Events published again.")


class DoorMetrics(_Group):
    """All doors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        counter = self._counter
        self.messages = counter("door_messages", "Messages of doors.")
        self.refused = counter("door_refused", "Rejected messages of doors: invalid, wrong signature, replayed.")
        self.stale = counter("door_stale", "Messages of doors without current information; they change no state.")
        self.late = counter("door_late", "Messages of doors that were older than messages already processed.")
        self.failures = counter("door_failures", "Internal errors in the processing of door messages.")


class GateMetrics(_Group):
    """All gates."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        counter, gauge = self._counter, self._gauge
        self.inspected = counter("gate_looks", "Frames that gates inspected for plates.")
        self.failures = counter("gate_failures", "Inspections and list look-ups that failed.")
        self.passages = counter("gate_passages", "Passages decided by gates.")
        self.openings = counter("gate_openings", "Opening commands that relays accepted.")
        self.relay_failures = counter("gate_relay_failures", "Opening commands that no attempt got accepted.")
        self.limited = counter("gate_openings_limited", "Opening commands suppressed by hold-off time and rate limit.")
        self.seconds = gauge("gate_seconds", "Time of the slowest gate's last inspection.")


class FootageMetrics(_Group):
    """The recorder."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        counter, gauge = self._counter, self._gauge
        self.packets = counter("footage_packets", "Packets written to footage.")
        self.fragments = counter("footage_parts", "Fragments of segments flushed to the disk.")
        self.segments = counter("footage_segments", "Segments finished.")
        self.written_bytes = counter("footage_written_bytes", "Bytes of footage written.")
        self.aborted = counter("footage_aborted", "Segments ended early because packets were missing.")
        self.refused = counter("footage_refused", "Packets that the recorder could not use.")
        self.dropped = counter("footage_dropped", "Packets dropped because the disk was too slow.")
        self.failures = counter("footage_failures", "Internal errors in the recorder.")
        self.audio_packets = counter("footage_sound_packets", "Audio packets written to footage.")
        self.audio_refused = counter("footage_sound_refused", "Audio packets left out because they are not AAC.")
        self.cameras_stopped = gauge("footage_cameras_stopped", "Cameras not recorded because the disk is full.")


class CameraMetrics(_Group):
    """Each camera, by `camera`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry, ("camera",))
        counter, gauge = self._counter, self._gauge
        self.packets = counter("camera_packets", "Packets read.")
        self.frames = counter("camera_frames", "Frames decoded.")
        self.broken = counter("camera_broken", "Packets that could not be decoded.")
        self.reconnects = counter("camera_reconnects", "Connections lost or refused.")
        self.backwards = counter("camera_backwards", "Packets whose time stamp went back.")
        self.failures = counter("camera_failures", "Internal errors in the camera's loop.")
        self.compared = counter("camera_looks", "Frames that the motion detector compared.")
        self.inspected = counter("camera_inspected", "Frames on which inference ran.")
        self.up = gauge("camera_up", "1 while pictures arrive.")


class JobMetrics(_Group):
    """Clips, releases and live views, by `kind` and `state`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry, ("kind", "state"))
        self.jobs = self._gauge("jobs", "Jobs that are open, and the last ones that have ended.")


class Metrics:
    """All metrics, in a registry of their own; a component that the box does not have leaves its metrics at 0."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.cameras, self.inference = CameraMetrics(self.registry), InferenceMetrics(self.registry)
        self.pictures, self.delivery = PictureMetrics(self.registry), DeliveryMetrics(self.registry)
        self.doors, self.gates = DoorMetrics(self.registry), GateMetrics(self.registry)
        self.footage, self.jobs = FootageMetrics(self.registry), JobMetrics(self.registry)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
