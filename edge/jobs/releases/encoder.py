"""Marked frames into H.264 in a fragmented MP4: the one place beside `edge/redaction/encoder.py` that encodes videos.

It takes nothing but frames that bear the mark of a release; only `edge/jobs/releases/release_builder.py` has one made.
"""

from __future__ import annotations

from fractions import Fraction

import av

from common.errors import RedactionError
from edge.jobs.releases.watermark import WatermarkedFrame
from edge.redaction.encoder import FRAGMENTS, LARGE_PX, SPEED, Origin, Writable
from edge.redaction.mask_renderer import FrameFormat

QUALITY = "18"
"""x264's rate factor: better than what is covered, for it is looked at closely."""


class MarkedEncoder:
    """Writes one clear copy.

    Args:
        target: Takes the bytes.
        canvas: Size and form of all frames.
        origin: What the frames are like.

    Raises:
        RedactionError: It cannot be written.
    """

    def __init__(self, target: Writable, canvas: FrameFormat, origin: Origin) -> None:
        self._base, self._first, self._last = origin.base, 0, -1
        try:
            self._out = av.open(target, "w", format="mp4", options=FRAGMENTS)
            self._video = self._out.add_stream("libx264", rate=Fraction(origin.rate).limit_denominator(1001))
            context = self._video.codec_context
            context.width, context.height, context.pix_fmt = canvas.width, canvas.height, canvas.form
            context.time_base = self._video.time_base = origin.base
            context.options = {"preset": SPEED, "crf": QUALITY, "a53cc": "0", "threads": "2"}
            if canvas.width * canvas.height > LARGE_PX:
                context.options |= {"rc-lookahead": "4", "bf": "0", "sync-lookahead": "0"}  # memory
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = origin.colours
            context.sample_aspect_ratio = origin.aspect
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise RedactionError(f"cannot be written: {error}") from error

    def put(self, marked: WatermarkedFrame) -> None:
        """Write a frame; its stamp counts, moved up where it does not rise.

        Raises:
            RedactionError: It cannot be written.
        """
        frame = marked.frame
        if self._last < 0:
            self._first = frame.pts or 0
        step = max(1, round(1 / (self._base * Fraction(self._video.average_rate or 15))))
        shown = self._last + step if frame.pts is None else frame.pts - self._first
        self._last = frame.pts = max(shown, self._last + 1)
        frame.time_base = self._base
        self._mux(frame)

    def close(self) -> None:
        """Write the rest.

        Raises:
            RedactionError: It cannot be written.
        """
        if self._last >= 0:
            self._mux(None)
        try:
            self._out.close()
        except (av.error.FFmpegError, OSError) as error:
            raise RedactionError(f"cannot be written: {error}") from error

    def abandon(self) -> None:
        """Let go of what will be thrown away."""
        try:
            self._out.close()
        except (av.error.FFmpegError, OSError, ValueError):
            return

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            self._out.mux(self._video.encode(frame))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise RedactionError(f"cannot be written: {error}") from error
