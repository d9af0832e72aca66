"""The mark of a clear copy: release id and case, all over the picture, moving slowly.

Only this module makes a frame that may be encoded without being covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import cv2
import numpy as np

from common.errors import RedactionError
from edge.media.frame_planes import planes
from edge.redaction.mask_renderer import FrameFormat, black, fitted, known
from pipelines.types import Luma

INK, EDGE, STRENGTH = 235, 16, 0.7
ROWS = 4
"""Lines of it in a picture's height, about: no crop of a quarter of the picture is without."""
WIDTH, FONT = 0.75, cv2.FONT_HERSHEY_SIMPLEX
DRIFT = (0.023, 0.017)
"""Of the picture's width and height, a second: what stands still for a while is marked in several places."""


@dataclass(frozen=True)
class WatermarkedFrame:
    """A frame that bears the mark. Only this module makes one.

    Attributes:
        frame: 4:2:0.
        black: Its pixels could not be read.
    """

    frame: av.VideoFrame
    black: bool


class Watermarker:
    """Marks the frames of one copy.

    Args:
        canvas: The size that all frames are scaled to.
        words: What the mark says, a line each; what is not ASCII shows as `?`.
    """

    def __init__(self, canvas: FrameFormat, words: tuple[str, ...]) -> None:
        self._canvas = canvas
        lines = [word.encode("ascii", "replace").decode() for word in words]
        self._ink, self._mask = _pattern(_label(canvas, lines), canvas)
        self._step = self._mask.shape[0] - canvas.height, self._mask.shape[1] - canvas.width

    def mark(self, frame: av.VideoFrame, seconds: float) -> WatermarkedFrame:
        """The frame, marked; not changed itself, for the decoder still needs it.

        Args:
            frame: As it was decoded.
            seconds: When it is shown, from the copy's beginning.

        Raises:
            RedactionError: It cannot be scaled to the canvas.
        """
        canvas, dark = self._canvas, not known(frame)
        try:
            plain = black(canvas).frame if dark else frame.reformat(format=canvas.form)
            if (plain.width, plain.height) != (canvas.width, canvas.height):
                plain = fitted(plain, canvas)
            made = av.VideoFrame(canvas.width, canvas.height, canvas.form)
            for target, source in zip(planes(made), planes(plain), strict=True):
                target[...] = source
        except (av.error.FFmpegError, cv2.error, ValueError, MemoryError) as error:
            raise RedactionError(f"a frame cannot be marked: {type(error).__name__}") from error
        luma = planes(made)[0]
        luma[...] = self._over(np.ascontiguousarray(luma), seconds)
        made.pts, made.time_base = frame.pts, frame.time_base
        return WatermarkedFrame(made, dark)

    def where(self, seconds: float) -> Luma:
        """Where the mark is at a time: non-zero there, height x width."""
        return self._cut(self._mask, seconds)

    def _over(self, luma: Luma, seconds: float) -> Luma:
        mixed = cv2.addWeighted(luma, 1 - STRENGTH, self._cut(self._ink, seconds), STRENGTH, 0)
        return np.asarray(cv2.copyTo(mixed, self._cut(self._mask, seconds), luma), np.uint8)

    def _cut(self, pattern: Luma, seconds: float) -> Luma:
        height, width = self._canvas.height, self._canvas.width
        left = int(seconds * DRIFT[0] * width) % self._step[1]
        top = int(seconds * DRIFT[1] * height) % self._step[0]
        return np.ascontiguousarray(pattern[top : top + height, left : left + width])


def _label(canvas: FrameFormat, lines: list[str]) -> tuple[Luma, Luma]:
    """Ink and mask of the words, as large as the picture allows."""
    (widest, tall), below = max((cv2.getTextSize(line, FONT, 1.0, 2) for line in lines), key=lambda it: it[0][0])
    scale = min(WIDTH * canvas.width / max(1, widest), canvas.height / ROWS / (3.2 * (tall + below) * len(lines)) * 2)
    thick = max(1, round(scale * 1.6))
    line_px = max(6, int((tall + below) * scale * 1.35) + thick)
    width = int(widest * scale) + 4 * thick + 4
    text = np.zeros((line_px * len(lines) + 2 * thick, width), np.uint8)
    for number, line in enumerate(lines, 1):
        at = (2 * thick, line_px * number - int(below * scale) - thick)
        cv2.putText(text, line, at, FONT, scale, (255,), thick, cv2.LINE_8)
    ink = np.where(text > 0, INK, EDGE).astype(np.uint8)
    mask = np.asarray(cv2.dilate(text, np.ones((2 * thick + 1, 2 * thick + 1), np.uint8)), np.uint8)
    return ink, mask


def _pattern(label: tuple[Luma, Luma], canvas: FrameFormat) -> tuple[Luma, Luma]:
    """Both, repeated: a picture and one tile more, so that each cut of the picture's size lies within."""
    height = max(label[0].shape[0] + 2, canvas.height // ROWS)
    width = max(label[0].shape[1] + 2, canvas.width // 2)
    made = []
    for part in label:
        tile = np.zeros((height, width), np.uint8)
        tile[: part.shape[0], : part.shape[1]] = part
        times = (canvas.height // height + 2, canvas.width // width + 2)
        made.append(np.tile(tile, times)[: canvas.height + height, : canvas.width + width])
    return made[0], made[1]
