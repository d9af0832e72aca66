"""From a picture of any size to a model's input, and from its boxes back to the picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from pipelines.types import Detections, Picture

Floats = NDArray[np.float32]

MOST_KEPT_BYTES = 3 << 20
"""An input buffer up to this size is kept for reuse, one per thread and model. A larger one (from 480 x 480 pixels) is
made for each picture: its inference takes 30 ms and more, beside which the time to make it does not count."""


def check_picture(picture: Picture) -> None:
    """Refuse what is not a picture.

    Raises:
        ModelError: Not an array of H x W x 3 uint8; names what came.
    """
    if not isinstance(picture, np.ndarray):
        raise ModelError(f"picture must be an array (H, W, 3) of uint8, got {type(picture).__name__}")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ModelError(f"picture must be (H, W, 3) of uint8, got {picture.shape} of {picture.dtype}")


@dataclass(frozen=True)
class Preparation:
    """How pixels become numbers: (pixel - mean) x scale, channels in the order `planes` picks from BGR.

    Attributes:
        mean: Per channel, in the model's order.
        scale: One for all channels.
        planes: (0, 1, 2) leaves BGR, (2, 1, 0) makes RGB.
        pad: Value of the padding after all that.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    planes: tuple[int, int, int] = (0, 1, 2)
    pad: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether pixels go in as they are."""
        return self.scale == 1.0 and not any(self.mean)


class ModelInput(NamedTuple):
    """A model's input: `blob` 1 x 3 x H x W float32, and input pixels per picture pixel in x and y."""

    blob: Floats
    ratio_x: float
    ratio_y: float


class _Buffer:
    """An input whose padding is written only when the sizes of input or picture change."""

    def __init__(self) -> None:
        self._memory: Floats = np.empty(0, np.float32)
        self._filled: tuple[int, ...] = ()

    def blob(self, outer: tuple[int, int], inner: tuple[int, int], pad: float) -> Floats:
        """An input of `outer` pixels (width, height), padded outside of `inner`."""
        shape = (1, 3, outer[1], outer[0])
        count = 3 * outer[0] * outer[1]
        if 4 * count > MOST_KEPT_BYTES:
            return np.full(shape, pad, np.float32)
        if count > len(self._memory):
            self._memory, self._filled = np.empty(count, np.float32), ()
        blob = self._memory[:count].reshape(shape)
        if (*outer, *inner) != self._filled:
            blob.fill(pad)
            self._filled = (*outer, *inner)
        return blob


class Letterboxer(threading.local):
    """Fits pictures into inputs, at the top left. Each thread reuses its buffer: use a blob before the next call."""

    def __init__(self, preparation: Preparation) -> None:
        self._how = preparation
        self._buffer = _Buffer()

    def letterbox(self, picture: Picture, width: int, height: int) -> ModelInput:
        """Scaled, keeping its proportions, to the largest size that fits in `width` x `height`, the rest padded."""
        rows, columns = picture.shape[:2]
        ratio = min(width / columns, height / rows)
        inner = max(1, round(columns * ratio)), max(1, round(rows * ratio))
        return self._fit(picture, inner, (width, height))

    def long_side(self, picture: Picture, length: int, multiple: int = 32) -> ModelInput:
        """Scaled so that the longer side is `length`; both sides padded to a multiple of `multiple`."""
        rows, columns = picture.shape[:2]
        ratio = length / max(rows, columns)
        inner = max(1, round(columns * ratio)), max(1, round(rows * ratio))
        outer = -(-inner[0] // multiple) * multiple, -(-inner[1] // multiple) * multiple
        return self._fit(picture, inner, outer)

    def stretch(self, picture: Picture, width: int, height: int) -> ModelInput:
        """Scaled to exactly `width` x `height`."""
        return self._fit(picture, (width, height), (width, height))

    def _fit(self, picture: Picture, inner: tuple[int, int], outer: tuple[int, int]) -> ModelInput:
        blob = self._buffer.blob(outer, inner, self._how.pad)
        width, height = inner
        small = _resized(picture, width, height)
        for place, plane in enumerate(self._how.planes):
            target = blob[0, place, :height, :width]
            target[...] = small[:, :, plane]
            if not self._how.plain:
                target -= self._how.mean[place]
                target *= self._how.scale
        return ModelInput(blob, width / picture.shape[1], height / picture.shape[0])


def _resized(picture: Picture, width: int, height: int) -> Picture:
    if picture.shape[:2] == (height, width):
        return picture
    try:
        resized = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_LINEAR)
    except cv2.error as error:
        raise ModelError(f"a picture of shape {picture.shape} cannot be resized: {error}") from error
    return np.asarray(resized, np.uint8)


def in_picture(boxes: Floats, fitted: ModelInput, picture: Picture) -> Floats:
    """Boxes from input pixels to picture pixels, clipped to the picture.

    Args:
        boxes: N x 4, x1 y1 x2 y2.
        fitted: As the picture went in.
        picture: The picture.

    Returns:
        N x 4 float32, some of them possibly empty: `detections` drops those.
    """
    rows, columns = picture.shape[:2]
    ratios = np.array([fitted.ratio_x, fitted.ratio_y] * 2, np.float32)
    most = np.array([columns, rows] * 2, np.float32)
    clipped: Floats = np.clip(boxes / ratios, 0, most).astype(np.float32, copy=False)
    return clipped


def sizable(boxes: Floats) -> NDArray[np.bool_]:
    """Which boxes have an inside."""
    inside: NDArray[np.bool_] = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return inside


def detections(boxes: Floats, scores: Floats, classes: NDArray[np.int64] | None = None) -> Detections:
    """Detections in the contract's types; one class unless given; empty and non-finite boxes dropped."""
    kinds = np.zeros(len(scores), np.int64) if classes is None else classes.astype(np.int64, copy=False)
    found = Detections(
        np.ascontiguousarray(boxes, np.float32),
        np.clip(scores, 0, 1).astype(np.float32, copy=False),
        kinds,
    )
    good = sizable(found.boxes) & np.isfinite(found.boxes).all(axis=1)
    return found if good.all() else found.where(good)
