"""Where a packet stands in time: the camera's time stamps inside a stretch, the monotonic clock across. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import msgspec

from common.clock import SECOND_NS

TICKS = 90_000
GAP_NS = SECOND_NS
"""Shorter holes are not gaps."""
_FRAME = TICKS // 25


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
    """

    step: int | None
    shown: int


class Timeline:
    """One camera's."""

    def __init__(self) -> None:
        self.frame = _FRAME
        self._session, self._dts = -1, 0
        self._up, self._down = 1, 1

    def place(self, item: Item) -> Place:
        """Put one packet where it belongs. A step back by less than a second is a stamp that shook: one tick on."""
        same = item.session == self._session
        if not same:
            self._up, self._down = item.time_base.numerator * TICKS, item.time_base.denominator
        unset = item.dts is None and same  # FFmpeg leaves it unset where it cannot tell: a frame after the last
        stamp = item.dts if item.dts is not None else item.pts or 0
        dts = self._dts + self.frame if unset else self._ticks(stamp)
        shown = max(0, self._ticks(item.pts) - dts) if item.pts is not None and item.dts is not None else 0
        step, first = dts - self._dts, self._session == -1
        self._session, self._dts = item.session, dts
        shown = shown if shown < 5 * TICKS else 0
        if first or not same:
            return Place(None, shown)
        if -TICKS < step <= 0:
            self._dts = dts - step + 1
            return Place(1, shown)
        if 0 < step <= TICKS:
            self.frame = step
            return Place(step, shown)
        return Place(None, shown)

    def _ticks(self, stamp: int) -> int:
        return (stamp * self._up + self._down // 2) // self._down
