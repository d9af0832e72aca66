"""Camera tamper detection: covered, frozen, moved, defocused, and clear again.

All four compare the picture with what the camera has learned of its own view: how much texture it has, how sharp it
is, where its edges are. Edges are compared as normalised gradients, which a change of light leaves alone (the idea of
N. Dalal & B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005). A problem must last before
it is reported, so that a lorry in front of the lens is not a covered camera.

Less light means less contrast everywhere, and says nothing of the lens: a picture whose edges, brought to the learned
contrast, lie where they always lay is only darker, and its sharpness is not judged until the camera has learned it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from common.clock import SECOND_NS
from pipelines.settings import HealthSettings
from pipelines.types import Luma
from protocol.event_types import CameraClear, CameraCovered, CameraData, CameraDefocused, CameraFrozen, CameraMoved

Trouble = Literal["covered", "frozen", "moved", "defocused"]
REPORTS: dict[Trouble, type[CameraData]] = {
    "covered": CameraCovered,
    "frozen": CameraFrozen,
    "moved": CameraMoved,
    "defocused": CameraDefocused,
}
LEARN_UPDATES = 10
"""Frames (one in two seconds) until the view is learned."""
LEARN_SHARE = 0.02
"""Weight of a new frame in the learned view: about two minutes at one frame in two seconds."""
COVERED = 0.25
"""Texture, or the share of cells that show anything, below this share of the learned one: the lens is covered."""
FLAT = 3.0
"""Standard deviation of a cell's grey levels below which the cell shows nothing."""
DEFOCUSED_SHARPNESS = 0.35
"""Fine detail below this share of the learned one while the coarse edges stay where they are."""
MOVED_AGREEMENT = 0.35
"""Coarse edges agree less than this with the learned ones."""
MOST_GAIN = 12.0
"""A dark picture is brought to the learned contrast by this factor at most; beyond it there is little but noise."""
DARKER = 0.6
"""Contrast below this share of the learned one: the light has changed, and fine detail is lost to the encoder first."""
SEEN_AGREEMENT = 0.3
"""Edges that agree this much with the learned ones are seen through the lens, however dark the picture is."""
BURNT_ROWS = 0.2
"""Camera names and clocks are burnt in within this share of the picture's height at its upper and lower edge …"""
BURNT_SHARE = 0.06
"""… and change this share of the picture at most. Or they stand elsewhere: then what changes stays in one place …"""
LINE_SHARE, LINE_ROWS = 0.02, 0.15
"""… which is this share of the picture at most, and this share of its height: a line or two of text."""
CLEAR_S = 3.0
"""A problem must be absent for this long before the camera is clear."""

Gradients = NDArray[np.float32]
Changes = NDArray[np.bool_]


