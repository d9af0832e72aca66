"""Records one camera: packets in, segments out. Used only by the writer thread; reads no clock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from common.clock import SECOND_NS
from common.errors import DiskTrouble, FootageError, StreamBroken
from edge.media.audio_track import AudioClock, AudioFormat, EncodedAudio
from edge.media.nal import configuration, parameter_sets, to_byte_stream
from edge.recorder import gap_log
from edge.recorder.disk import Disk
from edge.recorder.gap_log import GapLog
from edge.recorder.index import Index, Segment
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.retention.segment_encryption import Header
from edge.recorder.segments.mux import Remuxer, StreamFormat
from edge.recorder.segments.segment import DAY_NS, SegmentWriter
from edge.recorder.segments.timeline import TICKS, RecordedPacket, Timeline, TimelinePosition

SEGMENT_NS = 60 * SECOND_NS
HARD_NS = 600 * SECOND_NS
"""A camera that sends no key frame for this long is cut anyway; its next segment waits for one."""
HARD_PACKETS = 100
"""A camera that sends fewer packets than this in that time is cut after so many, or after a day."""
STEP_NS = SECOND_NS
JITTER_NS = SECOND_NS // 2
RETRY_NS = 5 * SECOND_NS


@dataclass(frozen=True)
class SegmentStorage:
    """Dependencies of a camera recorder."""

    disk: Disk
    keys: DayKeyStore
    index: Index
    gap_log: GapLog
    new_id: Callable[[int], str]


@dataclass
class Counts:
    """The writer's counters, for metrics."""

    packets: int = 0
    audio_packets: int = 0
    fragments: int = 0
    segments: int = 0
    aborted: int = 0
    bytes: int = 0
    refused: int = 0


@dataclass(frozen=True)
class _Start:
    """Start of a segment on both clocks."""

    wall_ns: int
    mono_ns: int


class _Open:
    """A segment that is being written."""

    def __init__(
        self,
        place: SegmentStorage,
        stream_format: StreamFormat,
        item: RecordedPacket,
        start: _Start,
        *,
        frame: int,
        audio_format: AudioFormat | None,
    ) -> None:
        wall_ns, day = start.wall_ns, start.wall_ns // DAY_NS
        self.mono_ns, self.offset_ns = start.mono_ns, item.wall_ns - item.mono_ns
        header = Header(
            id=place.new_id(wall_ns),
            camera=item.camera,
            day=day,
            codec=stream_format.codec,
            width=stream_format.width,
            height=stream_format.height,
            wall_ns=wall_ns,
            mono_ns=start.mono_ns,
        )
        self.muxer = Remuxer(stream_format, frame, audio_format, start.mono_ns)
        self.writer = SegmentWriter(place.disk, header, place.keys.obtain(item.camera, day))
        self.writer.start(self.muxer.initialisation)
        self.ticks, self.is_indexed = 0, False
        self._after_flush: list[Callable[[], None]] = []

    def after_flush(self, write: Callable[[], None]) -> None:
        """Call `write` once all packets so far are on the medium."""
        self._after_flush.append(write)

    def run_after_flush(self) -> None:
        """All packets so far are on the medium: run the pending calls."""
        waiting, self._after_flush = self._after_flush, []
        for write in waiting:
            write()

    @property
    def end_ns(self) -> int:
        """Wall clock at the end of the packets so far."""
        return self.writer.header.wall_ns + self.ticks * SECOND_NS // TICKS

    def row(self, finished: bool) -> Segment:
        """The segment's index row."""
        header = self.writer.header
        end_ns = header.wall_ns + self.writer.durable_ms * 1_000_000
        return Segment(header.camera, header.id, header.wall_ns, end_ns, self.writer.durable_bytes, finished)


