"""Who is on call at an instant.

Hand-overs are at the same local time, whatever daylight saving does: the hand-over of an hour that occurs twice is at
its first occurrence, that of an hour that does not occur is when the clock has jumped over it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aggregator.settings.escalation import Rota
from aggregator.settings.escalation import local_time as written
from common.clock import instant_ns, local_time


def on_call(rota: Rota, at_ns: int, site_zone: ZoneInfo) -> str:
    """The user who is on call.

    Args:
        rota: The rota.
        at_ns: The instant, UTC nanoseconds.
        site_zone: Where the rota names no zone of its own.
    """
    zone = ZoneInfo(rota.timezone) if rota.timezone else site_zone
    for override in rota.overrides:
        if instant_ns(written(override.start), zone) <= at_ns < instant_ns(written(override.end), zone):
            return override.user
    return rota.people[_turn(rota, at_ns, zone) % len(rota.people)]


def _turn(rota: Rota, at_ns: int, zone: ZoneInfo) -> int:
    """How many hand-overs lie between `start` and the instant; negative before it."""
    span = timedelta(weeks=rota.weeks)
    start = written(rota.start)
    guess = (local_time(at_ns, zone).replace(tzinfo=None) - start) // span
    return max(turn for turn in (guess - 1, guess, guess + 1) if _handover_ns(start, span, turn, zone) <= at_ns)


def _handover_ns(start: datetime, span: timedelta, turn: int, zone: ZoneInfo) -> int:
    return instant_ns(start + turn * span, zone)
