"""Alerts that the aggregator opens by itself. No box sends these kinds, and they are no part of the protocol."""

from __future__ import annotations

from protocol.envelope import Event
from protocol.event_types import Data

BOX_LOST, BOX_BACK, UPLINK_LOST, UPLINK_BACK = "box.lost", "box.back", "uplink.lost", "uplink.back"


class Noticed(Data, frozen=True, kw_only=True):
    """What the aggregator noticed by itself; there is nothing to add."""


def noticed(kind: str, event_id: str, where: tuple[str, str], time_ns: int) -> Event:
    """What the aggregator noticed of (site, box), or with an empty box of a site, at UTC nanoseconds.

    It goes through the alerts like an event of a box, and is not stored among the events.
    """
    site, box = where
    return Event(event_id, site, box, box, kind, time_ns, 0, Noticed())
