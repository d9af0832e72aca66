"""What happened while a video was covered."""

from __future__ import annotations

import msgspec


class UsedModel(msgspec.Struct, frozen=True):
    """A model by its name and bytes."""

    name: str
    sha256: str


class Counts(msgspec.Struct):
    """Counters of one video; they stand in its manifest.

    Attributes:
        frames: Written, black ones among them.
        looks: Frames in which was searched.
        unchanged: Frames that were not searched, for nothing had changed since the last frame.
        covers: Boxes that were covered, over all frames.
        black: Frames that are black, for one of the reasons below.
        failed_looks: Searches that failed.
        timed_out: Searches that took too long.
        unknown_pixels: Frames in a pixel format that is not known.
        corrupt: Frames that the decoder calls damaged.
        disagreed: Frames that were not the same in both passes.
        undecodable: Packets that gave no picture; they leave a hole in time.
        ended_early: The file breaks off.
        sound_packets: Copied, where asked for.
    """

    frames: int = 0
    looks: int = 0
    unchanged: int = 0
    covers: int = 0
    black: int = 0
    failed_looks: int = 0
    timed_out: int = 0
    unknown_pixels: int = 0
    corrupt: int = 0
    disagreed: int = 0
    undecodable: int = 0
    ended_early: bool = False
    sound_packets: int = 0
