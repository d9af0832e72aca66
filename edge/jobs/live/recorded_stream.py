"""Kept footage as a stream that runs as fast as life: for views of what was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from common.clock import SECOND_NS, Clock
from edge.recorder.footage.playback import Player
from edge.redaction.video_reader import VideoReader, film_of_pieces
from edge.sources.base import TimedPacket, VideoPacket

LONGEST_STEP_NS = SECOND_NS // 2
"""Where footage is missing, what comes after it is shown this soon."""


class RecordedStream:
    """A stretch of footage; ends without an error (`edge.sources.base.Stream`).

    Args:
        film: Open; closed with this.
        first_ns: Wall clock at its first picture, UTC nanoseconds.
        clock: Monotonic time.
        pause: Waits some seconds.
    """

    def __init__(self, film: VideoReader, first_ns: int, clock: Clock, pause: Callable[[float], None]) -> None:
        self._film, self._first_ns, self._clock, self._pause = film, first_ns, clock, pause
        self.codec, self.time_base = film.video.codec_context.name, film.base
        self.matrix = b""  # footage has it in its pictures' own data
        self.grouped = False
        self.extradata = bytes(film.video.codec_context.extradata or b"")

    def packets(self) -> Iterator[TimedPacket]:
        """Packets as they came, at the pace at which they came."""
        due_ns, before_ns = self._clock.monotonic_ns(), self._first_ns
        for packet in self._film.packets():
            time_ns = self._first_ns + _nanoseconds(packet, self.time_base)
            due_ns += min(max(0, time_ns - before_ns), LONGEST_STEP_NS)
            before_ns = time_ns
            early_ns = due_ns - self._clock.monotonic_ns()
            if early_ns > 0:
                self._pause(early_ns / SECOND_NS)
            yield TimedPacket(packet, time_ns)

    def close(self) -> None:
        """Let go."""
        self._film.close()


@dataclass(frozen=True)
class KeptOpener:
    """Opens one stretch of a camera's footage (`edge.jobs.live.live_encoder.Openable`).

    Args:
        player: The footage.
        camera: Whose.
        from_ns: Begin, UTC nanoseconds; it starts at the key frame before.
        to_ns: End.
        clock: Monotonic time.
        pause: Waits some seconds.
    """

    player: Player
    camera: str
    from_ns: int
    to_ns: int
    clock: Clock
    pause: Callable[[float], None]

    def open(self) -> RecordedStream:
        """Open it.

        Raises:
            FootageError: An unknown camera, an absurd range, or nothing there.
            RedactionError: It cannot be read.
        """
        first_ns = self.player.begins_ns(self.camera, self.from_ns, self.to_ns)
        film = film_of_pieces(lambda: self.player.play(self.camera, self.from_ns, self.to_ns, _skip), self.camera)()
        return RecordedStream(film, first_ns, self.clock, self.pause)


def _skip(_segment: str, _problem: str) -> None:
    """A segment that cannot be opened is left out; start-up and `footage verify` report it."""


def _nanoseconds(packet: VideoPacket, base: Fraction) -> int:
    stamp = packet.dts if packet.dts is not None else packet.pts or 0
    return int(stamp * base * SECOND_NS)
