"""Plans of sites and areas with the positions of devices, and where sites are on the map. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from common.errors import PlanError

SymbolKind = Literal["camera", "door", "gate", "box"]
MOST_SYMBOLS = 500


class Symbol(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device on a plan.

    Attributes:
        kind: What it is.
        box: Its box; of a box itself.
        id: Of the camera, door or gate; of a box its name again.
        x: From the left edge (0) to the right one (1).
        y: From the upper edge (0) to the lower one (1).
        direction: Where a camera looks: degrees clockwise from up; None: not given.
    """

    kind: SymbolKind
    box: str
    id: str
    x: float
    y: float
    direction: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it unique on a plan."""
        return self.kind, self.box, self.id


class FloorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan without its picture.

    Attributes:
        site: Whose plan it is.
        area: Of which area; empty for the whole site.
        width_px: Of the picture.
        height_px: Of the picture.
        digest: SHA-256 of the picture, hexadecimal.
        version: Rises by one with each change.
        symbols: The devices on it.
        changed_by: Who changed it last.
        changed_ns: When, UTC nanoseconds.
    """

    site: str
    area: str = ""
    width_px: int
    height_px: int
    digest: str
    version: int = 1
    symbols: tuple[Symbol, ...] = ()
    changed_by: str
    changed_ns: int


class SiteLocation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a site is, in millionths of a degree (WGS 84)."""

    site: str
    latitude_udeg: int
    longitude_udeg: int


def checked(symbols: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """Symbols that may stand on a plan.

    Raises:
        PlanError: There are too many, or one is wrong; names its field.
    """
    if len(symbols) > MOST_SYMBOLS:
        raise PlanError(f"symbols: at most {MOST_SYMBOLS}")
    seen: set[tuple[str, str, str]] = set()
    for number, it in enumerate(symbols):
        if it.key in seen:
            raise PlanError(f"symbols.{number}: this {it.kind} is on the plan already; place it once")
        seen.add(it.key)
        if not (0 <= it.x <= 1 and 0 <= it.y <= 1):
            raise PlanError(f"symbols.{number}: x and y must be from 0 to 1")
        if it.direction is not None and (it.kind != "camera" or not 0 <= it.direction < 360):
            raise PlanError(f"symbols.{number}.direction: only a camera has one, from 0 to 359 degrees")
        if it.kind == "box" and it.box != it.id:
            raise PlanError(f"symbols.{number}.id: of a box it must be the same as 'box'")
    return tuple(symbols)
