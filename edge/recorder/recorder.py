"""The recorder: a tap that puts packets into a bounded queue, and one thread that writes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

import av

from common import logging_setup
from common.clock import SECOND_NS, Clock
from edge.media.audio_track import CARRIED, AudioFormat
from edge.media.audio_track import AudioPacket as Sound
from edge.recorder.segments.timeline import Item
from edge.recorder.segments.writer import Writer
from edge.sources.base import AudioPacket, TimedPacket

QUEUE_BYTES = 256 << 20
"""About 30 s of 16 cameras at 4 Mbit/s: a disk that thinks for longer than that loses footage, and says so."""
QUEUE_ITEMS = 50_000
ROUND_S = 0.2
"""The writer looks into the queue this often."""
Entry = Item | Sound | AudioFormat | str
TAKEN_NS = SECOND_NS
"""What came a second before the queue was emptied was in it, whichever thread was slow."""


@dataclass
class Inbox:
    """Packets on their way to the writer. On overflow a camera's packets are dropped until its next key frame.

    Attributes:
        dropped: Packets dropped so far.
    """

    max_bytes: int = QUEUE_BYTES
    max_items: int = QUEUE_ITEMS
    dropped: int = 0
    _items: deque[Entry] = field(default_factory=deque)
    _bytes: int = 0
    _late: set[str] = field(default_factory=set)
    _came: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    def put(self, item: Item) -> None:
        """Never waits for the writer."""
        with self._came:
            full = self._bytes + len(item.data) > self.max_bytes or len(self._items) >= self.max_items
            if self._closed or full or (item.camera in self._late and not item.key):
                self.dropped += 1
                if item.camera not in self._late:
                    self._late.add(item.camera)
                    self._items.append(item.camera)  # the segment ends here
                return
            self._late.discard(item.camera)
            self._items.append(item)
            self._bytes += len(item.data)
            if self._bytes > self.max_bytes // 4 or len(self._items) > self.max_items // 4:
                self._came.notify()  # else the writer comes by itself: a wake for each packet costs too much

    def hear(self, sound: Sound | AudioFormat) -> None:
        """Sound is dropped where pictures would be; what it is never is. It wakes nobody."""
        with self._came:
            if self._closed:
                return
            if isinstance(sound, Sound):
                full = self._bytes + len(sound.data) > self.max_bytes or len(self._items) >= self.max_items
                if full or sound.camera in self._late:
                    return
                self._bytes += len(sound.data)
            self._items.append(sound)

    def take(self, timeout_s: float) -> list[Entry]:
        """Everything that has come after `timeout_s`, or earlier when it is much.

        A camera's name stands where its packets were dropped.
        """
        with self._came:
            if not self._closed:
                self._came.wait(timeout_s)
            items, self._items, self._bytes = list(self._items), deque(), 0
            return items

    def close(self) -> None:
        """Take nothing more."""
        with self._came:
            self._closed = True
            self._came.notify_all()

    @property
    def waiting(self) -> int:
        """Packets that wait."""
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Closed, though packets may wait."""
        return self._closed


