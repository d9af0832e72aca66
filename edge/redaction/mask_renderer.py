"""The only place that makes a frame fit to be shown: covered, or black."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.frame import PictureType

from edge.media.frame_planes import FULL_RANGE, plane_array, planes
from pipelines.masks.mask_pixels import cover_planes
from pipelines.types import Box, Luma, Picture

PIXELS = {
    *("yuv420p", "yuv422p", "yuv444p", "nv12", "nv21", "gray", "rgb24", "bgr24", "rgba", "bgra", "gbrp"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "p010le", "yuv420p12le"),
    *FULL_RANGE,
}
"""Pixel formats that are known to be read rightly; a frame of any other is black."""


@dataclass(frozen=True)
class RedactedFrame:
    """A frame that may be shown. Only this module makes one; only such a one is encoded.

    Attributes:
        frame: 4:2:0.
        black: There is nothing to see, for something went wrong.
    """

    frame: av.VideoFrame
    black: bool


@dataclass(frozen=True)
class FrameFormat:
    """What all frames of a video are brought to.

    Attributes:
        width: Pixels, even.
        height: Pixels, even.
        form: `yuv420p` or, for full-range sources, `yuvj420p`.
    """

    width: int
    height: int
    form: str

    @staticmethod
    def of(frame: av.VideoFrame) -> FrameFormat:
        """As a video's first frame wants it."""
        form = "yuvj420p" if frame.format.name in FULL_RANGE else "yuv420p"
        return FrameFormat(max(2, frame.width // 2 * 2), max(2, frame.height // 2 * 2), form)


def known(frame: av.VideoFrame) -> bool:
    """Whether the frame's pixels can be read."""
    return frame.format.name in PIXELS


def paint(
    frame: av.VideoFrame, boxes: Sequence[Box], canvas: FrameFormat, random: np.random.Generator
) -> RedactedFrame:
    """The frame with the boxes covered; black where its pixels cannot be read.

    Args:
        frame: Not changed.
        boxes: Pixels of the frame.
        canvas: What comes out.
        random: Noise of the covers.
    """
    if not known(frame):
        return black(canvas)
    try:
        plain = frame if frame.format.name == canvas.form else frame.reformat(format=canvas.form)
        shown = _covered(plain, boxes, random) if boxes else plain
        if (shown.width, shown.height) != (canvas.width, canvas.height):
            shown = fitted(shown, canvas)
    except (av.error.FFmpegError, cv2.error, ValueError, MemoryError):
        return black(canvas)
    shown.pict_type = PictureType.NONE  # the encoder's own choice, not the camera's
    return RedactedFrame(shown, black=False)


def black(canvas: FrameFormat) -> RedactedFrame:
    """Nothing to see."""
    frame = av.VideoFrame(canvas.width, canvas.height, canvas.form)
    for plane, level in zip(planes(frame), (0 if canvas.form in FULL_RANGE else 16, 128, 128), strict=True):
        plane[...] = level
    return RedactedFrame(frame, black=True)


def small_picture(frame: av.VideoFrame, long_side: int) -> Picture:
    """A frame as detectors want it, BGR, its longer side at most `long_side` pixels.

    Raises:
        ValueError: Its pixel format cannot be converted.
    """
    scale = min(1.0, long_side / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    try:
        return np.asarray(frame.reformat(width=width, height=height, format="bgr24").to_ndarray(), np.uint8)
    except av.error.FFmpegError as error:
        raise ValueError(f"pixel format {frame.format.name} cannot be converted") from error


def small_luma(frame: av.VideoFrame, width: int = 160) -> Luma:
    """A frame's brightness at a low resolution; of a format without a plane of it, all zeros and never the same."""
    if frame.format.name not in ("yuv420p", *FULL_RANGE, "yuv422p", "yuv444p", "nv12", "nv21", "gray"):
        return np.zeros((0, 0), np.uint8)
    height = max(1, round(frame.height * width / frame.width))
    luma = plane_array(frame.planes[0], frame.width, frame.height)
    return np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _covered(frame: av.VideoFrame, boxes: Sequence[Box], random: np.random.Generator) -> av.VideoFrame:
    """A copy, for the decoder still needs its own frame to predict the next ones."""
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    copied = planes(copy)
    for target, source in zip(copied, planes(frame), strict=True):
        target[...] = source
    cover_planes(copied, boxes, random)
    return copy


def fitted(frame: av.VideoFrame, canvas: FrameFormat) -> av.VideoFrame:
    """A frame of another size, whole, with black beside it where its shape differs; one odd line or row is trimmed."""
    scale = min(canvas.width / frame.width, canvas.height / frame.height)
    width, height = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
    width, height = min(width, canvas.width), min(height, canvas.height)
    scaled = frame.reformat(width=width, height=height)
    if (width, height) == (canvas.width, canvas.height):
        return scaled
    ground = black(canvas).frame
    left, top = (canvas.width - width) // 4 * 2, (canvas.height - height) // 4 * 2
    for number, (target, source) in enumerate(zip(planes(ground), planes(scaled), strict=True)):
        part = 2 if number else 1
        rows, columns = source.shape
        target[top // part : top // part + rows, left // part : left // part + columns] = source
    return ground
