"""Where plates and vehicles are from frame to frame: who is who, and what moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.clock import SECOND_NS
from pipelines.plates.reading import RankedTexts, Sighting
from pipelines.types import Box

MOVED = 0.35
"""A plate has moved once it went this far, in units of its height; corners tremble by a tenth."""
GREW = 0.12
"""… or when its width changed by this share."""
LEAST_PX = 3.0
REACH = 1.2
"""How far a plate may be from where it was, in units of its width, …"""
REACH_PER_S = 8.0
"""… and how much further for each second in between: 30 km/h is 8 m/s, a plate half a metre."""
MOST_REACH = 6.0
SURE_TEXT = 0.6
"""Texts at least this sure may tell two plates apart, or join them across the picture."""


@dataclass(frozen=True)
class Vehicle:
    """A vehicle as the camera's tracker knows it.

    Attributes:
        track: Its number.
        box: Pixels.
        moved: It has been seen to move.
        still: It stands.
    """

    track: int
    box: Box
    moved: bool
    still: bool


@dataclass(frozen=True)
class Known:
    """A plate that is followed: where it was, what is known of it, and when it was seen."""

    box: Box
    verdict: RankedTexts
    seen_ns: int


def centre(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2


def height_of(box: Box) -> float:
    """Height in pixels, at least one."""
    return max(1.0, box.y2 - box.y1)


def inside(small: Box, large: Box, share: float = 1.0) -> bool:
    """Whether the middle of `small` lies in `large`, and it is no wider than `share` of it."""
    x, y = centre(small)
    return (
        large.x1 <= x <= large.x2 and large.y1 <= y <= large.y2 and small.x2 - small.x1 <= share * (large.x2 - large.x1)
    )


def has_moved(first: Box, now: Box) -> bool:
    """Whether a plate went from one place to another, or came nearer."""
    (x1, y1), (x2, y2) = centre(first), centre(now)
    far = max(abs(x2 - x1), abs(y2 - y1))
    wide, was = now.x2 - now.x1, max(1.0, first.x2 - first.x1)
    near = abs(wide / was - 1) > GREW and abs(wide - was) > 2 * LEAST_PX
    return far > max(LEAST_PX, MOVED * height_of(first)) or near


def paired(known: Sequence[Known], seen: Sequence[Sighting], time_ns: int) -> dict[int, int]:
    """Which sighting is which known plate; nearest first, and texts that surely differ keep apart.

    Returns:
        Index of the sighting → index of the known plate.
    """
    costs = [
        (cost, new, old)
        for new, sighting in enumerate(seen)
        for old, plate in enumerate(known)
        if (cost := _cost(plate, sighting, time_ns)) is not None
    ]
    pairs: dict[int, int] = {}
    for _, new, old in sorted(costs):
        if new not in pairs and old not in pairs.values():
            pairs[new] = old
    return pairs


def _cost(plate: Known, sighting: Sighting, time_ns: int) -> float | None:
    """Distance in units of what is possible; None where it cannot be the same."""
    (x1, y1), (x2, y2) = centre(plate.box), centre(sighting.box)
    passed_s = max(0, time_ns - plate.seen_ns) / SECOND_NS
    width = max(plate.box.x2 - plate.box.x1, sighting.box.x2 - sighting.box.x1)
    reach = width * min(MOST_REACH, REACH + REACH_PER_S * passed_s)
    far = max(abs(x2 - x1), abs(y2 - y1)) / max(1.0, reach)
    alike = _has_same_text(plate, sighting)
    if alike is True:
        return min(far, 1.0) - 1.0
    return far if far <= 1 and alike is not False else None


def _has_same_text(plate: Known, sighting: Sighting) -> bool | None:
    """Whether the texts are the same, surely different, or do not tell."""
    reading = sighting.reading
    if reading is None or min(reading.confidence, plate.verdict.confidence) < SURE_TEXT:
        return None
    one, other = reading.text.reveal(), plate.verdict.text.reveal()
    if one == other:
        return True
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return False if same <= max(len(one), len(other)) - 3 else None
