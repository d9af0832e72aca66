"""Decides what to erase, which camera to stop and when to warn: pure functions of the footage and the policies.

The unit is a camera's UTC day. A day's age counts from its end, so that no second of it is erased before its minimum
retention; it is erased as soon as its maximum retention has passed. UTC days have no daylight saving time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edge.recorder.index import DayUse
from edge.recorder.retention.legal_holds import Hold
from edge.recorder.segments.segment import DAY_NS

TRUST_NS = 3600 * 1_000_000_000


@dataclass(frozen=True)
class Policy:
    """The retention policy of one camera.

    Attributes:
        floor_days: Minimum retention: never erased before.
        ceiling_days: Maximum retention: always erased after.
        priority: Higher is kept recording for longer.
        order: Position in the settings; a later camera counts as newer.
    """

    floor_days: int = 30
    ceiling_days: int = 30
    priority: int = 0
    order: int = 0


@dataclass(frozen=True)
class Erasure:
    """A day to erase: the whole day with its key, or only the segments that no legal hold covers."""

    use: DayUse
    is_whole_day: bool
    cause: Literal["ceiling", "space"]


@dataclass(frozen=True)
class Space:
    """The disk: free bytes, and how many must stay free (about ten minutes of all cameras)."""

    free_bytes: int
    reserve: int


@dataclass(frozen=True)
class Plan:
    """The result of planning one sweep."""

    erase: tuple[Erasure, ...]
    short: bool
    """After all permitted erasures there are still too few free bytes."""


def age_days(day: int, now_ns: int) -> float:
    """Days since the end of a UTC day.

    >>> age_days(0, 3 * DAY_NS)
    2.0
    """
    return now_ns / DAY_NS - (day + 1)


def held(use: DayUse, holds: Sequence[Hold], now_ns: int) -> bool:
    """Whether a legal hold covers a part of the day."""
    return any(hold.covers(use.camera, use.first_ns, use.last_ns, now_ns) for hold in holds)


def plan(
    days: Sequence[DayUse], policies: Mapping[str, Policy], holds: Sequence[Hold], space: Space, now_ns: int
) -> Plan:
    """What to erase: days past their maximum retention; if space is short, the oldest past their minimum retention.

    A camera that is no longer in the settings has the default policy.
    """
    erase, free_bytes, erasable = [], space.free_bytes, []
    for use in days:
        policy = policies.get(use.camera, Policy())
        age = age_days(use.day, now_ns)
        is_held = held(use, holds, now_ns)
        if age >= policy.ceiling_days:
            erase.append(Erasure(use, not is_held, "ceiling"))
            free_bytes += 0 if is_held else use.bytes
        elif age >= policy.floor_days and not is_held:
            erasable.append(use)
    for use in sorted(erasable, key=lambda it: (it.day, it.camera)):
        if free_bytes >= space.reserve:
            break
        erase.append(Erasure(use, True, "space"))
        free_bytes += use.bytes
    return Plan(tuple(erase), free_bytes < space.reserve)


def camera_to_stop(running: Sequence[str], policies: Mapping[str, Policy]) -> str | None:
    """The newest camera of the lowest priority.

    >>> camera_to_stop(["gate", "yard"], {"gate": Policy(priority=1), "yard": Policy(order=1)})
    'yard'
    """
    ranked = sorted(running, key=lambda it: (policies.get(it, Policy()).priority, -policies.get(it, Policy()).order))
    return ranked[0] if ranked else None


@dataclass(frozen=True)
class Forecast:
    """Whether the disk can hold the minimum retention of all cameras at the current bit rates.

    Attributes:
        days: Days until it cannot; None if it can.
        missing_bytes: Bytes missing then.
        floor_days: The longest minimum retention (the same for all cameras) that it can hold.
    """

    days: float | None
    missing_bytes: int
    floor_days: int


def forecast(
    days: Sequence[DayUse], rates: Mapping[str, float], policies: Mapping[str, Policy], space: Space, now_ns: int
) -> Forecast:
    """Simulate the coming days at the current rates, erasing whatever may be erased.

    Args:
        days: The stored days.
        rates: Camera → bytes a day.
        policies: Camera → policy.
        space: The disk now.
        now_ns: Wall clock.
    """
    daily = sum(rates.values())
    today = now_ns // DAY_NS
    floors = {camera: policies.get(camera, Policy()).floor_days for camera in rates}
    horizon_days = max(floors.values(), default=0) + 1
    free_bytes, first, worst = float(space.free_bytes), None, 0.0
    reclaimable = dict.fromkeys(range(horizon_days + 1), 0.0)
    for use in days:
        floor = policies.get(use.camera, Policy()).floor_days
        due = max(0, use.day + 1 + floor - today)
        if due in reclaimable:
            reclaimable[due] += use.bytes
    for ahead in range(horizon_days + 1):
        free_bytes += reclaimable[ahead] - (daily if ahead else 0.0)
        lacking = space.reserve - free_bytes
        if lacking > 0 and first is None:
            first = max(0.0, ahead - lacking / daily) if daily else float(ahead)
        worst = max(worst, lacking)
    total = space.free_bytes + sum(use.bytes for use in days)
    affordable = int((total - space.reserve) / daily) - 1 if daily else max(floors.values(), default=0)
    return Forecast(first, round(max(0.0, worst)), max(0, affordable))


@dataclass(frozen=True)
class TrustedClock:
    """The time that decides about erasure.

    Attributes:
        wall_ns: The last trusted wall clock.
        mono_ns: The monotonic clock at that time.
        since_ns: Monotonic clock since which the wall clock differs; None while it agrees.
        offset_ns: Wall minus monotonic clock, as read.
    """

    wall_ns: int
    mono_ns: int
    since_ns: int | None = None
    offset_ns: int = 0


def update_trusted_clock(trust: TrustedClock, wall_ns: int, mono_ns: int) -> TrustedClock:
    """Update from both clocks. A forward jump of more than an hour is trusted after it has lasted for an hour.

    So a clock that is wrong for a while erases nothing. A step back is trusted at once: it can only keep footage for
    longer.
    """
    expected_ns = trust.wall_ns + mono_ns - trust.mono_ns
    if wall_ns <= expected_ns + TRUST_NS:
        return TrustedClock(wall_ns, mono_ns)
    offset_ns = wall_ns - mono_ns
    if trust.since_ns is None or abs(offset_ns - trust.offset_ns) > TRUST_NS:
        return TrustedClock(expected_ns, mono_ns, mono_ns, offset_ns)
    if mono_ns - trust.since_ns >= TRUST_NS:
        return TrustedClock(wall_ns, mono_ns)
    return TrustedClock(expected_ns, mono_ns, trust.since_ns, trust.offset_ns)
