"""Drops the frames before the requested start: a video starts at the key frame before it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from edge.redaction.video_reader import VideoFrame


class LeadTrimmer:
    """The frames from a time on; the last frame before it is moved to that time.

    Args:
        skip_s: Seconds after the video's first picture; 0: all frames.
        base: Unit of time stamps, seconds.
    """

    def __init__(self, skip_s: Fraction, base: Fraction) -> None:
        self._skip = round(skip_s / base)
        self._begin: int | None = None
        self._last_before: VideoFrame | None = None
        self.begun = self._skip <= 0

    def take(self, shot: VideoFrame) -> Iterator[tuple[VideoFrame, int | None]]:
        """The frames to output, with their time stamps, after the next frame in order."""
        pts = shot.frame.pts
        if self.begun or pts is None:
            if self.begun:
                yield shot, pts
            return
        self._begin = pts + self._skip if self._begin is None else self._begin
        if pts < self._begin:
            self._last_before = shot
            return
        if pts > self._begin:
            yield from self.rest()
        self.begun = True
        yield shot, pts

    def rest(self) -> Iterator[tuple[VideoFrame, int | None]]:
        """The last frame before the start, if no frame has been output."""
        held, self._last_before = self._last_before, None
        if held is not None and not self.begun:
            self.begun = True
            yield held, self._begin
