"""Frames as players show them: turned or mirrored as the stream says, and with square pixels.

Cameras that are mounted sideways tell of it in the stream (display orientation, ITU-T H.264 and H.265 annex D), files
in their track header; pictures of a standard resolution such as 704x576 have pixels that are not square.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from numpy.typing import NDArray

from edge.media.frame_planes import FULL_RANGE, planes

_Plane = NDArray[np.uint8]
MOST_ASPECT = 4
"""Pixels that are longer than this are a mistake of the stream's."""
_SLIGHT = 0.02


def orientation(frame: av.VideoFrame) -> bytes:
    """The stream's display matrix, nine 32-bit numbers; empty: there is none."""
    found = _side_data(frame).get(Type.DISPLAYMATRIX)
    return bytes(found) if found is not None else b""


def quarter(matrix: bytes) -> bool:
    """Whether width and height change places."""
    a, b, c, d = _turn(matrix)
    return abs(b) + abs(c) > abs(a) + abs(d)


def upright(frame: av.VideoFrame, matrix: bytes = b"") -> av.VideoFrame:
    """The frame turned and mirrored as its stream says; itself where that is nothing.

    Args:
        frame: Not changed.
        matrix: For a frame without one of its own.
    """
    move = _MOVES.get(_signs(orientation(frame) or matrix))
    if move is None:
        return frame
    full = frame.format.name in FULL_RANGE
    try:
        plain = frame.reformat(format="yuvj420p" if full else "yuv420p")
        sources = [move(plane) for plane in planes(plain)]
        made = av.VideoFrame(sources[0].shape[1], sources[0].shape[0], plain.format.name)
        for target, source in zip(planes(made), sources, strict=True):
            target[...] = source
    except (ValueError, av.error.FFmpegError):
        return frame  # a format that cannot be converted: it becomes black further on
    made.pts, made.time_base = frame.pts, frame.time_base
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    made.color_primaries, made.color_trc = frame.color_primaries, frame.color_trc
    return made


def aspect_of(aspect: Fraction | None, matrix: bytes) -> Fraction:
    """Width over height of a pixel of the upright frame; 1 where nothing or nothing sensible is said.

    >>> aspect_of(Fraction(16, 11), b"")
    Fraction(16, 11)
    """
    if aspect is None or not Fraction(1, MOST_ASPECT) <= aspect <= MOST_ASPECT:
        return Fraction(1)
    return 1 / aspect if quarter(matrix) else aspect


def shown(frame: av.VideoFrame, aspect: Fraction | None, matrix: bytes = b"") -> av.VideoFrame:
    """The frame upright and with square pixels, the shorter side stretched; itself where it is so already.

    Args:
        frame: Not changed.
        aspect: Width over height of its pixels; None: not known.
        matrix: For a frame without a display matrix of its own.
    """
    if not matrix and _is_square(aspect) and not len(_side_data(frame)):
        return frame  # nearly all frames: nothing else is worked out for them
    matrix = orientation(frame) or matrix
    turned, wide = upright(frame, matrix), aspect_of(aspect, matrix)
    if abs(wide - 1) < _SLIGHT:
        return turned
    width = round(turned.width * max(wide, Fraction(1)) / 2) * 2
    height = round(turned.height / min(wide, Fraction(1)) / 2) * 2
    try:
        square = turned.reformat(width=width, height=height)
    except (ValueError, av.error.FFmpegError):
        return turned
    square.pts, square.time_base = frame.pts, frame.time_base
    return square


def _side_data(frame: av.VideoFrame) -> Mapping[Type, bytes]:
    """A frame's side data, as an object that the frame does not refer to.

    `frame.side_data` keeps its object in the frame, and that object refers to the frame. Such a frame, with its pixels,
    is freed only when the garbage collector runs: each decoder then held 40 frames instead of one or two.
    """
    return cast(Mapping[Type, bytes], SideDataContainer(frame))  # type: ignore[call-arg]  # its annotation says less


def _is_square(aspect: Fraction | None) -> bool:
    return aspect is None or aspect.numerator == aspect.denominator


def _turn(matrix: bytes) -> tuple[int, int, int, int]:
    """What becomes of a step to the right and of one down: (a, b) and (c, d)."""
    if len(matrix) != 36:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
    return a, b, c, d


def _signs(matrix: bytes) -> tuple[int, int, int, int]:
    a, b, c, d = _turn(matrix)
    if quarter(matrix):
        return 0, 1 if b > 0 else -1, 1 if c > 0 else -1, 0
    return 1 if a >= 0 else -1, 0, 0, 1 if d >= 0 else -1


_MOVES: dict[tuple[int, int, int, int], Callable[[_Plane], _Plane]] = {
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda plane: np.rot90(plane, 2),
    (0, 1, -1, 0): lambda plane: np.rot90(plane, -1),
    (0, -1, 1, 0): lambda plane: np.rot90(plane, 1),
    (0, 1, 1, 0): np.transpose,
    (0, -1, -1, 0): lambda plane: np.rot90(np.transpose(plane), 2),
}
"""Signs of the matrix → what turns a plane; none for what is upright."""
