"""One camera's loop: connect, read, tap, decode, analyse; reconnects with back-off.

`run()` supervises, `run_once()` works and raises. One thread for each camera, which opens and closes the stream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import av

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import LoginRefused, SourceError
from common.running.backoff import Backoff, run_with_retries
from edge.sources.base import Opener, TimedPacket
from edge.video.decoder import Decoder, luma_of
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.keyframe_mode import KeyframeMode
from pipelines.motion_detector import to_grid
from protocol.envelope import UnsequencedEvent
from protocol.event_types import CameraBack, CameraLost
from protocol.problems import code_of

MAX_UNDECODED = 16
"""Maximum number of packets that wait for decoding."""
LOST_S = 3.0
"""A camera that is lost for this long is reported: see `CameraWorker.check`."""


class PacketTap(Protocol):
    """Receives every packet before decoding (the recorder). Must be fast and never raise."""

    def packet(self, camera: str, arrival: TimedPacket) -> None:
        """Receive one packet."""


@dataclass
class Counters:
    """A camera's counters, for metrics and status."""

    packets: int = 0
    frames: int = 0
    broken: int = 0
    reconnects: int = 0
    backwards: int = 0
    failures: int = 0


@dataclass
class FrameRate:
    """Pictures per second, measured over about ten seconds."""

    fps: float = 0.0
    _count: int = 0
    _since_ns: int = 0

    def tick(self, mono_ns: int) -> None:
        """Count one picture."""
        self._count += 1
        if mono_ns - self._since_ns >= 10 * SECOND_NS:
            if self._since_ns:
                self.fps = round(self._count * SECOND_NS / (mono_ns - self._since_ns), 1)
            self._count, self._since_ns = 0, mono_ns


@dataclass(frozen=True)
class CameraConnection:
    """How a camera's stream is opened, and opened again.

    Attributes:
        opener: Opens the stream.
        backoff: Delays between tries.
        stop: Ends the tries and the reading.
    """

    opener: Opener
    backoff: Backoff
    stop: threading.Event


