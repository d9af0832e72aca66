"""One camera's footage: packets in, segments out. Belongs to the writer's thread; reads no clock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from common.clock import SECOND_NS
from common.errors import DiskTrouble, FootageError, StreamBroken
from edge.media.audio_track import AudioClock, AudioFormat, AudioPacket
from edge.media.nal import configuration, parameter_sets, to_byte_stream
from edge.recorder import gap_log as ledger
from edge.recorder.disk import Disk
from edge.recorder.gap_log import GapLog
from edge.recorder.index import Index, Segment
from edge.recorder.retention.keys import Keys
from edge.recorder.retention.segment_encryption import Header
from edge.recorder.segments.mux import Form, Remuxer
from edge.recorder.segments.segment import DAY_NS, SegmentWriter
from edge.recorder.segments.timeline import TICKS, Item, Timeline
from edge.recorder.segments.timeline import Place as Moment

SEGMENT_NS = 60 * SECOND_NS
HARD_NS = 600 * SECOND_NS
"""A camera that sends no key frame for this long is cut anyway; its next segment waits for one."""
HARD_PACKETS = 100
"""A camera that sends fewer packets than this in that time is cut after so many, or after a day."""
STEP_NS = SECOND_NS
JITTER_NS = SECOND_NS // 2
RETRY_NS = 5 * SECOND_NS


@dataclass(frozen=True)
class Place:
    """Where a track writes."""

    disk: Disk
    keys: Keys
    index: Index
    ledger: GapLog
    new_id: Callable[[int], str]


@dataclass
class Counts:
    """What the writer counts, for metrics."""

    packets: int = 0
    sounds: int = 0
    parts: int = 0
    segments: int = 0
    aborted: int = 0
    bytes: int = 0
    refused: int = 0


@dataclass(frozen=True)
class _Start:
    """Where a segment starts, on both clocks."""

    wall_ns: int
    mono_ns: int


class _Open:
    """A segment that is being written."""

    def __init__(
        self, place: Place, form: Form, item: Item, start: _Start, *, frame: int, voice: AudioFormat | None
    ) -> None:
        wall_ns, day = start.wall_ns, start.wall_ns // DAY_NS
        self.mono_ns, self.offset_ns = start.mono_ns, item.wall_ns - item.mono_ns
        header = Header(
            id=place.new_id(wall_ns),
            camera=item.camera,
            day=day,
            codec=form.codec,
            width=form.width,
            height=form.height,
            wall_ns=wall_ns,
            mono_ns=start.mono_ns,
        )
        self.muxer = Remuxer(form, frame, voice, start.mono_ns)
        self.writer = SegmentWriter(place.disk, header, place.keys.obtain(item.camera, day))
        self.writer.start(self.muxer.initialisation)
        self.ticks, self.known = 0, False
        self._before: list[Callable[[], None]] = []

    def then(self, write: Callable[[], None]) -> None:
        """Call this once what came so far is on the medium."""
        self._before.append(write)

    def settle(self) -> None:
        """What came is on the medium."""
        waiting, self._before = self._before, []
        for write in waiting:
            write()

    @property
    def end_ns(self) -> int:
        """Wall clock at the end of what came."""
        return self.writer.header.wall_ns + self.ticks * SECOND_NS // TICKS

    def row(self, finished: bool) -> Segment:
        """What the index says of it."""
        header = self.writer.header
        end_ns = header.wall_ns + self.writer.durable_ms * 1_000_000
        return Segment(header.camera, header.id, header.wall_ns, end_ns, self.writer.durable_bytes, finished)


class CameraRecorder:
    """One camera's.

    Args:
        place: Where to write.
        last: The camera's last footage before this start, from the index.
        counts: Shared by all tracks.

    Attributes:
        voice: The sound of the connection that is read now; None: not heard.
        stopped: The executor's word: no space for this camera.
        trouble: The last trouble of the disk, until footage is written again.
    """

    def __init__(self, place: Place, last: Segment | None, counts: Counts) -> None:
        self._place, self._counts = place, counts
        self._line = Timeline()
        self._form: Form | None = None
        self._open: _Open | None = None
        self._last_wall_ns = last.end_ns if last is not None else None
        self._last_mono_ns: int | None = None
        self._cause: str | None = ledger.BOX_DOWN
        self._extradata: bytes | None = None
        self._sets, self._length_bytes = b"", 0
        self._again_ns = 0
        self._settled: tuple[int | None, int | None] = self._last_wall_ns, None
        self._heard_ns = 0
        self._sound = AudioClock()
        self.voice: AudioFormat | None = None
        self.stopped = False
        self.trouble: DiskTrouble | None = None

    @property
    def recording(self) -> bool:
        """A segment is open."""
        return self._open is not None

    def feed(self, item: Item) -> None:
        """Take one packet, in order."""
        self._heard_ns = item.mono_ns
        place = self._line.place(item)
        if item.extradata is not self._extradata:
            self._extradata = item.extradata
            self._sets, self._length_bytes = configuration(item.extradata, item.codec)
        data = to_byte_stream(item.data, self._length_bytes)
        if place.step is None:
            self.finish(ledger.CAMERA_LOST if self._open is not None else None)
        elif self._open is not None:
            self._open.ticks += place.step
        if self.stopped:
            self.finish(ledger.STOPPED)
            return
        try:
            if self._open is not None and self._due(self._open, item, data):
                self._cut(self._open, place)
            if self._open is None and item.key and item.mono_ns >= self._again_ns:
                self._begin(item, data, place)
            if self._open is not None:
                self._write(self._open, data, place, item)
        except DiskTrouble as error:
            self._fail(ledger.DISK_CAUSES[error.cause], item)
            self.trouble = error
        except (StreamBroken, FootageError):
            self._fail(ledger.BROKEN_STREAM, item)

    def hear(self, sound: AudioPacket) -> None:
        """Take one packet of sound; it goes with the segment that is open, if one is."""
        at_ns = self._sound.place(sound)
        if self._open is not None and self._open.muxer.sound is not None:
            self._counts.sounds += self._open.muxer.sound.add(sound, at_ns)

    def late(self, cause: str = ledger.LATE_WRITER) -> None:
        """Packets were lost before they came here: the segment ends where they are missing."""
        self.finish(cause)
        self._counts.aborted += 1

    def silent(self, mono_ns: int, limit_ns: int) -> None:
        """Nothing came for longer than this camera ever takes: close the segment, so that it can be found."""
        if self._open is not None and mono_ns - self._heard_ns > max(limit_ns, self._line.silent_ns):
            self.finish(ledger.CAMERA_LOST)

    def finish(self, cause: str | None, *, end: int | None = None) -> None:
        """End the segment.

        Args:
            cause: Why the next footage may come late; None: it will not.
            end: Ticks up to which the last picture stands; None: for as long as pictures stand at this rate.
        """
        self._cause = cause or self._cause
        current, self._open = self._open, None
        if current is None:
            return
        try:
            last = current.muxer.close(end)
            if last is not None:
                self._counts.parts += 1
            before = current.writer.bytes
            current.writer.finish(last)
            self._counts.bytes += current.writer.bytes - before
            self._place.index.add([current.row(finished=True)])
            current.settle()
        except DiskTrouble as error:
            self.trouble = error
            self._give_up(current, ledger.DISK_CAUSES[error.cause])
        except (StreamBroken, FootageError):
            self._give_up(current, ledger.BROKEN_STREAM)

    def _cut(self, current: _Open, place: Moment) -> None:
        """End the segment where the next one starts; the two meet, unless something is missing between them."""
        if place.missing_ns:
            self.finish(ledger.CAMERA_LOST)
            return
        self._last_wall_ns, self._last_mono_ns = current.end_ns, place.at_ns
        self.finish(None, end=current.ticks)

    def _due(self, current: _Open, item: Item, data: bytes) -> bool:
        """Whether another segment starts here."""
        length_ns = current.ticks * SECOND_NS // TICKS
        if not item.key:
            return length_ns >= max(HARD_NS, min(HARD_PACKETS * (self._line.interval_ns or DAY_NS), DAY_NS))
        sets = parameter_sets(data, item.codec)
        changed = self._form is not None and bool(sets) and sets != self._form.sets
        stepped = abs(item.wall_ns - item.mono_ns - current.offset_ns) >= STEP_NS
        day = self._start_ns(item.wall_ns) // DAY_NS != current.writer.header.day
        half_ns = self._line.frame * SECOND_NS // TICKS // 2
        return length_ns + half_ns >= SEGMENT_NS or changed or stepped or day

    def _begin(self, item: Item, data: bytes, place: Moment) -> None:
        sets = parameter_sets(data, item.codec) or self._sets
        if self._form is None or self._form.sets != sets or self._form.codec != item.codec:
            self._form = Form(item.codec, sets, data)
        start = _Start(self._start_ns(item.wall_ns + place.at_ns - item.mono_ns), place.at_ns)
        self._open = _Open(self._place, self._form, item, start, frame=self._line.frame, voice=self.voice)
        self._counts.segments += 1
        self._settled = self._last_wall_ns, self._last_mono_ns
        self._open.then(self._gap_before(item.camera, start))
        self._cause, self.trouble = None, None

    def _start_ns(self, wall_ns: int) -> int:
        """The label of a segment that starts here. Segments meet; the network's jitter opens no seam."""
        last_ns = self._last_wall_ns
        meets = self._cause is None and last_ns is not None and abs(wall_ns - last_ns) < JITTER_NS
        return last_ns if meets and last_ns is not None else wall_ns

    def _gap_before(self, camera: str, start: _Start) -> Callable[[], None]:
        """Writes down what is missing before this packet; called once the packet is on the medium."""
        last_ns, mono_ns, cause = self._last_wall_ns, self._last_mono_ns, self._cause or ledger.CAMERA_LOST
        if last_ns is None:
            return lambda: None
        wall_ns = start.wall_ns
        missing_ns = start.mono_ns - mono_ns if mono_ns is not None else wall_ns - last_ns
        stepped_ns = wall_ns - last_ns - missing_ns
        note = self._place.ledger.note

        def write() -> None:
            note(camera, last_ns, last_ns + missing_ns, missing_ns, cause)
            if stepped_ns > STEP_NS:
                note(camera, wall_ns - stepped_ns, wall_ns, stepped_ns, ledger.CLOCK_STEP)

        return write

    def _write(self, current: _Open, data: bytes, place: Moment, item: Item) -> None:
        frame, last_ns = self._line.frame, self._last_wall_ns
        if current.ticks and place.missing_ns and last_ns is not None:
            note, to_ns = self._place.ledger.note, last_ns + place.missing_ns
            current.then(partial(note, item.camera, last_ns, to_ns, place.missing_ns, ledger.CAMERA_LOST))
        part = current.muxer.add(data, current.ticks + place.shown, current.ticks, frame, item.key)
        self._counts.packets += 1
        frame_ns = frame * SECOND_NS // TICKS
        self._last_wall_ns, self._last_mono_ns = current.end_ns + frame_ns, place.at_ns + frame_ns
        if part is None:
            return
        before = current.writer.bytes
        current.writer.part(part)
        self._counts.parts += 1
        self._counts.bytes += current.writer.bytes - before
        if not current.known:
            self._place.index.begin(current.row(finished=False))
            current.known = True
        current.settle()

    def _fail(self, cause: str, item: Item) -> None:
        current, self._open = self._open, None
        self._cause, self._again_ns = cause, item.mono_ns + RETRY_NS
        if current is None:
            self._counts.refused += 1
        else:
            self._give_up(current, cause)

    def _give_up(self, current: _Open, cause: str) -> None:
        """Keep what is on the medium; what is missing counts from there."""
        self._cause = cause
        self._counts.aborted += 1
        with contextlib.suppress(OSError):
            current.writer.abandon()
        if not current.known:
            self._last_wall_ns, self._last_mono_ns = self._settled
            return
        durable_ns = current.writer.durable_ms * 1_000_000
        self._last_wall_ns = current.writer.header.wall_ns + durable_ns
        self._last_mono_ns = current.mono_ns + durable_ns
        with contextlib.suppress(FootageError):  # then start-up finds it unfinished
            self._place.index.add([current.row(finished=True)])
