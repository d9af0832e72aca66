"""One camera's loop: connect, read, tap, decode, look; and again, with back-off, when it is lost.

`run()` supervises, `run_once()` works and raises. A thread each; the thread that opens a stream closes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from common import logging_setup
from common.backoff import Backoff
from common.clock import SECOND_NS, Clock
from common.errors import LoginRefused, SourceError
from edge.sources.base import Opener, TimedPacket
from edge.video.decoder import Decoder, luma_of
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.keyframe_mode import KeyframeMode
from pipelines.motion_detector import to_grid
from protocol.envelope import UnsequencedEvent
from protocol.event_types import CameraBack, CameraLost

MOST_WAITING = 16
"""Packets that wait to be decoded at most."""
LOST_S = 3.0
"""A camera that is not there for this long is reported: see `Camera.check`."""


class PacketTap(Protocol):
    """The recorder's place: sees every packet before anything is decided about it. Must be quick and never raise."""

    def packet(self, camera: str, arrival: TimedPacket) -> None:
        """One packet, as it came."""


@dataclass
class Counters:
    """What a camera counts, for metrics and status."""

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
        """One picture came."""
        self._count += 1
        if mono_ns - self._since_ns >= 10 * SECOND_NS:
            if self._since_ns:
                self.fps = round(self._count * SECOND_NS / (mono_ns - self._since_ns), 1)
            self._count, self._since_ns = 0, mono_ns


