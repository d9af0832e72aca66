"""One coded picture, as every output of video takes it."""

from __future__ import annotations

from typing import NamedTuple


class AccessUnit(NamedTuple):
    """A coded picture of a redacted live view.

    Attributes:
        units: Its NAL units without start codes and lengths; of a key picture, SPS and PPS come first.
        key: It can be decoded by itself.
        time_90khz: When it is shown, in ticks of 1/90,000 s since the stream began.
        wall_ns: When the picture was taken, wall clock of the box, nanoseconds.
    """

    units: tuple[bytes, ...]
    key: bool
    time_90khz: int
    wall_ns: int
