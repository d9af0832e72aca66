"""Inhibition: an alert that follows from another one is not shown beside it.

Topology, from the top: a site's uplink, its boxes, a box's cameras and doors, the rules of a camera. While the alert of
a cause is active, alerts that follow from it are inhibited with the cause as the reason: a lost box with 50 cameras is
one alert. Only consequences are inhibited, never what happens at the same time: not a forced door, not a covered lens,
and nothing critical. What a camera saw before it was lost is never inhibited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from aggregator.domain.alerts.own_kinds import BOX_LOST, UPLINK_LOST
from aggregator.domain.quiet.matching import Matchable
from common.clock import SECOND_NS

Level = Literal["site", "box", "device"]
LEAD_S = 300.0
"""A consequence may be seen this much sooner than its cause: a broker notices a lost box only after the keep-alive
time."""
HOLD_S = 60.0
"""How long after the cause's end a consequence stays inhibited: devices need time to come back, and a box sends late
what it saw meanwhile."""
RULE_KINDS = ("zone.entered", "zone.loitering", "zone.crowded", "zone.blocked", "line.crossed")


@dataclass(frozen=True)
class Edge:
    """A cause of a kind of alert.

    Attributes:
        kind: Of the cause's alert.
        level: Where the cause is: at the alert's site, box or device.
        lead_s: How much sooner than the cause the consequence may begin.
    """

    kind: str
    level: Level
    lead_s: float = LEAD_S


_UPLINK, _BOX = Edge(UPLINK_LOST, "site"), Edge(BOX_LOST, "box")
_CAMERA = Edge("camera.lost", "device")
_BLIND = (Edge("camera.lost", "device", 0.0), Edge("camera.frozen", "device", 0.0))
CAUSES: dict[str, tuple[Edge, ...]] = {
    BOX_LOST: (_UPLINK,),
    "camera.lost": (_UPLINK, _BOX),
    "door.offline": (_UPLINK, _BOX),
    "camera.frozen": (_UPLINK, _BOX, _CAMERA),
    "footage.gap": (_UPLINK, _BOX, _CAMERA),
    **dict.fromkeys(RULE_KINDS, _BLIND),
}
"""Kind → its causes, the highest in the topology first."""
CONSEQUENCES: dict[str, tuple[str, ...]] = {
    cause: tuple(kind for kind, edges in CAUSES.items() if any(edge.kind == cause for edge in edges))
    for cause in {edge.kind for edges in CAUSES.values() for edge in edges}
}
"""Kind of a cause → the kinds that it inhibits."""


class Observed(Matchable, Protocol):
    """An alert with the times of its events, UTC nanoseconds."""

    @property
    def first_ns(self) -> int:
        """The first event."""

    @property
    def last_ns(self) -> int:
        """The newest event."""


@dataclass(frozen=True)
class CauseKey:
    """Where the alert of a cause would be. `place` is the box for a box, and empty for a site's uplink."""

    kind: str
    site: str
    box: str
    place: str


@dataclass(frozen=True)
class Cause:
    """The alert of a cause.

    Attributes:
        id: Its id.
        since_ns: When its condition began.
        ended_ns: When its condition ended; None: it is active.
    """

    id: str
    since_ns: int
    ended_ns: int | None = None


@dataclass(frozen=True)
class Inhibition:
    """An alert is inhibited by another; `until_ns` is known once the cause has ended."""

    by: str
    until_ns: int | None = None


def key_of(edge: Edge, alert: Matchable) -> CauseKey:
    """Where to look for the cause of an alert."""
    if edge.level == "site":
        return CauseKey(edge.kind, alert.site, "", "")
    return CauseKey(edge.kind, alert.site, alert.box, alert.box if edge.level == "box" else alert.place)


def inhibited(
    alert: Observed, ended_ns: int | None, find: Callable[[CauseKey], Cause | None], now_ns: int
) -> Inhibition | None:
    """Whether an alert is inhibited now: by the highest cause in the topology.

    Args:
        alert: The alert.
        ended_ns: When its condition ended; None: it is active.
        find: The newest alert of a cause.
        now_ns: The wall clock.
    """
    if alert.severity == "critical":
        return None
    for edge in CAUSES.get(alert.kind, ()):
        cause = find(key_of(edge, alert))
        if cause is not None and (inhibition := _by(edge, cause, alert, ended_ns, now_ns)) is not None:
            return inhibition
    return None


def _by(edge: Edge, cause: Cause, alert: Observed, ended_ns: int | None, now_ns: int) -> Inhibition | None:
    began_ns = alert.last_ns if edge.lead_s else alert.first_ns
    if began_ns < cause.since_ns - round(edge.lead_s * SECOND_NS):
        return None
    if cause.ended_ns is None:
        return Inhibition(cause.id)
    limit_ns = cause.ended_ns + round(HOLD_S * SECOND_NS)
    if began_ns > limit_ns:
        return None
    if ended_ns is not None:  # it came and went with its cause: it stays where it is
        return Inhibition(cause.id) if ended_ns <= limit_ns else None
    return Inhibition(cause.id, limit_ns) if now_ns < limit_ns else None
