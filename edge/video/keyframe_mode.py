"""Economy mode: while nothing moves only key frames are decoded, and what came between is kept until the next one.

When a key frame shows that something moved since the last one, the packets in between are decoded after all, with the
times at which they came, so that an event tells when it really happened. Then everything is decoded until it has been
quiet for `QUIET_S`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from common.clock import SECOND_NS
from edge.sources.base import TimedPacket
from pipelines.motion_detector import MotionDetector
from pipelines.types import Luma

QUIET_S = 4.0
MAX_PACKETS = 600
MAX_BYTES = 16_000_000


@dataclass
class KeyframeMode:
    """What one camera keeps while it sleeps. Single-threaded.

    Attributes:
        awake: Everything is decoded.
        overflows: Groups that were too large to keep; what happened in them is seen late.
        woken: How often it woke up.
    """

    awake: bool = False
    overflows: int = 0
    woken: int = 0
    _gate: MotionDetector = field(default_factory=MotionDetector)
    _group: list[TimedPacket] = field(default_factory=list)
    _bytes: int = 0
    _busy_ns: int = 0
    _complete: bool = True

    def keep(self, arrival: TimedPacket) -> None:
        """Keep a packet; a key frame starts a new group (`take` empties the old one first)."""
        packet = arrival.packet
        if packet.is_keyframe:
            self._group, self._bytes, self._complete = [], 0, True
        self._bytes += packet.size
        if len(self._group) >= MAX_PACKETS or self._bytes > MAX_BYTES:
            self.overflows += self._complete
            self._complete = False
            self._group = self._group[:1]
        if self._complete:
            self._group.append(arrival)

    def stirs(self, grid: Luma, time_ns: int) -> bool:
        """Whether a key frame shows that something moved since the last one.

        Args:
            grid: Luma at the gate's resolution.
            time_ns: Of the key frame.
        """
        return bool(self._gate.look(grid, time_ns).regions)

    def wake(self, time_ns: int) -> list[TimedPacket]:
        """Wake up; returns the packets since the last key frame, that one first."""
        self.awake, self._busy_ns, self.woken = True, time_ns, self.woken + 1
        group, self._group, self._bytes = self._group, [], 0
        return group

    def rest(self, busy: bool, time_ns: int) -> None:
        """Told after every picture while awake; falls asleep when it has been quiet."""
        if busy or time_ns < self._busy_ns:
            self._busy_ns = time_ns
        elif time_ns - self._busy_ns > QUIET_S * SECOND_NS:
            self.awake = False
            self._gate = MotionDetector()
            self._group, self._bytes, self._complete = [], 0, False