@dataclass
class CameraWorker:
    """One camera.

    Args:
        id: The camera's id.
        connection: Opens its stream.
        analyzer: Analyses its frames.
        keyframe_mode: Key-frame mode; None: decode every frame.
        clock: Wall and monotonic.
        send: Sends events about the camera.
        taps: Receive every packet.
    """

    id: str
    connection: CameraConnection
    analyzer: FrameAnalyzer
    keyframe_mode: KeyframeMode | None
    clock: Clock
    send: Callable[[UnsequencedEvent], None]
    taps: tuple[PacketTap, ...] = ()
    counters: Counters = field(default_factory=Counters, init=False)
    rate: FrameRate = field(default_factory=FrameRate, init=False)
    up: bool = field(default=False, init=False)
    problem: str = field(default="", init=False)
    code: str = field(default="", init=False)
    refused: bool = field(default=False, init=False)
    lost_ns: int | None = field(default=None, init=False)
    _lost_since_ns: int | None = None
    _reported: bool = True
    _last_packet_ns: int = 0
    _report_lock: threading.Lock = field(default_factory=threading.Lock)
    _undecoded: list[TimedPacket] = field(default_factory=list)

    @property
    def newest(self) -> tuple[av.VideoFrame, int] | None:
        """The newest frame that was analysed and its time, UTC nanoseconds; None while there is no picture."""
        return self.analyzer.newest if self.up else None

    def run(self) -> None:
        """Until `stop` is set."""
        log = logging_setup.get("camera").bind(camera=self.id)
        self._last_packet_ns = self.clock.monotonic_ns()
        self._reported = False

        def failed(error: Exception | None) -> None:
            problem = str(error) if isinstance(error, SourceError) else type(error).__name__
            if not isinstance(error, SourceError):
                log.error("camera loop failed", exc_info=error)
                self.counters.failures += 1
            elif problem != self.problem:
                log.warning("camera failed", error=problem, reconnects=self.counters.reconnects)
            self.problem, self.code, self.refused = problem, code_of(error), isinstance(error, LoginRefused)
            self._on_lost()
            self.counters.reconnects += 1

        run_with_retries(self.run_once, self.connection.backoff, self.connection.stop, failed)

    def run_once(self) -> None:
        """Connect and work until the stream ends.

        Raises:
            SourceError: It ended, broke, or could not be opened.
        """
        stream = self.connection.opener.open()
        self._undecoded = []
        try:
            decoder = Decoder(stream.codec, stream.extradata, stream.matrix)
            last_dts: int | None = None
            for arrival in stream.packets():
                self._count_packet(arrival)
                dts = arrival.packet.dts
                if dts is not None:
                    self.counters.backwards += last_dts is not None and dts < last_dts
                    last_dts = dts
                for tap in self.taps:
                    tap.packet(self.id, arrival)
                self._process(decoder, arrival)
                # a recorder needs each packet's arrival time
                stream.grouped = not self.taps and self.keyframe_mode is not None and not self.keyframe_mode.full_decode
                if decoder.broken:
                    self.counters.broken, decoder.broken = self.counters.broken + decoder.broken, 0
                if self.connection.stop.is_set():
                    return
        finally:
            stream.close()

    def _process(self, decoder: Decoder, arrival: TimedPacket) -> None:
        if self.keyframe_mode is None or self.keyframe_mode.full_decode:
            self._decode_when_due(decoder, arrival)
            if self.keyframe_mode is not None:
                self.keyframe_mode.maybe_leave(self.analyzer.active, arrival.time_ns)
                self._undecoded = self._undecoded if self.keyframe_mode.full_decode else []
            return
        if not arrival.packet.is_keyframe:
            self.keyframe_mode.buffer(arrival)
            return
        self._decode_key_frame(decoder, arrival, self.keyframe_mode)

    def _decode_when_due(self, decoder: Decoder, arrival: TimedPacket, past: bool = False) -> None:
        """Decode and analyse when the frame is due.

        Without motion, pictures between two inspections are decoded together with the inspected one. Decoded one at a
        time, each starts with cold processor caches, which costs a quarter more.
        """
        if not past and len(self._undecoded) < MAX_UNDECODED and not self.analyzer.needs(arrival.time_ns):
            self._undecoded.append(arrival)
            return
        undecoded, self._undecoded = self._undecoded, []
        for earlier in undecoded:
            self._decode(decoder, earlier)
        self._decode(decoder, arrival, past)

    def _decode(self, decoder: Decoder, arrival: TimedPacket, past: bool = False) -> None:
        for frame in decoder.decode(arrival.packet, arrival.mono_ns or arrival.time_ns):
            self._on_picture(arrival.time_ns)
            self.analyzer.process(frame, arrival.time_ns, past)

    def _decode_key_frame(self, decoder: Decoder, arrival: TimedPacket, keyframe_mode: KeyframeMode) -> None:
        """Decode one key frame; on motion since the last, leave key-frame mode and decode the buffered packets."""
        decoder.skip_to_key()
        frames = decoder.decode(arrival.packet, arrival.mono_ns or arrival.time_ns)
        for frame in frames:
            self._on_picture(arrival.time_ns)
            grid = to_grid(luma_of(frame))
            if keyframe_mode.has_motion(grid, arrival.time_ns):
                past = keyframe_mode.enter_full_decode(arrival.time_ns)
                decoder.skip_to_key()
                for buffered in [*past, arrival]:
                    self._decode_when_due(decoder, buffered, past=True)
                return
            self.analyzer.process(frame, arrival.time_ns, grid=grid)
        keyframe_mode.buffer(arrival)

    def _count_packet(self, arrival: TimedPacket) -> None:
        """A packet arrived, decodable or not: the camera is connected."""
        self._last_packet_ns = arrival.mono_ns if arrival.mono_ns is not None else self.clock.monotonic_ns()
        self.counters.packets += 1
        self.rate.tick(self._last_packet_ns)

    def _on_picture(self, time_ns: int) -> None:
        """A picture was decoded: the camera is up."""
        self.counters.frames += 1
        if self.up:
            return
        with self._report_lock:
            self.up, self.problem, self.code, self.lost_ns = True, "", "", None
            self.connection.backoff.reset()
            since_ns, self._lost_since_ns, self._reported = self._lost_since_ns, None, False
            lost_ns = self.clock.monotonic_ns() - since_ns if since_ns is not None else 0
            self.send(UnsequencedEvent(self.id, CameraBack(seconds=lost_ns / SECOND_NS), time_ns))

    def _on_lost(self) -> None:
        """The stream is lost: report it once it lasts."""
        with self._report_lock:
            self.up = False
            if self._lost_since_ns is None:
                self._lost_since_ns = self._last_packet_ns
                self.lost_ns = self.clock.wall_ns() - (self.clock.monotonic_ns() - self._last_packet_ns)
        self.check()

    def check(self) -> None:
        """Report a camera that has been lost for long; also called from another thread, since connecting blocks."""
        with self._report_lock:
            if self._lost_since_ns is None or self._reported:
                return
            now_ns = self.clock.monotonic_ns()
            if now_ns - max(self._lost_since_ns, self._last_packet_ns) >= LOST_S * SECOND_NS:
                self._reported = True
                lost_s = (now_ns - self._lost_since_ns) / SECOND_NS
                self.send(UnsequencedEvent(self.id, CameraLost(seconds=lost_s), self.clock.wall_ns()))
