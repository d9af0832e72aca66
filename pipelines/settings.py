"""What a site configures of the pipeline: zones, lines, schedules. All coordinates are fractions of the picture."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from protocol.event_types import Name, ObjectClass

Point = tuple[Annotated[float, msgspec.Meta(ge=0, le=1)], Annotated[float, msgspec.Meta(ge=0, le=1)]]
"""x and y as fractions of the picture's width and height, from the top left."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$(?!\n)")]
Positive = Annotated[float, msgspec.Meta(gt=0)]
MinHeight = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""At 1 nothing would ever count: nothing is higher than the picture."""


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A weekly window in the site's local time; one that ends before it starts runs past midnight."""

    from_: TimeOfDay
    to: TimeOfDay
    days: tuple[Day, ...] = DAYS


class ZoneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A polygon on the ground and what is reported of it.

    Attributes:
        name: Stands in the events.
        polygon: Three corners or more, in order, not crossing themselves.
        objects: Object classes that count.
        report: `entered` and/or `left`.
        loitering_s: Report an object that stays longer than this, seconds.
        crowded_above: Report when more objects than this are inside at once.
        blocked_s: Report an object that stands still inside for longer than this, seconds.
        schedule: Name of a schedule outside of which the zone is asleep; empty for always.
        inertia: Frames in a row that must agree before an object counts as inside or outside.
        min_height: An object that is less high does not enter, as a fraction of the picture's height.
        cooldown_s: The same report of the same zone and object class is not repeated within this time, seconds.
    """

    name: Name
    polygon: tuple[Point, ...]
    objects: tuple[ObjectClass, ...] = ("person",)
    report: tuple[Literal["entered", "left"], ...] = ("entered",)
    loitering_s: Positive | None = None
    crowded_above: Annotated[int, msgspec.Meta(ge=1)] | None = None
    blocked_s: Positive | None = None
    schedule: str = ""
    inertia: Annotated[int, msgspec.Meta(ge=1, le=50)] = 2
    min_height: MinHeight = 0.0
    cooldown_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0

    def __post_init__(self) -> None:
        if len(self.polygon) < 3:
            raise ValueError(f"polygon has {len(self.polygon)} corners; it needs at least three")
        if not self.objects:
            raise ValueError("objects is empty; name at least one object class")
        if _crosses_itself(self.polygon):
            raise ValueError("polygon crosses itself; list its corners in order around the zone")
        if abs(_area(self.polygon)) < 1e-4:
            raise ValueError("polygon has no area; its corners lie on one line")


class LineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A directed line. `forward` is from the left to the right of somebody who walks from the first to the last point.

    Attributes:
        name: Stands in the events.
        points: Start and end.
        objects: Object classes that count.
        directions: Which directions are reported.
        schedule: Name of a schedule outside of which the line is asleep; empty for always.
        min_height: An object that is less high does not count, as a fraction of the picture's height.
        cooldown_s: The same crossing of the same object class is not repeated within this time, seconds.
    """

    name: Name
    points: tuple[Point, Point]
    objects: tuple[ObjectClass, ...] = ("person",)
    directions: tuple[Literal["forward", "backward"], ...] = ("forward", "backward")
    schedule: str = ""
    min_height: MinHeight = 0.0
    cooldown_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0

    def __post_init__(self) -> None:
        (x1, y1), (x2, y2) = self.points
        if (x1 - x2) ** 2 + (y1 - y2) ** 2 < 1e-4:
            raise ValueError("points are the same place; a line needs a start and an end")
        if not self.objects:
            raise ValueError("objects is empty; name at least one object class")


class HealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After how long a camera's trouble is reported, seconds."""

    covered_s: Positive = 5.0
    frozen_s: Positive = 30.0
    moved_s: Positive = 10.0
    defocused_s: Positive = 15.0


def _area(polygon: tuple[Point, ...]) -> float:
    """Signed area (shoelace formula)."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(polygon, (*polygon[1:], polygon[0]), strict=True)) / 2


def _crosses_itself(polygon: tuple[Point, ...]) -> bool:
    edges = list(zip(polygon, (*polygon[1:], polygon[0]), strict=True))
    n = len(edges)
    apart = ((i, j) for i in range(n) for j in range(i + 2, n) if (i, j) != (0, n - 1))
    return any(_edges_cross(*edges[i], *edges[j]) for i, j in apart)


def _edges_cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
