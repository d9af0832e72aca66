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
from edge.media.audio_track import CARRIED, AudioFormat, EncodedAudio
from edge.recorder.segments.timeline import RecordedPacket
from edge.recorder.segments.writer import Writer
from edge.sources.base import AudioPacket, TimedPacket

QUEUE_BYTES = 256 << 20
"""About 30 s of 16 cameras at 4 Mbit/s: a disk that blocks for longer loses footage, which is counted."""
QUEUE_ITEMS = 50_000
POLL_S = 0.2
"""Interval at which the writer empties the queue."""
QueueEntry = RecordedPacket | EncodedAudio | AudioFormat | str
RECEIVED_NS = SECOND_NS
"""Packets that arrived this long before the queue was emptied were in it, even if a thread was slow."""


@dataclass
class PacketQueue:
    """Bounded queue of packets for the writer. On overflow a camera's packets are dropped until its next key frame.

    Attributes:
        dropped: Packets dropped so far.
    """

    max_bytes: int = QUEUE_BYTES
    max_items: int = QUEUE_ITEMS
    dropped: int = 0
    _items: deque[QueueEntry] = field(default_factory=deque)
    _bytes: int = 0
    _dropping_cameras: set[str] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    def put(self, item: RecordedPacket) -> None:
        """Add a packet; never blocks."""
        with self._changed:
            full = self._bytes + len(item.data) > self.max_bytes or len(self._items) >= self.max_items
            if self._closed or full or (item.camera in self._dropping_cameras and not item.key):
                self.dropped += 1
                if item.camera not in self._dropping_cameras:
                    self._dropping_cameras.add(item.camera)
                    self._items.append(item.camera)  # the segment ends here
                return
            self._dropping_cameras.discard(item.camera)
            self._items.append(item)
            self._bytes += len(item.data)
            if self._bytes > self.max_bytes // 4 or len(self._items) > self.max_items // 4:
                self._changed.notify()  # below that the writer polls: a notification for each packet is too expensive

    def put_audio(self, sound: EncodedAudio | AudioFormat) -> None:
        """Add audio; dropped on overflow like video, except for its format. Does not notify the writer."""
        with self._changed:
            if self._closed:
                return
            if isinstance(sound, EncodedAudio):
                full = self._bytes + len(sound.data) > self.max_bytes or len(self._items) >= self.max_items
                if full or sound.camera in self._dropping_cameras:
                    return
                self._bytes += len(sound.data)
            self._items.append(sound)

    def take(self, timeout_s: float) -> list[QueueEntry]:
        """All queued entries after `timeout_s`, or earlier when there are many.

        A camera's id marks the position where its packets were dropped.
        """
        with self._changed:
            if not self._closed:
                self._changed.wait(timeout_s)
            items, self._items, self._bytes = list(self._items), deque(), 0
            return items

    def close(self) -> None:
        """Accept no more packets."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Number of queued entries."""
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether the queue is closed; entries may remain."""
        return self._closed


class Recorder:
    """Records packets; a `edge.video.camera_worker.PacketTap`.

    Args:
        writer: Writes segments; used only by this recorder's thread after `start`.
        clock: Monotonic time of arrival.
        queue: Bounded.

    Attributes:
        failures: Internal errors in tap or thread; recording continues.
        unsupported_audio: Audio packets that cannot be stored in MP4.
    """

    def __init__(self, writer: Writer, clock: Clock, queue: PacketQueue | None = None) -> None:
        self.writer, self.queue, self._clock = writer, queue or PacketQueue(), clock
        self.failures = self.unsupported_audio = 0
        self._refused: set[tuple[str, str]] = set()
        self._sessions: dict[str, tuple[object, int, str, bytes, Fraction]] = {}
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Start the thread; it checks the disk and reconciles the index first."""
        self._thread.start()

    def packet(self, camera: str, arrival: TimedPacket) -> None:
        """Queue a copy of the packet, since a decoder uses it at the same time."""
        try:
            self.queue.put(self._item(camera, arrival))
        except Exception:  # a tap never raises: that would end the camera's stream
            self.failures += 1

    def audio_listener(self, camera: str) -> CameraAudioListener:
        """Records a camera's audio."""
        return CameraAudioListener(self, camera, self._clock)

    def report_unsupported_audio(self, camera: str, codec: str) -> None:
        """Log once that a camera's audio codec is not recorded."""
        if (camera, codec) not in self._refused:
            self._refused.add((camera, codec))
            logging_setup.get("recorder").warning(
                "audio is not recorded: only AAC with its configuration is supported", camera=camera, codec=codec
            )

    def stop(self) -> None:
        """Write the queued entries, finish every segment, end the thread."""
        self.queue.close()
        self._thread.join()

    def _item(self, camera: str, arrival: TimedPacket) -> RecordedPacket:
        packet = arrival.packet
        stream = packet.stream
        session = self._sessions.get(camera)
        if session is None or session[0] is not stream:
            context = stream.codec_context
            number = session[1] + 1 if session else 1
            base = Fraction(packet.time_base or Fraction(1, 90_000))
            session = (stream, number, context.name, bytes(context.extradata or b""), base)
            self._sessions[camera] = session
        return RecordedPacket(
            camera=camera,
            data=bytes(packet),
            pts=packet.pts,
            dts=packet.dts,
            time_base=session[4],
            key=packet.is_keyframe,
            wall_ns=arrival.time_ns,
            mono_ns=arrival.mono_ns if arrival.mono_ns is not None else self._clock.monotonic_ns(),
            codec=session[2],
            extradata=session[3],
            session=session[1],
        )

    def _run(self) -> None:
        log = logging_setup.get("recorder")
        self._run_guarded(self.writer.start)
        log.info("recorder started", ready=self.writer.ready, **vars(self.writer.report))
        while True:
            closed = self.queue.closed
            items = self.queue.take(POLL_S)
            received_until_ns = self._clock.monotonic_ns() - RECEIVED_NS
            for item in items:
                self._run_guarded(partial(self._write, item))
            self._run_guarded(partial(self.writer.tick, received_until_ns))
            if closed and not items:
                break
        self._run_guarded(self.writer.close)

    def _write(self, item: QueueEntry) -> None:
        if isinstance(item, RecordedPacket):
            self.writer.feed(item)
        elif isinstance(item, str):
            self.writer.end_segment(item)
        else:
            self.writer.put_audio(item)

    def _run_guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            if not self.failures:
                logging_setup.get("recorder").exception("recorder failed")
            self.failures += 1


