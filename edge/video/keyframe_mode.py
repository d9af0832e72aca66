"""Key-frame mode: without motion only key frames are decoded; packets between them are buffered until the next one.

When a key frame shows motion since the last one, the buffered packets are decoded with their arrival times, so that
events have the right time. Then every frame is decoded until there has been no motion for `QUIET_S`.
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
    """Key-frame mode of one camera, with its packet buffer. Single-threaded.

    Attributes:
        full_decode: Every frame is decoded.
        overflows: Groups of pictures that exceeded the buffer; their events have a later time.
        activations: Number of changes to full decoding.
    """

    full_decode: bool = False
    overflows: int = 0
    activations: int = 0
    _motion_detector: MotionDetector = field(default_factory=MotionDetector)
    _buffered: list[TimedPacket] = field(default_factory=list)
    _bytes: int = 0
    _last_motion_ns: int = 0
    _is_complete: bool = True

    def buffer(self, arrival: TimedPacket) -> None:
        """Buffer a packet; a key frame starts a new group of pictures."""
        packet = arrival.packet
        if packet.is_keyframe:
            self._buffered, self._bytes, self._is_complete = [], 0, True
        self._bytes += packet.size
        if len(self._buffered) >= MAX_PACKETS or self._bytes > MAX_BYTES:
            self.overflows += self._is_complete
            self._is_complete = False
            self._buffered = self._buffered[:1]
        if self._is_complete:
            self._buffered.append(arrival)

    def has_motion(self, grid: Luma, time_ns: int) -> bool:
        """Whether a key frame shows motion since the last one.

        Args:
            grid: Luma at the motion detector's resolution.
            time_ns: Of the key frame.
        """
        return bool(self._motion_detector.update(grid, time_ns).regions)

    def enter_full_decode(self, time_ns: int) -> list[TimedPacket]:
        """Change to full decoding; returns the packets since the last key frame, that one first."""
        self.full_decode, self._last_motion_ns, self.activations = True, time_ns, self.activations + 1
        group, self._buffered, self._bytes = self._buffered, [], 0
        return group

    def maybe_leave(self, has_motion: bool, time_ns: int) -> None:
        """Call after every picture in full decoding; returns to key frames after `QUIET_S` without motion."""
        if has_motion or time_ns < self._last_motion_ns:
            self._last_motion_ns = time_ns
        elif time_ns - self._last_motion_ns > QUIET_S * SECOND_NS:
            self.full_decode = False
            self._motion_detector = MotionDetector()
            self._buffered, self._bytes, self._is_complete = [], 0, False
