"""Leaves out what a film holds before its first picture that was asked for: films begin with a key frame before it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from edge.redaction.video_reader import VideoFrame


class Cut:
    """The shots from a time on; the picture that stands at that time is moved to it.

    Args:
        skip_s: Seconds after the film's first picture; 0: all of it.
        base: Unit of time stamps, seconds.
    """

    def __init__(self, skip_s: Fraction, base: Fraction) -> None:
        self._skip = round(skip_s / base)
        self._begin: int | None = None
        self._held: VideoFrame | None = None
        self.begun = self._skip <= 0

    def take(self, shot: VideoFrame) -> Iterator[tuple[VideoFrame, int | None]]:
        """What is to be shown, and when, once this shot has come, which follows the others."""
        pts = shot.frame.pts
        if self.begun or pts is None:
            if self.begun:
                yield shot, pts
            return
        self._begin = pts + self._skip if self._begin is None else self._begin
        if pts < self._begin:
            self._held = shot
            return
        if pts > self._begin:
            yield from self.rest()
        self.begun = True
        yield shot, pts

    def rest(self) -> Iterator[tuple[VideoFrame, int | None]]:
        """The picture that stands where the film begins, where none has been shown yet."""
        held, self._held = self._held, None
        if held is not None and not self.begun:
            self.begun = True
            yield held, self._begin
