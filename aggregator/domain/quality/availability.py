"""How much of the time devices worked, from the events with which they were lost and came back. Pure.

What has no event is not known: a device that was lost before the oldest stored event counts as working, and a camera
of a box that is away counts as it did before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from aggregator.domain.alerts.own_kinds import BOX_BACK, BOX_LOST

DOWN: dict[str, bool] = {
    "camera.lost": True, "camera.back": False, "door.offline": True, "door.online": False,
    "box.stopping": True, "box.started": False, BOX_LOST: True, BOX_BACK: False,
}  # fmt: skip
"""Kind of event → whether the device is away from then on."""


class Device(NamedTuple):
    """A camera or a door, or (without a place) a box."""

    site: str
    box: str
    place: str


@dataclass(frozen=True)
class StateEvent:
    """A device went away or came back."""

    device: Device
    kind: str
    time_ns: int


@dataclass(frozen=True)
class Availability:
    """Of one device in a span.

    Attributes:
        down_ns: How long it was away.
        outages: How often.
        share: Of the span in which it worked, 0 to 1.
    """

    device: Device
    down_ns: int
    outages: int
    share: float


def availability(events: Iterable[StateEvent], devices: Iterable[Device], span: tuple[int, int]) -> list[Availability]:
    """The availability of each device, the worst first.

    Args:
        events: Of the span, and for each device the newest one before it; in any order.
        devices: That are known, also without events.
        span: From and to, UTC nanoseconds; the end is not after the present.
    """
    by_device: dict[Device, list[StateEvent]] = {device: [] for device in devices}
    for event in events:
        by_device.setdefault(event.device, []).append(event)
    found = [_of_device(device, its, span) for device, its in by_device.items()]
    return sorted(found, key=lambda it: (it.share, it.device))


def _of_device(device: Device, events: list[StateEvent], span: tuple[int, int]) -> Availability:
    start, end = span
    down, outages, since = 0, 0, None
    for event in sorted(events, key=lambda it: (it.time_ns, it.kind)):
        if event.time_ns >= end:
            break
        away = DOWN.get(event.kind)
        if away and since is None:
            since = max(event.time_ns, start)
            outages += 1
        elif away is False and since is not None:
            down += max(event.time_ns - since, 0)
            outages -= event.time_ns <= start  # it was over before the span
            since = None
    if since is not None:
        down += end - since
    length = max(end - start, 1)
    return Availability(device, down, outages, 1 - down / length)