@dataclass
class CameraHealth:
    """Tamper detection of one camera. Call it with one frame in two seconds.

    Args:
        settings: Time before each problem is reported.
    """

    settings: HealthSettings
    trouble: Trouble | None = None
    _since: dict[Trouble, int] = field(default_factory=dict)
    _clear_since_ns: int | None = None
    _reported_ns: int = 0
    _updates: int = 0
    _texture: float = 0.0
    _sharpness: float = 0.0
    _textured_share: float = 0.0
    _edges: Gradients | None = None
    _last: Luma | None = None
    _changed: Changes | None = None

    def update(self, luma: Luma, grid: Luma, time_ns: int) -> CameraData | None:
        """Check one picture.

        Args:
            luma: The camera's Y plane at full size.
            grid: The same at the motion detector's resolution (`motion_detector.to_grid`).
            time_ns: Any clock that does not step back, nanoseconds.

        Returns:
            The data of an event, when a problem begins or ends.
        """
        if self._edges is not None and self._edges.shape[:2] != grid.shape:
            self._updates, self._edges, self._last = 0, None, None
        features = self._measure(luma, grid)
        if self._updates < LEARN_UPDATES:
            self._learn(features)
            return None
        return self._decide(self._classify(features), features, time_ns)

    def _measure(self, luma: Luma, grid: Luma) -> _ImageFeatures:
        self._changed = self._changed_since_freeze(grid)
        is_frozen, self._last = self._changed is not None, grid
        sharpness = _deviation(cv2.Laplacian(_center_crop(luma), cv2.CV_16S)) ** 2
        texture = _deviation(grid)
        gain = min(MOST_GAIN, max(1.0, self._texture / max(texture, 1e-6))) if self._updates >= LEARN_UPDATES else 1.0
        return _ImageFeatures(texture, sharpness, _texture_share(grid), _edges(grid, gain), is_frozen)

    def _changed_since_freeze(self, grid: Luma) -> Changes | None:
        """Where the picture has changed since it froze; None: it changes normally."""
        if self._last is None or self._last.shape != grid.shape:
            return None
        changed = cv2.absdiff(grid, self._last) > 0
        if _only_at_borders(changed) or not changed.any():
            return self._changed if self._changed is not None else np.zeros(grid.shape, np.bool_)
        since = changed if self._changed is None else changed | self._changed
        return since if _is_one_text_line(since) else None

    def _learn(self, features: _ImageFeatures) -> None:
        share = max(LEARN_SHARE, 1 / (self._updates + 1))
        self._texture += share * (features.texture - self._texture)
        self._sharpness += share * (features.sharpness - self._sharpness)
        self._textured_share += share * (features.textured_share - self._textured_share)
        learned = self._edges if self._edges is not None else features.edges
        self._edges = learned + share * (features.edges - learned)
        self._updates += 1

    def _classify(self, features: _ImageFeatures) -> dict[Trouble, float]:
        """Each problem that this picture shows, with a score from 0 to 1."""
        assert self._edges is not None
        agreement = _agreement(self._edges, features.edges)
        is_low_texture = (
            features.texture < COVERED * self._texture or features.textured_share < COVERED * self._textured_share
        )
        if is_low_texture and agreement < SEEN_AGREEMENT:
            return {"covered": 1 - features.textured_share}
        problems: dict[Trouble, float] = {}
        if features.is_frozen:
            problems["frozen"] = 1.0
        if agreement < MOVED_AGREEMENT and not is_low_texture:
            problems["moved"] = 1 - max(0.0, agreement)
        elif features.texture < DARKER * self._texture:
            return problems
        elif features.sharpness < DEFOCUSED_SHARPNESS * self._sharpness:
            problems["defocused"] = 1 - features.sharpness / max(self._sharpness, 1e-6)
        return problems

    def _decide(self, problems: dict[Trouble, float], features: _ImageFeatures, time_ns: int) -> CameraData | None:
        if not problems and self.trouble is None:
            self._learn(features)
        self._since = {name: self._since.get(name, time_ns) for name in problems}
        if self.trouble is not None:
            return self._recovery(self.trouble in problems, time_ns)
        for name, report in REPORTS.items():
            lasted_s = (time_ns - self._since.get(name, time_ns)) / SECOND_NS
            if name in problems and lasted_s >= getattr(self.settings, f"{name}_s"):
                self.trouble, self._clear_since_ns, self._reported_ns = name, None, self._since[name]
                return report(seconds=lasted_s, score=round(min(1.0, problems[name]), 3))
        return None

    def _recovery(self, persists: bool, time_ns: int) -> CameraData | None:
        if persists:
            self._clear_since_ns = None
            return None
        if self._clear_since_ns is None:
            self._clear_since_ns = time_ns
        if time_ns - self._clear_since_ns < CLEAR_S * SECOND_NS:
            return None
        self.trouble = None
        return CameraClear(seconds=(time_ns - self._reported_ns) / SECOND_NS)


@dataclass(frozen=True)
class _ImageFeatures:
    """Image features of one picture."""

    texture: float
    sharpness: float
    textured_share: float
    edges: Gradients
    is_frozen: bool


def _deviation(values: NDArray[np.uint8] | cv2.typing.MatLike) -> float:
    """Standard deviation of all values. From two sums, which OpenCV makes with vector code; `meanStdDev` does not."""
    mean = cv2.sumElems(values)[0] / values.size
    return math.sqrt(max(0.0, cv2.norm(values, cv2.NORM_L2SQR) / values.size - mean * mean))


def _texture_share(grid: Luma) -> float:
    """Share of the picture's 10 x 10 cells with texture."""
    rows, columns = grid.shape[0] // 10, grid.shape[1] // 10
    values = grid[: rows * 10, : columns * 10].astype(np.float32)
    means = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
    squares = cv2.resize(values * values, (columns, rows), interpolation=cv2.INTER_AREA)
    return float((np.asarray(squares - means * means) >= FLAT * FLAT).mean())


def _center_crop(luma: Luma) -> Luma:
    """At most 640 x 360 from the middle: enough to judge sharpness, whatever the camera's size."""
    height, width = luma.shape
    top, left = max(0, (height - 360) // 2), max(0, (width - 640) // 2)
    return luma[top : top + 360, left : left + 640]


def _only_at_borders(changed: Changes) -> bool:
    """Whether at most burnt-in text has changed: a camera's noise changes a picture everywhere."""
    band = round(BURNT_ROWS * changed.shape[0])
    return not changed[band : changed.shape[0] - band].any() and float(changed.mean()) <= BURNT_SHARE


def _is_one_text_line(changed: Changes) -> bool:
    """Whether all changes lie within the area of one burnt-in clock."""
    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    return height <= LINE_ROWS * changed.shape[0] and height * width <= LINE_SHARE * changed.size


def _edges(grid: Luma, gain: float = 1.0) -> Gradients:
    """H x W x 2 gradients, each of length at most one, nearly zero where there is nothing but noise.

    Args:
        grid: H x W luma.
        gain: Brings the contrast of a dark picture to that of the learned one.
    """
    soft = cv2.GaussianBlur(grid, (5, 5), 0).astype(np.float32) * np.float32(gain)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    length = cv2.magnitude(dx, dy) + np.float32(24)
    return np.asarray(cv2.merge([dx / length, dy / length]), np.float32)


def _agreement(learned: Gradients, now: Gradients) -> float:
    """Cosine of the two fields of edges, -1 to 1."""
    a, b = learned.ravel(), now.ravel()
    return float(a @ b) / max(float(np.sqrt((a @ a) * (b @ b))), 1e-6)
