"""The time of a packet: its arrival time, smoothed by the camera's time stamps where both agree. Pure.

Time stamps of cameras run too fast or too slowly, jump, repeat and come in other units than announced; the monotonic
arrival time does not, but has the network's jitter. A stamp's step is used as long as it keeps the packet near its
arrival.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import msgspec

from common.clock import SECOND_NS

TICKS = 90_000
GAP_NS = SECOND_NS
"""Shorter interruptions are not gaps."""
SILENT_NS = 5 * SECOND_NS
"""A camera that sends several pictures a second counts as silent after this long without one."""
UNKNOWN_NS = 7200 * SECOND_NS
"""The same for a camera whose interval is not known yet: it may send one picture an hour."""
FAR_NS = 2 * SECOND_NS // 5
"""No packet is placed further from its arrival. With `segment_recorder.JITTER_NS`, a recorded
time is less than 1 s from the arrival."""
_SMOOTH_NS = 2 * SECOND_NS
"""The difference to the arrival is reduced over about this time."""
_LONGEST_FRAME = 2 * TICKS
_INTERVALS = 16
_LEAST = 4
"""Minimum number of known intervals: the first of a connection are often short, since buffered packets come at once."""
_TICK_NS = SECOND_NS // TICKS + 1


class RecordedPacket(msgspec.Struct, frozen=True, gc=False):
    """One packet for the writer.

    Attributes:
        camera: The camera's id.
        data: The packet's bytes.
        pts: In `time_base`, or None.
        dts: In `time_base`, or None.
        time_base: Seconds.
        key: A key frame.
        wall_ns: Wall clock of its arrival, UTC nanoseconds.
        mono_ns: Monotonic clock of its arrival.
        codec: `h264` or `hevc`.
        extradata: The stream's configuration.
        session: Number of the connection; a new number means a new stream.
    """

    camera: str
    data: bytes
    pts: int | None
    dts: int | None
    time_base: Fraction
    key: bool
    wall_ns: int
    mono_ns: int
    codec: str
    extradata: bytes
    session: int


@dataclass(frozen=True)
class TimelinePosition:
    """Position of a packet in time.

    Attributes:
        step: Ticks after the previous packet in decoding order; None: a new range starts here.
        presentation_offset: Ticks from decoding to presentation (B frames).
        at_ns: Monotonic time of the packet, at most `FAR_NS` from its arrival.
        missing_ns: Missing time before it inside a range, if no packet arrived for over a second; else 0.
    """

    step: int | None
    presentation_offset: int
    at_ns: int
    missing_ns: int = 0


class Timeline:
    """The timeline of one camera.

    Attributes:
        frame: Average ticks between packets; at most two seconds.
    """

    def __init__(self) -> None:
        self.frame = TICKS // 25
        self._session, self._at_ns, self._mono_ns = -1, -SECOND_NS, 0
        self._stamp_ns: int | None = None
        self._intervals: deque[int] = deque(maxlen=_INTERVALS)

    @property
    def interval_ns(self) -> int | None:
        """The camera's longest recent interval except one outlier; None: not known."""
        return sorted(self._intervals)[-2] if len(self._intervals) >= _LEAST else None

    @property
    def silent_ns(self) -> int:
        """Time without a packet after which the camera counts as silent.

        >>> Timeline().silent_ns == UNKNOWN_NS
        True
        """
        known = self.interval_ns
        return UNKNOWN_NS if known is None else max(SILENT_NS, known * 5 // 2)

    def place(self, packet: RecordedPacket) -> TimelinePosition:
        """The position of one packet."""
        stamp, presentation_offset = self._stamps(packet)
        since_arrival_ns = max(0, packet.mono_ns - self._mono_ns)
        same = packet.session == self._session
        step_ns = stamp - self._stamp_ns if stamp is not None and self._stamp_ns is not None else since_arrival_ns
        self._session, self._mono_ns, self._stamp_ns = packet.session, packet.mono_ns, stamp
        before_ns = self._at_ns
        if not same:
            self._at_ns = max(packet.mono_ns, before_ns + _TICK_NS)
            return TimelinePosition(None, presentation_offset, self._at_ns)
        silent, late = since_arrival_ns > self.silent_ns, self._late(since_arrival_ns)
        at_ns = packet.mono_ns if silent or late else self._smooth(packet.mono_ns, since_arrival_ns, step_ns)
        self._at_ns = max(at_ns, before_ns + _TICK_NS)
        first = not self._intervals
        self._intervals.append(since_arrival_ns)
        if silent:
            return TimelinePosition(None, presentation_offset, self._at_ns)
        step = _ticks(self._at_ns) - _ticks(before_ns)
        if late:
            return TimelinePosition(
                step, presentation_offset, self._at_ns, self._at_ns - before_ns - self.frame * SECOND_NS // TICKS
            )
        average = step if first else (7 * self.frame + step + 4) // 8
        self.frame = max(1, min(_LONGEST_FRAME, average))
        return TimelinePosition(step, presentation_offset, self._at_ns)

    def _late(self, since_arrival_ns: int) -> bool:
        known = self.interval_ns
        return known is not None and since_arrival_ns - self.frame * SECOND_NS // TICKS > max(GAP_NS, known * 3 // 2)

    def _smooth(self, mono_ns: int, since_arrival_ns: int, step_ns: int) -> int:
        """The packet's time by its stamp's step, or by its arrival where they disagree."""
        if not 0 < step_ns <= since_arrival_ns + GAP_NS or abs(self._at_ns + step_ns - mono_ns) > FAR_NS:
            step_ns = since_arrival_ns
        at_ns = self._at_ns + step_ns
        at_ns -= (at_ns - mono_ns) * min(step_ns, _SMOOTH_NS) // _SMOOTH_NS
        return min(max(at_ns, mono_ns - FAR_NS), mono_ns + FAR_NS)

    def _stamps(self, packet: RecordedPacket) -> tuple[int | None, int]:
        """The decoding time in nanoseconds, if set, and the ticks from decoding to presentation."""
        base = packet.time_base
        stamp = packet.dts if packet.dts is not None else packet.pts
        stamp_ns = None if stamp is None else stamp * base.numerator * SECOND_NS // base.denominator
        if packet.pts is None or packet.dts is None:
            return stamp_ns, 0
        presentation_offset = (packet.pts - packet.dts) * base.numerator * TICKS // base.denominator
        return stamp_ns, presentation_offset if 0 < presentation_offset <= max(TICKS, 5 * self.frame) else 0


def _ticks(time_ns: int) -> int:
    return (time_ns * TICKS + SECOND_NS // 2) // SECOND_NS
