"""Alerts, silences, windows and shelves for tests, with the defaults that a test does not care about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aggregator.domain.alerts.rules import RULES
from aggregator.domain.alerts.types import Severity
from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.matching import Matcher, Universe
from aggregator.domain.quiet.shelving import Shelf, Source
from aggregator.domain.quiet.silence import Silence
from common.clock import SECOND_NS

NOW_NS = 1_795_000_000 * SECOND_NS
SHELF_ID = "0198c0de-0000-7000-8000-00000000005e"
MINUTE_NS, HOUR_NS, DAY_NS = 60 * SECOND_NS, 3600 * SECOND_NS, 86_400 * SECOND_NS
AREAS = {
    ("village", "cam-1"): frozenset({"gates"}),
    ("village", "cam-2"): frozenset({"gates", "yard"}),
    ("village", "door-1"): frozenset({"halls"}),
}
UNIVERSE = Universe(
    {"village": frozenset({"cam-1", "cam-2", "door-1"}), "estate": frozenset({"cam-9", "cam-8"})},
    AREAS,
    frozenset(RULES),
    frozenset({"person", "bicycle", "car", "motorcycle", "bus", "truck"}),
)


@dataclass(frozen=True)
class FakeAlert:
    """What the rules of `domain/quiet` look at."""

    id: str = "alert-1"
    site: str = "village"
    box: str = "box-1"
    place: str = "cam-1"
    kind: str = "zone.entered"
    subject: str = "yard"
    object: str = "person"
    severity: Severity = "medium"
    first_ns: int = NOW_NS
    last_ns: int = NOW_NS


def silence(match: Matcher | None = None, **changed: Any) -> Silence:
    fields: dict[str, Any] = {
        "id": "silence-1", "match": match or Matcher(site=("village",), place=("cam-1",)), "owner": "zhang",
        "reason": "building work at the gate", "from_ns": NOW_NS, "until_ns": NOW_NS + DAY_NS, "made_ns": NOW_NS,
    }  # fmt: skip
    return Silence(**fields | changed)


def window(**changed: Any) -> Window:
    fields: dict[str, Any] = {
        "id": "window-1", "site": "village", "devices": ("cam-1",), "area": "", "owner": "zhang",
        "reason": "cleaning of lenses", "from_ns": NOW_NS, "until_ns": NOW_NS + HOUR_NS, "weekly": None,
        "critical": False, "made_ns": NOW_NS,
    }  # fmt: skip
    return Window(**fields | changed)


def shelf(**changed: Any) -> Shelf:
    fields: dict[str, Any] = {
        "id": SHELF_ID, "mode": "timed", "alert": "alert-1",
        "source": Source(site="village", box="box-1", place="cam-1"), "owner": "li", "reason": "guard is on the way",
        "until_ns": NOW_NS + HOUR_NS, "critical": False, "made_ns": NOW_NS,
    }  # fmt: skip
    return Shelf(**fields | changed)
