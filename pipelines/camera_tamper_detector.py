"""A camera watches itself: covered, frozen, moved, defocused, and clear again.

All four compare the picture with what the camera has learned of its own view: how much texture it has, how sharp it
is, where its edges are. Edges are compared as normalised gradients, which a change of light leaves alone (the idea of
N. Dalal & B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005). A trouble must last before
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
LEARN_LOOKS = 10
"""Looks (one in two seconds) before the camera knows its own view."""
LEARN_SHARE = 0.02
"""Weight of a new look in what has been learned: about two minutes at one look in two seconds."""
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
"""A trouble must be gone for this long before the camera is clear."""

Gradients = NDArray[np.float32]
Changes = NDArray[np.bool_]


@dataclass
class CameraHealth:
    """One camera's health. Ask it about one look in two seconds.

    Args:
        settings: After how long each trouble is reported.
    """

    settings: HealthSettings
    trouble: Trouble | None = None
    _since: dict[Trouble, int] = field(default_factory=dict)
    _clear_since_ns: int | None = None
    _reported_ns: int = 0
    _looks: int = 0
    _texture: float = 0.0
    _sharpness: float = 0.0
    _busy: float = 0.0
    _edges: Gradients | None = None
    _last: Luma | None = None
    _changed: Changes | None = None

    def look(self, luma: Luma, grid: Luma, time_ns: int) -> CameraData | None:
        """Judge one picture.

        Args:
            luma: The camera's Y plane at full size.
            grid: The same at the gate's resolution (`activity.to_grid`).
            time_ns: Any clock that does not step back, nanoseconds.

        Returns:
            The data of an event, when a trouble begins or ends.
        """
        if self._edges is not None and self._edges.shape[:2] != grid.shape:
            self._looks, self._edges, self._last = 0, None, None
        signs = self._signs(luma, grid)
        if self._looks < LEARN_LOOKS:
            self._learn(signs)
            return None
        return self._decide(self._judge(signs), signs, time_ns)

    def _signs(self, luma: Luma, grid: Luma) -> _Signs:
        self._changed = self._unlike(grid)
        same, self._last = self._changed is not None, grid
        sharpness = _deviation(cv2.Laplacian(_middle(luma), cv2.CV_16S)) ** 2
        texture = _deviation(grid)
        gain = min(MOST_GAIN, max(1.0, self._texture / max(texture, 1e-6))) if self._looks >= LEARN_LOOKS else 1.0
        return _Signs(texture, sharpness, _busy_share(grid), _edges(grid, gain), same)

    def _unlike(self, grid: Luma) -> Changes | None:
        """Where the picture has changed since it froze; None: it changes as living pictures do."""
        if self._last is None or self._last.shape != grid.shape:
            return None
        changed = cv2.absdiff(grid, self._last) > 0
        if _at_the_edges(changed) or not changed.any():
            return self._changed if self._changed is not None else np.zeros(grid.shape, np.bool_)
        since = changed if self._changed is None else changed | self._changed
        return since if _in_one_line(since) else None

    def _learn(self, signs: _Signs) -> None:
        share = max(LEARN_SHARE, 1 / (self._looks + 1))
        self._texture += share * (signs.texture - self._texture)
        self._sharpness += share * (signs.sharpness - self._sharpness)
        self._busy += share * (signs.busy - self._busy)
        old = self._edges if self._edges is not None else signs.edges
        self._edges = old + share * (signs.edges - old)
        self._looks += 1

    def _judge(self, signs: _Signs) -> dict[Trouble, float]:
        """Each trouble that this look shows, with a score from 0 to 1."""
        assert self._edges is not None
        agreement = _agreement(self._edges, signs.edges)
        little = signs.texture < COVERED * self._texture or signs.busy < COVERED * self._busy
        if little and agreement < SEEN_AGREEMENT:
            return {"covered": 1 - signs.busy}
        shown: dict[Trouble, float] = {}
        if signs.same:
            shown["frozen"] = 1.0
        if agreement < MOVED_AGREEMENT and not little:
            shown["moved"] = 1 - max(0.0, agreement)
        elif signs.texture < DARKER * self._texture:
            return shown
        elif signs.sharpness < DEFOCUSED_SHARPNESS * self._sharpness:
            shown["defocused"] = 1 - signs.sharpness / max(self._sharpness, 1e-6)
        return shown

    def _decide(self, shown: dict[Trouble, float], signs: _Signs, time_ns: int) -> CameraData | None:
        if not shown and self.trouble is None:
            self._learn(signs)
        self._since = {name: self._since.get(name, time_ns) for name in shown}
        if self.trouble is not None:
            return self._recovery(self.trouble in shown, time_ns)
        for name, report in REPORTS.items():
            lasted_s = (time_ns - self._since.get(name, time_ns)) / SECOND_NS
            if name in shown and lasted_s >= getattr(self.settings, f"{name}_s"):
                self.trouble, self._clear_since_ns, self._reported_ns = name, None, self._since[name]
                return report(seconds=lasted_s, score=round(min(1.0, shown[name]), 3))
        return None

    def _recovery(self, still_there: bool, time_ns: int) -> CameraData | None:
        if still_there:
            self._clear_since_ns = None
            return None
        if self._clear_since_ns is None:
            self._clear_since_ns = time_ns
        if time_ns - self._clear_since_ns < CLEAR_S * SECOND_NS:
            return None
        self.trouble = None
        return CameraClear(seconds=(time_ns - self._reported_ns) / SECOND_NS)


@dataclass(frozen=True)
class _Signs:
    """What one picture shows of the camera."""

    texture: float
    sharpness: float
    busy: float
    edges: Gradients
    same: bool


def _deviation(values: NDArray[np.uint8] | cv2.typing.MatLike) -> float:
    """Standard deviation of all values. From two sums, which OpenCV makes with vector code; `meanStdDev` does not."""
    mean = cv2.sumElems(values)[0] / values.size
    return math.sqrt(max(0.0, cv2.norm(values, cv2.NORM_L2SQR) / values.size - mean * mean))


def _busy_share(grid: Luma) -> float:
    """Share of the picture's 10 x 10 cells that show something."""
    rows, columns = grid.shape[0] // 10, grid.shape[1] // 10
    values = grid[: rows * 10, : columns * 10].astype(np.float32)
    means = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
    squares = cv2.resize(values * values, (columns, rows), interpolation=cv2.INTER_AREA)
    return float((np.asarray(squares - means * means) >= FLAT * FLAT).mean())


def _middle(luma: Luma) -> Luma:
    """At most 640 x 360 from the middle: enough to judge sharpness, whatever the camera's size."""
    height, width = luma.shape
    top, left = max(0, (height - 360) // 2), max(0, (width - 640) // 2)
    return luma[top : top + 360, left : left + 640]


def _at_the_edges(changed: Changes) -> bool:
    """Whether nothing has changed but, at most, what is burnt in: a camera's noise changes a picture everywhere."""
    band = round(BURNT_ROWS * changed.shape[0])
    return not changed[band : changed.shape[0] - band].any() and float(changed.mean()) <= BURNT_SHARE


def _in_one_line(changed: Changes) -> bool:
    """Whether all that has changed lies where one clock could stand."""
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
