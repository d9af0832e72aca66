"""Who is on call at an instant.

Hand-overs are at the same local time, whatever daylight saving does: the hand-over of an hour that occurs twice is at
its first occurrence, that of an hour that does not occur is when the clock has jumped over it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aggregator.settings.escalation import Rota, local_time
from common.clock import SECOND_NS


def on_call(rota: Rota, at_ns: int, site_zone: ZoneInfo) -> str:
    """The user who is on call.

    Args:
        rota: The rota.
        at_ns: The instant, UTC nanoseconds.
        site_zone: Where the rota names no zone of its own.
    """
    zone = ZoneInfo(rota.timezone) if rota.timezone else site_zone
    for override in rota.overrides:
        if _instant_ns(local_time(override.start), zone) <= at_ns < _instant_ns(local_time(override.end), zone):
            return override.user
    return rota.people[_turn(rota, at_ns, zone) % len(rota.people)]


def _turn(rota: Rota, at_ns: int, zone: ZoneInfo) -> int:
    """How many hand-overs lie between `start` and the instant; negative before it."""
    span = timedelta(weeks=rota.weeks)
    start = local_time(rota.start)
    guess = (_local(at_ns, zone) - start) // span
    return max(turn for turn in (guess - 1, guess, guess + 1) if _handover_ns(start, span, turn, zone) <= at_ns)


def _handover_ns(start: datetime, span: timedelta, turn: int, zone: ZoneInfo) -> int:
    return _instant_ns(start + turn * span, zone)


def _instant_ns(local: datetime, zone: ZoneInfo) -> int:
    return round(local.replace(tzinfo=zone, fold=0).timestamp()) * SECOND_NS


def _local(at_ns: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).astimezone(zone).replace(tzinfo=None)