class Recorder:
    """See `edge.video.camera_worker.Tap`.

    Args:
        writer: Does the work; belongs to this recorder's thread from `start` on.
        clock: Monotonic time of arrival.
        inbox: Bounded.

    Attributes:
        failures: Mistakes of ours, in tap or thread; the recorder goes on.
        unheard: Packets of sound that an MP4 of ours cannot carry.
    """

    def __init__(self, writer: Writer, clock: Clock, inbox: Inbox | None = None) -> None:
        self.writer, self.inbox, self._clock = writer, inbox or Inbox(), clock
        self.failures = self.unheard = 0
        self._refused: set[tuple[str, str]] = set()
        self._sessions: dict[str, tuple[object, int, str, bytes, Fraction]] = {}
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Start the thread; it recognises the disk and reconciles first."""
        self._thread.start()

    def packet(self, camera: str, arrival: TimedPacket) -> None:
        """One packet: copied, since its decoder works on it at the same time."""
        try:
            self.inbox.put(self._item(camera, arrival))
        except Exception:  # a tap never raises: it would blind the camera
            self.failures += 1

    def ear(self, camera: str) -> CameraEar:
        """What hears a camera's sound."""
        return CameraEar(self, camera, self._clock)

    def silent(self, camera: str, codec: str) -> None:
        """A camera's sound is of a kind that is left out: said once."""
        if (camera, codec) not in self._refused:
            self._refused.add((camera, codec))
            logging_setup.get("recorder").warning(
                "sound is not recorded: only AAC with its configuration can be", camera=camera, codec=codec
            )

    def stop(self) -> None:
        """Write what waits, finish every segment, end the thread."""
        self.inbox.close()
        self._thread.join()

    def _item(self, camera: str, arrival: TimedPacket) -> Item:
        packet = arrival.packet
        stream = packet.stream
        known = self._sessions.get(camera)
        if known is None or known[0] is not stream:
            context = stream.codec_context
            number = known[1] + 1 if known else 1
            base = Fraction(packet.time_base or Fraction(1, 90_000))
            known = (stream, number, context.name, bytes(context.extradata or b""), base)
            self._sessions[camera] = known
        return Item(
            camera=camera,
            data=bytes(packet),
            pts=packet.pts,
            dts=packet.dts,
            time_base=known[4],
            key=packet.is_keyframe,
            wall_ns=arrival.time_ns,
            mono_ns=arrival.mono_ns if arrival.mono_ns is not None else self._clock.monotonic_ns(),
            codec=known[2],
            extradata=known[3],
            session=known[1],
        )

    def _run(self) -> None:
        log = logging_setup.get("recorder")
        self._guard(self.writer.start)
        log.info("recorder started", ready=self.writer.ready, **vars(self.writer.report))
        while True:
            closed = self.inbox.closed
            items = self.inbox.take(ROUND_S)
            taken_ns = self._clock.monotonic_ns() - TAKEN_NS
            for item in items:
                self._guard(partial(self._write, item))
            self._guard(partial(self.writer.tick, taken_ns))
            if closed and not items:
                break
        self._guard(self.writer.close)

    def _write(self, item: Entry) -> None:
        if isinstance(item, Item):
            self.writer.feed(item)
        elif isinstance(item, str):
            self.writer.late(item)
        else:
            self.writer.hear(item)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            if not self.failures:
                logging_setup.get("recorder").exception("recorder failed")
            self.failures += 1


class CameraEar:
    """Puts one camera's sound into the queue; see `edge.sources.base.Ear`."""

    def __init__(self, recorder: Recorder, camera: str, clock: Clock) -> None:
        self._recorder, self._camera, self._clock = recorder, camera, clock
        self._heard = False

    def listen(self, track: av.AudioStream | None) -> None:
        """See `edge.sources.base.Ear`."""
        try:
            voice = AudioFormat(self._camera) if track is None else self._voice(track)
            self._heard = bool(voice.rate)
            self._recorder.inbox.hear(voice)
        except Exception:  # an ear never raises: it would cost the pictures
            self._recorder.failures += 1

    def hear(self, packet: AudioPacket) -> None:
        """See `edge.sources.base.Ear`."""
        try:
            if not self._heard:
                self._recorder.unheard += 1
                return
            base = Fraction(packet.time_base or 1) * SECOND_NS
            stamp = packet.pts if packet.pts is not None else packet.dts
            stamp_ns = round(stamp * base) if stamp is not None else None
            duration_ns = round((packet.duration or 0) * base)
            mono_ns = self._clock.monotonic_ns()
            self._recorder.inbox.hear(Sound(self._camera, bytes(packet), stamp_ns, duration_ns, mono_ns))
        except Exception:
            self._recorder.failures += 1

    def _voice(self, track: av.AudioStream) -> AudioFormat:
        context = track.codec_context
        config = bytes(context.extradata or b"")
        if context.name not in CARRIED or not config or not context.sample_rate:
            self._recorder.silent(self._camera, context.name)
            return AudioFormat(self._camera)
        return AudioFormat(self._camera, context.sample_rate, max(1, context.channels), config)
