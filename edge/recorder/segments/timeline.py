"""Where a packet stands in time: when it arrived, made even by the camera's time stamps where both agree. Pure.

Time stamps of cameras run too fast or too slowly, jump, repeat and come in other units than were announced; the
monotonic clock of arrival does none of that, but shakes with the network. A stamp's step is taken as long as it keeps
the packet near its arrival.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import msgspec

from common.clock import SECOND_NS

TICKS = 90_000
GAP_NS = SECOND_NS
"""Shorter holes are not gaps."""
SILENT_NS = 5 * SECOND_NS
"""A camera that sends several pictures a second is silent after this long without one."""
UNKNOWN_NS = 7200 * SECOND_NS
"""The same for a camera whose interval is not known yet: it may be one that sends a picture an hour."""
FAR_NS = 2 * SECOND_NS // 5
"""No packet is placed further from its arrival. With `track.JITTER_NS` a label is less than 1 s from the arrival."""
_SMOOTH_NS = 2 * SECOND_NS
"""The distance from the arrival is worked off over about this time."""
_LONGEST_FRAME = 2 * TICKS
_INTERVALS = 16
_LEAST = 4
"""So many intervals must be known: the first of a connection are often short, since what waited comes at once."""
_TICK_NS = SECOND_NS // TICKS + 1


class Item(msgspec.Struct, frozen=True, gc=False):
    """One packet as the writer gets it.

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
        session: Counts the connections: another number, another stream.
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
class Place:
    """Where the packet belongs.

    Attributes:
        step: Ticks after the packet before it in decoding order; None: what follows is another stretch.
        shown: Ticks that it is shown after its decoding time (B frames).
        at_ns: Monotonic time of the packet, at most `FAR_NS` from its arrival.
        missing_ns: How much longer than a second nothing arrived before it, inside a stretch; 0: nothing is missing.
    """

    step: int | None
    shown: int
    at_ns: int
    missing_ns: int = 0


class Timeline:
    """One camera's.

    Attributes:
        frame: Ticks from one packet to the next, about; at most two seconds.
    """

    def __init__(self) -> None:
        self.frame = TICKS // 25
        self._session, self._at_ns, self._mono_ns = -1, -SECOND_NS, 0
        self._stamp_ns: int | None = None
        self._intervals: deque[int] = deque(maxlen=_INTERVALS)

    @property
    def interval_ns(self) -> int | None:
        """The camera's own longest interval of late; None: not known. One interval that is longer is no habit."""
        return sorted(self._intervals)[-2] if len(self._intervals) >= _LEAST else None

    @property
    def silent_ns(self) -> int:
        """Without a packet for longer than this the camera is silent.

        >>> Timeline().silent_ns == UNKNOWN_NS
        True
        """
        known = self.interval_ns
        return UNKNOWN_NS if known is None else max(SILENT_NS, known * 5 // 2)

    def place(self, item: Item) -> Place:
        """Put one packet where it belongs."""
        stamp, shown = self._stamps(item)
        came_ns = max(0, item.mono_ns - self._mono_ns)
        same = item.session == self._session
        step_ns = stamp - self._stamp_ns if stamp is not None and self._stamp_ns is not None else came_ns
        self._session, self._mono_ns, self._stamp_ns = item.session, item.mono_ns, stamp
        before_ns = self._at_ns
        if not same:
            self._at_ns = max(item.mono_ns, before_ns + _TICK_NS)
            return Place(None, shown, self._at_ns)
        silent, late = came_ns > self.silent_ns, self._late(came_ns)
        at_ns = item.mono_ns if silent or late else self._even(item.mono_ns, came_ns, step_ns)
        self._at_ns = max(at_ns, before_ns + _TICK_NS)
        first = not self._intervals
        self._intervals.append(came_ns)
        if silent:
            return Place(None, shown, self._at_ns)
        step = _ticks(self._at_ns) - _ticks(before_ns)
        if late:
            return Place(step, shown, self._at_ns, self._at_ns - before_ns - self.frame * SECOND_NS // TICKS)
        average = step if first else (7 * self.frame + step + 4) // 8
        self.frame = max(1, min(_LONGEST_FRAME, average))
        return Place(step, shown, self._at_ns)

    def _late(self, came_ns: int) -> bool:
        known = self.interval_ns
        return known is not None and came_ns - self.frame * SECOND_NS // TICKS > max(GAP_NS, known * 3 // 2)

    def _even(self, mono_ns: int, came_ns: int, step_ns: int) -> int:
        """The packet's time by its stamp's step, or by its arrival where the two do not agree."""
        if not 0 < step_ns <= came_ns + GAP_NS or abs(self._at_ns + step_ns - mono_ns) > FAR_NS:
            step_ns = came_ns
        at_ns = self._at_ns + step_ns
        at_ns -= (at_ns - mono_ns) * min(step_ns, _SMOOTH_NS) // _SMOOTH_NS
        return min(max(at_ns, mono_ns - FAR_NS), mono_ns + FAR_NS)

    def _stamps(self, item: Item) -> tuple[int | None, int]:
        """The camera's time of decoding in nanoseconds, where it is set, and how many ticks later it is shown."""
        base = item.time_base
        stamp = item.dts if item.dts is not None else item.pts
        stamp_ns = None if stamp is None else stamp * base.numerator * SECOND_NS // base.denominator
        if item.pts is None or item.dts is None:
            return stamp_ns, 0
        shown = (item.pts - item.dts) * base.numerator * TICKS // base.denominator
        return stamp_ns, shown if 0 < shown <= max(TICKS, 5 * self.frame) else 0


def _ticks(time_ns: int) -> int:
    return (time_ns * TICKS + SECOND_NS // 2) // SECOND_NS
