"""Planes of a decoded frame as arrays, without a copy."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from pipelines.masks.mask_pixels import Planes

FULL_RANGE = ("yuvj420p", "yuvj422p", "yuvj444p")
"""Pixel formats whose brightness takes all values from 0 to 255."""


def planes(frame: av.VideoFrame) -> Planes:
    """Brightness and both colours of a 4:2:0 frame: its own memory, to be read and written."""
    y, u, v = (plane_array(plane, plane.width, plane.height) for plane in frame.planes)
    return y, u, v


def plane_array(plane: av.video.plane.VideoPlane, width: int, height: int) -> NDArray[np.uint8]:
    """One plane, height x width uint8: its own memory."""
    rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)
    return rows[: plane.line_size * height].reshape(height, plane.line_size)[:, :width]