@dataclass
class CameraWorker:
    """One camera.

    Args:
        id: The camera's id.
        opener: Opens its stream.
        eye: Looks at its pictures.
        economy: None to decode every frame; else the keeper of what is not decoded.
        clock: Wall and monotonic.
        backoff: Delays between tries.
        send: Takes drafts about the camera itself.
        stop: Ends the loop.
        taps: See every packet.
    """

    id: str
    opener: Opener
    eye: FrameAnalyzer
    economy: KeyframeMode | None
    clock: Clock
    backoff: Backoff
    send: Callable[[UnsequencedEvent], None]
    stop: threading.Event
    taps: tuple[PacketTap, ...] = ()
    counters: Counters = field(default_factory=Counters)
    rate: FrameRate = field(default_factory=FrameRate)
    up: bool = False
    problem: str = ""
    refused: bool = False
    _lost_since_ns: int | None = None
    _reported: bool = True
    _heard_ns: int = 0
    _telling: threading.Lock = field(default_factory=threading.Lock)
    _waiting: list[TimedPacket] = field(default_factory=list)

    def run(self) -> None:
        """Until `stop` is set."""
        log = logging_setup.get("camera").bind(camera=self.id)
        self._heard_ns = self.clock.monotonic_ns()
        self._reported = False
        while not self.stop.is_set():
            try:
                self.run_once()
            except SourceError as error:
                if str(error) != self.problem:
                    log.warning("camera trouble", error=str(error), reconnects=self.counters.reconnects)
                self._again(str(error), refused=isinstance(error, LoginRefused))
            except Exception as error:  # a mistake of ours about one picture must not blind the camera for good
                log.exception("camera loop failed")
                self.counters.failures += 1
                self._again(type(error).__name__)

    def _again(self, problem: str, *, refused: bool = False) -> None:
        self.problem, self.refused = problem, refused
        self._down()
        self.counters.reconnects += 1
        self.stop.wait(self.backoff.next_s())

    def run_once(self) -> None:
        """Connect and work until the stream ends.

        Raises:
            SourceError: It ended, broke, or could not be opened.
        """
        stream = self.opener.open()
        self._waiting = []
        try:
            decoder = Decoder(stream.codec, stream.extradata, stream.matrix)
            last_dts: int | None = None
            for arrival in stream.packets():
                self._heard(arrival)
                dts = arrival.packet.dts
                if dts is not None:
                    self.counters.backwards += last_dts is not None and dts < last_dts
                    last_dts = dts
                for tap in self.taps:
                    tap.packet(self.id, arrival)
                self._work(decoder, arrival)
                # a recorder keeps the time at which each packet came
                stream.grouped = not self.taps and self.economy is not None and not self.economy.awake
                if decoder.broken:
                    self.counters.broken, decoder.broken = self.counters.broken + decoder.broken, 0
                if self.stop.is_set():
                    return
        finally:
            stream.close()

    def _work(self, decoder: Decoder, arrival: TimedPacket) -> None:
        if self.economy is None or self.economy.awake:
            self._watch(decoder, arrival)
            if self.economy is not None:
                self.economy.rest(self.eye.active, arrival.time_ns)
                self._waiting = self._waiting if self.economy.awake else []
            return
        if not arrival.packet.is_keyframe:
            self.economy.keep(arrival)
            return
        self._sentry(decoder, arrival, self.economy)

    def _watch(self, decoder: Decoder, arrival: TimedPacket, past: bool = False) -> None:
        """Decode and look.

        While nothing moves, pictures between two looks are decoded together with the one that is looked at. Decoded
        one at a time, each starts with cold processor caches, which costs a quarter more.
        """
        if not past and len(self._waiting) < MOST_WAITING and not self.eye.wants(arrival.time_ns):
            self._waiting.append(arrival)
            return
        waiting, self._waiting = self._waiting, []
        for earlier in waiting:
            self._decode(decoder, earlier)
        self._decode(decoder, arrival, past)

    def _decode(self, decoder: Decoder, arrival: TimedPacket, past: bool = False) -> None:
        for frame in decoder.decode(arrival.packet, arrival.mono_ns or arrival.time_ns):
            self._alive(arrival.time_ns)
            self.eye.see(frame, arrival.time_ns, past)

    def _sentry(self, decoder: Decoder, arrival: TimedPacket, economy: KeyframeMode) -> None:
        """Decode one key frame; wake up when something moved since the last, and decode what was kept."""
        decoder.skip_to_key()
        frames = decoder.decode(arrival.packet, arrival.mono_ns or arrival.time_ns)
        for frame in frames:
            self._alive(arrival.time_ns)
            grid = to_grid(luma_of(frame))
            if economy.stirs(grid, arrival.time_ns):
                past = economy.wake(arrival.time_ns)
                decoder.skip_to_key()
                for kept in [*past, arrival]:
                    self._watch(decoder, kept, past=True)
                return
            self.eye.see(frame, arrival.time_ns, grid=grid)
        economy.keep(arrival)

    def _heard(self, arrival: TimedPacket) -> None:
        """A picture came, decodable or not yet: that is what a camera lives by."""
        self._heard_ns = arrival.mono_ns if arrival.mono_ns is not None else self.clock.monotonic_ns()
        self.counters.packets += 1
        self.rate.tick(self._heard_ns)

    def _alive(self, time_ns: int) -> None:
        """A picture was decoded: the camera is up."""
        self.counters.frames += 1
        if self.up:
            return
        with self._telling:
            self.up, self.problem = True, ""
            self.backoff.reset()
            since_ns, self._lost_since_ns, self._reported = self._lost_since_ns, None, False
            gone_ns = self.clock.monotonic_ns() - since_ns if since_ns is not None else 0
            self.send(UnsequencedEvent(self.id, CameraBack(seconds=gone_ns / SECOND_NS), time_ns))

    def _down(self) -> None:
        """No stream: report it once it has lasted."""
        with self._telling:
            self.up = False
            if self._lost_since_ns is None:
                self._lost_since_ns = self._heard_ns
        self.check()

    def check(self) -> None:
        """Report a camera that has been lost for long; also called from outside, since connecting takes its time."""
        with self._telling:
            if self._lost_since_ns is None or self._reported:
                return
            now_ns = self.clock.monotonic_ns()
            if now_ns - max(self._lost_since_ns, self._heard_ns) >= LOST_S * SECOND_NS:
                self._reported = True
                gone_s = (now_ns - self._lost_since_ns) / SECOND_NS
                self.send(UnsequencedEvent(self.id, CameraLost(seconds=gone_s), self.clock.wall_ns()))
