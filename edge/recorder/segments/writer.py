"""All cameras of one disk: the work of the one writing thread, without the thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from common.clock import SECOND_NS, Clock
from common.errors import DiskTrouble, FootageError
from edge.media.audio_track import AudioFormat, AudioPacket
from edge.recorder.disk import Disk
from edge.recorder.gap_log import GapLog
from edge.recorder.index import Index
from edge.recorder.retention.keys import Keys
from edge.recorder.segments.segment_recorder import CameraRecorder, Counts, Place
from edge.recorder.segments.timeline import SILENT_NS, Item
from edge.recorder.startup_recovery import Report, check_disk, reconcile, same_disk
from protocol.envelope import UnsequencedEvent
from protocol.event_types import DiskChanged, DiskFull
from protocol.identifiers import uuid7

CHECK_NS = 5 * SECOND_NS


@dataclass
class Writer:
    """Writes what it is fed. Single-threaded.

    Args:
        disk: Where footage goes.
        keys: Of the days.
        index: Of the segments.
        clock: Wall and monotonic.
        random: Gives random bytes.
        send: Takes drafts.
        box: The box's id: where events about the disk are from.

    Attributes:
        ready: The disk is ours and can be written.
        report: What start-up found.
        counts: For metrics.
        stopped: Cameras that there is no space for; another thread replaces the whole set.
    """

    disk: Disk
    keys: Keys
    index: Index
    clock: Clock
    random: Callable[[int], bytes]
    send: Callable[[UnsequencedEvent], None]
    box: str
    ready: bool = False
    report: Report = field(default_factory=Report)
    counts: Counts = field(default_factory=Counts)
    stopped: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._tracks: dict[str, CameraRecorder] = {}
        self.ledger = GapLog(self.index, self.send)
        self._place = Place(self.disk, self.keys, self.index, self.ledger, self._new_id)
        self._checked_ns: int | None = None
        self._told = ""
        self._reconciled = False

    def start(self) -> None:
        """Recognise the disk, reconcile. A disk that is not there now is looked for again by `tick`."""
        self._checked_ns = self.clock.monotonic_ns()
        try:
            fresh = self._new_id(self.clock.wall_ns())
            check_disk(self.disk, self.index, fresh)
            if not self._reconciled:
                self.report = reconcile(self.disk, self.keys, self.index, self.ledger)
                self._reconciled = True
            self.ready = True
        except DiskTrouble as error:
            self._tell(error)

    def feed(self, item: Item) -> None:
        """One packet."""
        if self.ready:
            track = self.track(item.camera)
            track.stopped = item.camera in self.stopped
            track.feed(item)
            if track.trouble is not None:
                self._tell(track.trouble)

    def hear(self, item: AudioPacket | AudioFormat) -> None:
        """One packet of sound, or what a connection's sound is."""
        if isinstance(item, AudioFormat):
            self.track(item.camera).voice = item
        elif self.ready and item.camera in self._tracks:
            self._tracks[item.camera].hear(item)

    def late(self, camera: str) -> None:
        """Packets of a camera were dropped before they came here."""
        if camera in self._tracks:
            self._tracks[camera].late()

    def tick(self, now_ns: int | None = None) -> None:
        """Now and then, at least every second: silence, and whether the disk is still ours.

        Args:
            now_ns: Monotonic time up to which every packet has been fed (a queue may be behind); None: now.
        """
        now_ns = self.clock.monotonic_ns() if now_ns is None else now_ns
        for track in self._tracks.values():
            track.silent(now_ns, SILENT_NS)
        if self._checked_ns is None or now_ns - self._checked_ns < CHECK_NS:
            return
        self._checked_ns = now_ns
        if not self.ready:
            self.start()
        elif not same_disk(self.disk, self.index):
            self.ready = False
            for track in self._tracks.values():
                track.finish("disk changed")
            self._tell(DiskTrouble("changed", "the footage's disk is not the one that it was"))
        elif all(track.trouble is None for track in self._tracks.values()):
            self._told = ""

    def close(self) -> None:
        """Finish every segment."""
        for track in self._tracks.values():
            track.finish(None)

    @property
    def recording(self) -> int:
        """Cameras with an open segment."""
        return sum(track.recording for track in self._tracks.values())

    def track(self, camera: str) -> CameraRecorder:
        """A camera's track, made on its first packet."""
        if camera not in self._tracks:
            try:
                last = self.index.last(camera)
            except FootageError:
                last = None
            self._tracks[camera] = CameraRecorder(self._place, last, self.counts)
        return self._tracks[camera]

    def _tell(self, error: DiskTrouble) -> None:
        """Once for each trouble, until it is over."""
        if error.cause == self._told:
            return
        self._told = error.cause
        data = DiskFull(cause=str(error)) if error.cause == "full" else DiskChanged(cause=str(error))
        self.send(UnsequencedEvent(self.box, data, self.clock.wall_ns()))

    def _new_id(self, time_ns: int) -> str:
        return uuid7(time_ns, self.random(10)) if time_ns > 0 else str(uuid.UUID(bytes=self.random(16)))
