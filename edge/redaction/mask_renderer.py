"""Renders masks. The only module that creates a `RedactedFrame`: masked, or black."""

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
"""Supported pixel formats; a frame of any other is black."""


@dataclass(frozen=True)
class RedactedFrame:
    """A redacted frame. Only this module creates one; only redacted frames are encoded.

    Attributes:
        frame: 4:2:0.
        black: The frame is black because redaction failed.
    """

    frame: av.VideoFrame
    black: bool


@dataclass(frozen=True)
class FrameFormat:
    """Size and pixel format of all frames of a video.

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
        """The format for a video's first frame."""
        form = "yuvj420p" if frame.format.name in FULL_RANGE else "yuv420p"
        return FrameFormat(max(2, frame.width // 2 * 2), max(2, frame.height // 2 * 2), form)


def known(frame: av.VideoFrame) -> bool:
    """Whether the frame's pixels can be read."""
    return frame.format.name in PIXELS


def paint(
    frame: av.VideoFrame, boxes: Sequence[Box], canvas: FrameFormat, random: np.random.Generator
) -> RedactedFrame:
    """The frame with masked boxes; black if its pixel format is not supported.

    Args:
        frame: Not changed.
        boxes: Pixels of the frame.
        canvas: Output format.
        random: Generator of the masks' noise.
    """
    if not known(frame):
        return black(canvas)
    try:
        plain = frame if frame.format.name == canvas.form else frame.reformat(format=canvas.form)
        masked = _mask_boxes(plain, boxes, random) if boxes else plain
        if (masked.width, masked.height) != (canvas.width, canvas.height):
            masked = fitted(masked, canvas)
    except (av.error.FFmpegError, cv2.error, ValueError, MemoryError):
        return black(canvas)
    masked.pict_type = PictureType.NONE  # the encoder's own choice, not the camera's
    return RedactedFrame(masked, black=False)


def black(canvas: FrameFormat) -> RedactedFrame:
    """A black frame."""
    frame = av.VideoFrame(canvas.width, canvas.height, canvas.form)
    for plane, level in zip(planes(frame), (0 if canvas.form in FULL_RANGE else 16, 128, 128), strict=True):
        plane[...] = level
    return RedactedFrame(frame, black=True)


def small_picture(frame: av.VideoFrame, long_side: int) -> Picture:
    """A frame as detector input, BGR, its longer side at most `long_side` pixels.

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


def _mask_boxes(frame: av.VideoFrame, boxes: Sequence[Box], random: np.random.Generator) -> av.VideoFrame:
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
