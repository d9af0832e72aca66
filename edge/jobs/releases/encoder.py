"""Watermarked frames into H.264 in a fragmented MP4: the one encoder beside `edge/redaction/encoder.py`.

It takes nothing but frames that bear the watermark of a release; only `edge/jobs/releases/release_builder.py` has one
made.
"""

from __future__ import annotations

from edge.jobs.releases.watermark import WatermarkedFrame
from edge.redaction.encoder import FRAGMENTS, Origin, VideoOutput, Writable
from edge.redaction.mask_renderer import FrameFormat

QUALITY = "18"
"""x264's rate factor: better than that of redacted videos, for it is looked at closely."""


class MarkedEncoder(VideoOutput):
    """Writes one unredacted copy.

    Args:
        target: Takes the bytes.
        canvas: Size and form of all frames.
        origin: What the frames are like.

    Raises:
        RedactionError: It cannot be written.
    """

    def __init__(self, target: Writable, canvas: FrameFormat, origin: Origin) -> None:
        super().__init__(target, canvas, origin, options=FRAGMENTS, codec={"crf": QUALITY})

    def put(self, marked: WatermarkedFrame) -> None:
        """Write a frame; its time stamp is moved up where it does not rise.

        Raises:
            RedactionError: It cannot be written.
        """
        self._write(marked.frame, marked.frame.pts)