class CameraAudioListener:
    """Puts one camera's audio into the queue; see `edge.sources.base.AudioListener`."""

    def __init__(self, recorder: Recorder, camera: str, clock: Clock) -> None:
        self._recorder, self._camera, self._clock = recorder, camera, clock
        self._supported = False

    def listen(self, track: av.AudioStream | None) -> None:
        """See `edge.sources.base.AudioListener`."""
        try:
            audio_format = AudioFormat(self._camera) if track is None else self._format_of(track)
            self._supported = bool(audio_format.rate)
            self._recorder.queue.put_audio(audio_format)
        except Exception:  # never raises: that would end the video too
            self._recorder.failures += 1

    def receive(self, packet: AudioPacket) -> None:
        """See `edge.sources.base.AudioListener`."""
        try:
            if not self._supported:
                self._recorder.unsupported_audio += 1
                return
            base = Fraction(packet.time_base or 1) * SECOND_NS
            stamp = packet.pts if packet.pts is not None else packet.dts
            stamp_ns = round(stamp * base) if stamp is not None else None
            duration_ns = round((packet.duration or 0) * base)
            mono_ns = self._clock.monotonic_ns()
            self._recorder.queue.put_audio(EncodedAudio(self._camera, bytes(packet), stamp_ns, duration_ns, mono_ns))
        except Exception:
            self._recorder.failures += 1

    def _format_of(self, track: av.AudioStream) -> AudioFormat:
        context = track.codec_context
        config = bytes(context.extradata or b"")
        if context.name not in CARRIED or not config or not context.sample_rate:
            self._recorder.report_unsupported_audio(self._camera, context.name)
            return AudioFormat(self._camera)
        return AudioFormat(self._camera, context.sample_rate, max(1, context.channels), config)
