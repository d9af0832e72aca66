"""What to erase, whom to stop, what to warn of: pure functions of what is kept and how long it may and must be.

The unit is a camera's UTC day. A day's age counts from its end, so that no second of it is erased before its floor;
it is erased as soon as its ceiling has passed. UTC days know no daylight saving.
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
    """One camera's.

    Attributes:
        floor_days: Never erased before.
        ceiling_days: Always erased after.
        priority: Higher is kept recording for longer.
        order: Position in the settings; the later camera is the newer.
    """

    floor_days: int = 30
    ceiling_days: int = 30
    priority: int = 0
    order: int = 0


@dataclass(frozen=True)
class Erasure:
    """A day that goes: `whole`, with its key, or but for what a hold keeps."""

    use: DayUse
    whole: bool
    cause: Literal["ceiling", "space"]


@dataclass(frozen=True)
class Space:
    """The disk: free bytes, and how many must stay free (about ten minutes of everything)."""

    free: int
    reserve: int


@dataclass(frozen=True)
class Plan:
    """What a sweep does."""

    erase: tuple[Erasure, ...]
    short: bool
    """After all that may be erased the disk is still fuller than it may be."""


def age_days(day: int, now_ns: int) -> float:
    """Days since the end of a UTC day.

    >>> age_days(0, 3 * DAY_NS)
    2.0
    """
    return now_ns / DAY_NS - (day + 1)


def held(use: DayUse, holds: Sequence[Hold], now_ns: int) -> bool:
    """Whether a hold keeps something of a day."""
    return any(hold.covers(use.camera, use.first_ns, use.last_ns, now_ns) for hold in holds)


def plan(
    days: Sequence[DayUse], policies: Mapping[str, Policy], holds: Sequence[Hold], space: Space, now_ns: int
) -> Plan:
    """What goes: first what is past its ceiling, then, for want of space, the oldest that is past its floor.

    A camera that is no longer in the settings keeps the default policy: its footage ages as any other.
    """
    erase, free, spare = [], space.free, []
    for use in days:
        policy = policies.get(use.camera, Policy())
        age = age_days(use.day, now_ns)
        kept = held(use, holds, now_ns)
        if age >= policy.ceiling_days:
            erase.append(Erasure(use, not kept, "ceiling"))
            free += 0 if kept else use.bytes
        elif age >= policy.floor_days and not kept:
            spare.append(use)
    for use in sorted(spare, key=lambda it: (it.day, it.camera)):
        if free >= space.reserve:
            break
        erase.append(Erasure(use, True, "space"))
        free += use.bytes
    return Plan(tuple(erase), free < space.reserve)


def camera_to_stop(running: Sequence[str], policies: Mapping[str, Policy]) -> str | None:
    """The newest camera of the lowest priority.

    >>> camera_to_stop(["gate", "yard"], {"gate": Policy(priority=1), "yard": Policy(order=1)})
    'yard'
    """
    ranked = sorted(running, key=lambda it: (policies.get(it, Policy()).priority, -policies.get(it, Policy()).order))
    return ranked[0] if ranked else None


@dataclass(frozen=True)
class Forecast:
    """Whether the disk will hold every floor at today's bit rates.

    Attributes:
        days: Until it will not; None where it will.
        missing_bytes: What the disk lacks then.
        floor_days: The longest floor (for all cameras alike) that it would hold.
    """

    days: float | None
    missing_bytes: int
    floor_days: int


def forecast(
    days: Sequence[DayUse], rates: Mapping[str, float], policies: Mapping[str, Policy], space: Space, now_ns: int
) -> Forecast:
    """Let the days to come pass at the present rates, erasing whatever may be erased.

    Args:
        days: What is kept.
        rates: Camera → bytes a day.
        policies: Camera → policy.
        space: The disk now.
        now_ns: Wall clock.
    """
    daily = sum(rates.values())
    today = now_ns // DAY_NS
    floors = {camera: policies.get(camera, Policy()).floor_days for camera in rates}
    horizon = max(floors.values(), default=0) + 1
    free, first, worst = float(space.free), None, 0.0
    reclaim = dict.fromkeys(range(horizon + 1), 0.0)
    for use in days:
        floor = policies.get(use.camera, Policy()).floor_days
        due = max(0, use.day + 1 + floor - today)
        if due in reclaim:
            reclaim[due] += use.bytes
    for ahead in range(horizon + 1):
        free += reclaim[ahead] - (daily if ahead else 0.0)
        lacking = space.reserve - free
        if lacking > 0 and first is None:
            first = max(0.0, ahead - lacking / daily) if daily else float(ahead)
        worst = max(worst, lacking)
    total = space.free + sum(use.bytes for use in days)
    affordable = int((total - space.reserve) / daily) - 1 if daily else max(floors.values(), default=0)
    return Forecast(first, round(max(0.0, worst)), max(0, affordable))


@dataclass(frozen=True)
class TrustedClock:
    """The time that erasing goes by.

    Attributes:
        wall_ns: The last wall clock that was believed.
        mono_ns: The monotonic clock then.
        since_ns: Monotonic clock since which the wall clock has said something else; None while it agrees.
        offset_ns: Wall minus monotonic of what it says.
    """

    wall_ns: int
    mono_ns: int
    since_ns: int | None = None
    offset_ns: int = 0


def update_trusted_clock(trust: TrustedClock, wall_ns: int, mono_ns: int) -> TrustedClock:
    """One look at both clocks. A jump forward of more than an hour is believed when it has stood for an hour.

    So a clock that wakes up in another year for a while erases nothing. A step back is believed at once: it can only
    keep footage for longer.
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
