"""A constant-velocity Kalman filter for boxes.

After A. Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016, and N. Wojke et al., "Simple Online and
Realtime Tracking with a Deep Association Metric", ICIP 2017 (noise in proportion to the box's size; nothing of that
paper's appearance metric is used here). The centre has a velocity, the size is a random walk: boxes that enter or
leave the picture grow and shrink by fits, and a size that is carried on without being seen ends as a sliver. Both axes
have the same noise, so the filter is one 2 x 2 problem in closed form, on plain floats, for any time step.
"""

from __future__ import annotations

from math import exp

from pipelines.types import Box

POSITION_NOISE = 1 / 20
"""Standard deviation of a position, share of the box's longer side (Wojke 2017: of its height)."""
ACCELERATION_NOISE = 3.0
"""Standard deviation of the acceleration, longer sides per second squared: people turn, frames are far apart."""
FIRST_VELOCITY = 3.0
"""Standard deviation of a new box's velocity, longer sides per second: a car passes a camera above it that fast."""
SIZE_WALK = 0.8
"""Standard deviation of the size's change within a second, share of the longer side."""
SIZE_NOISE = 0.08
"""Standard deviation of a measured size, share of the longer side."""
COAST_S = 0.6
"""A velocity that nothing confirms fades with this time constant."""


class BoxFilter:
    """Position, size and velocity of one box.

    Args:
        box: x1 y1 x2 y2 in pixels.
    """

    __slots__ = ("_cross", "_size_spread", "_spread", "_velocity_spread", "height", "vx", "vy", "width", "x", "y")

    def __init__(self, box: Box) -> None:
        self.x, self.y, self.width, self.height = _measured(box)
        self.vx = self.vy = 0.0
        side = self._side
        self._spread = (2 * POSITION_NOISE * side) ** 2
        self._cross = 0.0
        self._velocity_spread = (FIRST_VELOCITY * side) ** 2
        self._size_spread = (2 * SIZE_NOISE * side) ** 2

    @property
    def _side(self) -> float:
        return max(self.width, self.height, 1.0)

    def predict(self, seconds: float) -> None:
        """Move on by a time step (white-noise acceleration)."""
        q = (ACCELERATION_NOISE * self._side) ** 2
        self.x += self.vx * seconds
        self.y += self.vy * seconds
        self._spread += 2 * seconds * self._cross + seconds**2 * self._velocity_spread + q * seconds**4 / 4
        self._cross += seconds * self._velocity_spread + q * seconds**3 / 2
        self._velocity_spread += q * seconds**2
        self._size_spread += (SIZE_WALK * self._side) ** 2 * seconds

    def fade(self, seconds: float) -> None:
        """Let the velocity fade: nothing confirmed it for this long."""
        share = exp(-seconds / COAST_S)
        self.vx *= share
        self.vy *= share

    def rest(self) -> None:
        """It stands still."""
        self.vx = self.vy = 0.0

    def correct(self, box: Box) -> None:
        """Take a measured box in."""
        x, y, width, height = _measured(box)
        side = max(width, height, 1.0)
        total = self._spread + (POSITION_NOISE * side) ** 2
        gain, velocity_gain = self._spread / total, self._cross / total
        dx, dy = x - self.x, y - self.y
        self.x += gain * dx
        self.y += gain * dy
        self.vx += velocity_gain * dx
        self.vy += velocity_gain * dy
        self._velocity_spread -= velocity_gain * self._cross
        self._cross *= 1 - gain
        self._spread *= 1 - gain
        size_gain = self._size_spread / (self._size_spread + (SIZE_NOISE * side) ** 2)
        self.width += size_gain * (width - self.width)
        self.height += size_gain * (height - self.height)
        self._size_spread *= 1 - size_gain

    @property
    def box(self) -> Box:
        """The estimate as x1 y1 x2 y2."""
        half_width, half_height = self.width / 2, self.height / 2
        return Box(self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height)


def _measured(box: Box) -> tuple[float, float, float, float]:
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, box.x2 - box.x1, box.y2 - box.y1
