"""Writes the footage of all cameras on one disk; runs in the recorder's thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from common.clock import SECOND_NS, Clock
from common.errors import DiskTrouble, FootageError
from edge.media.audio_track import AudioFormat, EncodedAudio
from edge.recorder.disk import Disk
from edge.recorder.gap_log import GapLog
from edge.recorder.index import Index
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.segments.segment_recorder import CameraRecorder, Counts, SegmentStorage
from edge.recorder.segments.timeline import SILENT_NS, RecordedPacket
from edge.recorder.startup_recovery import Report, check_disk, reconcile, same_disk
from protocol.envelope import UnsequencedEvent
from protocol.event_types import DiskChanged, DiskFull
from protocol.identifiers import uuid7

CHECK_NS = 5 * SECOND_NS


@dataclass
class Writer:
    """Writes packets to segments. Single-threaded.

    Args:
        disk: The footage's disk.
        keys: Day keys.
        index: Segment index.
        clock: Wall and monotonic.
        random: Makes random bytes.
        send: Sends events.
        box: The box's id: source of disk events.

    Attributes:
        ready: The disk has been recognised and can be written.
        report: Result of start-up recovery.
        counts: For metrics.
        stopped: Cameras stopped for lack of space; another thread replaces the whole set.
    """

    disk: Disk
    keys: DayKeyStore
    index: Index
    clock: Clock
    random: Callable[[int], bytes]
    send: Callable[[UnsequencedEvent], None]
    box: str
    ready: bool = field(default=False, init=False)
    report: Report = field(default_factory=Report, init=False)
    counts: Counts = field(default_factory=Counts, init=False)
    stopped: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        self._cameras: dict[str, CameraRecorder] = {}
        self.gap_log = GapLog(self.index, self.send)
        self._storage = SegmentStorage(self.disk, self.keys, self.index, self.gap_log, self._new_id)
        self._checked_ns: int | None = None
        self._reported_cause = ""
        self._reconciled = False

    def start(self) -> None:
        """Check the disk and reconcile the index. `tick` checks again for a disk that is missing now."""
        self._checked_ns = self.clock.monotonic_ns()
        try:
            new_id = self._new_id(self.clock.wall_ns())
            check_disk(self.disk, self.index, new_id)
            if not self._reconciled:
                self.report = reconcile(self.disk, self.keys, self.index, self.gap_log)
                self._reconciled = True
            self.ready = True
        except DiskTrouble as error:
            self._report_trouble(error)

    def feed(self, item: RecordedPacket) -> None:
        """Write one video packet."""
        if self.ready:
            camera_recorder = self.camera_recorder(item.camera)
            camera_recorder.stopped = item.camera in self.stopped
            camera_recorder.feed(item)
            if camera_recorder.disk_error is not None:
                self._report_trouble(camera_recorder.disk_error)

    def put_audio(self, item: EncodedAudio | AudioFormat) -> None:
        """Write one audio packet, or set a connection's audio format."""
        if isinstance(item, AudioFormat):
            self.camera_recorder(item.camera).audio_format = item
        elif self.ready and item.camera in self._cameras:
            self._cameras[item.camera].put_audio(item)

    def end_segment(self, camera: str) -> None:
        """Packets of a camera were dropped by the queue: end its segment."""
        if camera in self._cameras:
            self._cameras[camera].end_after_loss()

    def tick(self, now_ns: int | None = None) -> None:
        """Periodic check, at least every second: silent cameras, and the disk's identity.

        Args:
            now_ns: Monotonic time up to which every packet has been fed (a queue may be behind); None: now.
        """
        now_ns = self.clock.monotonic_ns() if now_ns is None else now_ns
        for camera_recorder in self._cameras.values():
            camera_recorder.check_silence(now_ns, SILENT_NS)
        if self._checked_ns is None or now_ns - self._checked_ns < CHECK_NS:
            return
        self._checked_ns = now_ns
        if not self.ready:
            self.start()
        elif not same_disk(self.disk, self.index):
            self.ready = False
            for camera_recorder in self._cameras.values():
                camera_recorder.finish("disk changed")
            self._report_trouble(DiskTrouble("changed", "the footage's disk was replaced"))
        elif all(camera_recorder.disk_error is None for camera_recorder in self._cameras.values()):
            self._reported_cause = ""

    def close(self) -> None:
        """Finish every segment."""
        for camera_recorder in self._cameras.values():
            camera_recorder.finish(None)

    @property
    def recording(self) -> int:
        """Cameras with an open segment."""
        return sum(camera_recorder.recording for camera_recorder in self._cameras.values())

    def camera_recorder(self, camera: str) -> CameraRecorder:
        """The recorder of a camera, created at its first packet."""
        if camera not in self._cameras:
            try:
                last = self.index.last(camera)
            except FootageError:
                last = None
            self._cameras[camera] = CameraRecorder(self._storage, last, self.counts)
        return self._cameras[camera]

    def _report_trouble(self, error: DiskTrouble) -> None:
        """Report a disk error once, until it is over."""
        if error.cause == self._reported_cause:
            return
        self._reported_cause = error.cause
        data = DiskFull(cause=str(error)) if error.cause == "full" else DiskChanged(cause=str(error))
        self.send(UnsequencedEvent(self.box, data, self.clock.wall_ns()))

    def _new_id(self, time_ns: int) -> str:
        return uuid7(time_ns, self.random(10)) if time_ns > 0 else str(uuid.UUID(bytes=self.random(16)))