class CameraRecorder:
    """Records one camera.

    Args:
        place: Where to write.
        last: The camera's last footage before this start, from the index.
        counts: Shared by all cameras.

    Attributes:
        audio_format: Audio of the current connection; None without audio.
        stopped: The retention worker has stopped this camera for lack of space.
        disk_error: The last disk error, until footage is written again.
    """

    def __init__(self, place: SegmentStorage, last: Segment | None, counts: Counts) -> None:
        self._storage, self._counts = place, counts
        self._timeline = Timeline()
        self._format: StreamFormat | None = None
        self._open: _Open | None = None
        self._last_wall_ns = last.end_ns if last is not None else None
        self._last_mono_ns: int | None = None
        self._cause: str | None = gap_log.BOX_DOWN
        self._extradata: bytes | None = None
        self._sets, self._length_bytes = b"", 0
        self._retry_ns = 0
        self._before_segment: tuple[int | None, int | None] = self._last_wall_ns, None
        self._last_packet_ns = 0
        self._sound = AudioClock()
        self.audio_format: AudioFormat | None = None
        self.stopped = False
        self.disk_error: DiskTrouble | None = None

    @property
    def recording(self) -> bool:
        """A segment is open."""
        return self._open is not None

    def feed(self, item: RecordedPacket) -> None:
        """Take one packet, in order."""
        self._last_packet_ns = item.mono_ns
        place = self._timeline.place(item)
        if item.extradata is not self._extradata:
            self._extradata = item.extradata
            self._sets, self._length_bytes = configuration(item.extradata, item.codec)
        data = to_byte_stream(item.data, self._length_bytes)
        if place.step is None:
            self.finish(gap_log.CAMERA_LOST if self._open is not None else None)
        elif self._open is not None:
            self._open.ticks += place.step
        if self.stopped:
            self.finish(gap_log.STOPPED)
            return
        try:
            if self._open is not None and self._must_cut(self._open, item, data):
                self._cut(self._open, place)
            if self._open is None and item.key and item.mono_ns >= self._retry_ns:
                self._begin(item, data, place)
            if self._open is not None:
                self._write(self._open, data, place, item)
        except DiskTrouble as error:
            self._fail(gap_log.DISK_CAUSES[error.cause], item)
            self.disk_error = error
        except (StreamBroken, FootageError):
            self._fail(gap_log.BROKEN_STREAM, item)

    def put_audio(self, audio: EncodedAudio) -> None:
        """Add one audio packet to the open segment, if there is one."""
        at_ns = self._sound.place(audio)
        if self._open is not None and self._open.muxer.audio is not None:
            self._counts.audio_packets += self._open.muxer.audio.add(audio, at_ns)

    def end_after_loss(self, cause: str = gap_log.LATE_WRITER) -> None:
        """Packets were lost before the writer: end the segment there."""
        self.finish(cause)
        self._counts.aborted += 1

    def check_silence(self, mono_ns: int, limit_ns: int) -> None:
        """Close the segment when the camera has been silent for longer than its usual interval."""
        if self._open is not None and mono_ns - self._last_packet_ns > max(limit_ns, self._timeline.silent_ns):
            self.finish(gap_log.CAMERA_LOST)

    def finish(self, cause: str | None, *, end: int | None = None) -> None:
        """End the segment.

        Args:
            cause: Cause of a gap before the next footage; None: no gap.
            end: Ticks at which the last picture ends; None: after the usual frame duration.
        """
        self._cause = cause or self._cause
        current, self._open = self._open, None
        if current is None:
            return
        try:
            last = current.muxer.close(end)
            if last is not None:
                self._counts.fragments += 1
            before = current.writer.bytes
            current.writer.finish(last)
            self._counts.bytes += current.writer.bytes - before
            self._storage.index.add([current.row(finished=True)])
            current.run_after_flush()
        except DiskTrouble as error:
            self.disk_error = error
            self._give_up(current, gap_log.DISK_CAUSES[error.cause])
        except (StreamBroken, FootageError):
            self._give_up(current, gap_log.BROKEN_STREAM)

    def _cut(self, current: _Open, place: TimelinePosition) -> None:
        """End the segment where the next one starts; adjacent unless packets are missing between them."""
        if place.missing_ns:
            self.finish(gap_log.CAMERA_LOST)
            return
        self._last_wall_ns, self._last_mono_ns = current.end_ns, place.at_ns
        self.finish(None, end=current.ticks)

    def _must_cut(self, current: _Open, item: RecordedPacket, data: bytes) -> bool:
        """Whether a new segment starts here."""
        length_ns = current.ticks * SECOND_NS // TICKS
        if not item.key:
            return length_ns >= max(HARD_NS, min(HARD_PACKETS * (self._timeline.interval_ns or DAY_NS), DAY_NS))
        sets = parameter_sets(data, item.codec)
        changed = self._format is not None and bool(sets) and sets != self._format.sets
        stepped = abs(item.wall_ns - item.mono_ns - current.offset_ns) >= STEP_NS
        day = self._start_ns(item.wall_ns) // DAY_NS != current.writer.header.day
        half_ns = self._timeline.frame * SECOND_NS // TICKS // 2
        return length_ns + half_ns >= SEGMENT_NS or changed or stepped or day

    def _begin(self, item: RecordedPacket, data: bytes, place: TimelinePosition) -> None:
        sets = parameter_sets(data, item.codec) or self._sets
        if self._format is None or self._format.sets != sets or self._format.codec != item.codec:
            self._format = StreamFormat(item.codec, sets, data)
        start = _Start(self._start_ns(item.wall_ns + place.at_ns - item.mono_ns), place.at_ns)
        self._open = _Open(
            self._storage, self._format, item, start, frame=self._timeline.frame, audio_format=self.audio_format
        )
        self._counts.segments += 1
        self._before_segment = self._last_wall_ns, self._last_mono_ns
        self._open.after_flush(self._gap_before(item.camera, start))
        self._cause, self.disk_error = None, None

    def _start_ns(self, wall_ns: int) -> int:
        """Start time of a segment. Adjacent segments share their boundary, so network jitter makes no gap."""
        last_ns = self._last_wall_ns
        is_adjacent = self._cause is None and last_ns is not None and abs(wall_ns - last_ns) < JITTER_NS
        return last_ns if is_adjacent and last_ns is not None else wall_ns

    def _gap_before(self, camera: str, start: _Start) -> Callable[[], None]:
        """A function that logs the gap before this packet; called once the packet is on the medium."""
        last_ns, mono_ns, cause = self._last_wall_ns, self._last_mono_ns, self._cause or gap_log.CAMERA_LOST
        if last_ns is None:
            return lambda: None
        wall_ns = start.wall_ns
        missing_ns = start.mono_ns - mono_ns if mono_ns is not None else wall_ns - last_ns
        stepped_ns = wall_ns - last_ns - missing_ns
        log_gap = self._storage.gap_log.log_gap

        def write() -> None:
            log_gap(camera, last_ns, last_ns + missing_ns, missing_ns, cause)
            if stepped_ns > STEP_NS:
                log_gap(camera, wall_ns - stepped_ns, wall_ns, stepped_ns, gap_log.CLOCK_STEP)

        return write

    def _write(self, current: _Open, data: bytes, place: TimelinePosition, item: RecordedPacket) -> None:
        frame, last_ns = self._timeline.frame, self._last_wall_ns
        if current.ticks and place.missing_ns and last_ns is not None:
            log_gap, to_ns = self._storage.gap_log.log_gap, last_ns + place.missing_ns
            current.after_flush(partial(log_gap, item.camera, last_ns, to_ns, place.missing_ns, gap_log.CAMERA_LOST))
        fragment = current.muxer.add(data, current.ticks + place.presentation_offset, current.ticks, frame, item.key)
        self._counts.packets += 1
        frame_ns = frame * SECOND_NS // TICKS
        self._last_wall_ns, self._last_mono_ns = current.end_ns + frame_ns, place.at_ns + frame_ns
        if fragment is None:
            return
        before = current.writer.bytes
        current.writer.write_fragment(fragment)
        self._counts.fragments += 1
        self._counts.bytes += current.writer.bytes - before
        if not current.is_indexed:
            self._storage.index.begin(current.row(finished=False))
            current.is_indexed = True
        current.run_after_flush()

    def _fail(self, cause: str, item: RecordedPacket) -> None:
        current, self._open = self._open, None
        self._cause, self._retry_ns = cause, item.mono_ns + RETRY_NS
        if current is None:
            self._counts.refused += 1
        else:
            self._give_up(current, cause)

    def _give_up(self, current: _Open, cause: str) -> None:
        """End the segment after an error; footage after the last flush counts as missing."""
        self._cause = cause
        self._counts.aborted += 1
        with contextlib.suppress(OSError):
            current.writer.abandon()
        if not current.is_indexed:
            self._last_wall_ns, self._last_mono_ns = self._before_segment
            return
        durable_ns = current.writer.durable_ms * 1_000_000
        self._last_wall_ns = current.writer.header.wall_ns + durable_ns
        self._last_mono_ns = current.mono_ns + durable_ns
        with contextlib.suppress(FootageError):  # start-up recovery handles the unfinished segment
            self._storage.index.add([current.row(finished=True)])
