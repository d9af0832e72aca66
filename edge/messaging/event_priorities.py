"""What the outbox gives up first when it is full: the lowest rank, and in it the oldest."""

from __future__ import annotations

from protocol.event_types import KINDS

LOWEST, LOW, MIDDLE, HIGH, NEVER = range(5)

_LOW = ("zone.entered", "line.crossed", "door.granted", "door.closed", "vehicle.registered", "vehicle.visitor")
_HIGH = (
    *("zone.blocked", "door.forced", "door.duress", "door.held", "door.tailgated", "vehicle.barred"),
    *("camera.lost", "camera.covered", "footage.gap", "footage.at_risk", "footage.erased", "footage.held"),
    "footage.exported",
    *("disk.full", "disk.changed", "box.config_rejected", "clock.stepped"),
)

RANKS: dict[str, int] = {
    **dict.fromkeys(KINDS, MIDDLE),
    **dict.fromkeys(_LOW, LOW),
    **dict.fromkeys(_HIGH, HIGH),
    "zone.left": LOWEST,
    "outbox.lost": NEVER,
}
"""Rank of every kind; `outbox.lost` itself is never dropped."""
