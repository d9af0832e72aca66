"""Rules: tracks in, drafts' data out. Every rule is one class and one line in `RULES`.

A rule is asked after every look, also when nothing moved (time passes for those who loiter). It keeps its state by
track number and forgets a track with the tracker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypedDict

from common.clock import SECOND_NS
from events.kinds import (
    Data,
    ObjectClass,
    ZoneBlocked,
    ZoneCrowded,
    ZoneData,
    ZoneEntered,
    ZoneLeft,
    ZoneLoitering,
)
from pipelines.findings import Finding, Rule, concerns
from pipelines.geometry import Corners, signed_distance
from pipelines.lines import LineRule
from pipelines.settings import ZoneSettings
from pipelines.tracks import Track

HYSTERESIS = 0.012
"""A ground point must be this far over a border to change sides, share of the picture's mean side."""


class _ZoneFacts(TypedDict):
    zone: str
    object: ObjectClass
    track: int
    bbox: tuple[float, float, float, float]
    confidence: float


@dataclass
class _Stay:
    """One track and one zone."""

    inside: bool = False
    agree: int = 0
    entered_ns: int = 0
    loitered: bool = False
    blocked: bool = False


@dataclass
class ZoneRule:
    """Entered, left, loitering, crowded and blocked for one zone.

    An object counts as entered once it has been seen to move: what was parked there before the camera looked, and
    what the detector finds again after a blink, never alerts.

    Args:
        zone: The zone's settings.
        size: Width and height of the picture in pixels.
        open_at: The zone's schedule.
    """

    zone: ZoneSettings
    size: tuple[int, int]
    open_at: Callable[[int], bool]
    _stays: dict[int, _Stay] = field(default_factory=dict)
    _quiet_until: dict[tuple[type[Data], str], int] = field(default_factory=dict)
    _crowded: bool = False

    def __post_init__(self) -> None:
        width, height = self.size
        self._polygon: Corners = [(x * width, y * height) for x, y in self.zone.polygon]
        self._margin = HYSTERESIS * float((width * height) ** 0.5)

    def judge(self, tracks: Iterable[Track], time_ns: int) -> list[Finding]:
        """What is newly true of the zone."""
        live = list(tracks)
        for number in self._stays.keys() - {track.id for track in live}:
            del self._stays[number]
        mine = [track for track in live if concerns(track, self.zone.objects)]
        found: list[Finding] = []
        asleep = not self.open_at(time_ns)
        for track in mine:
            stay = self._stays.setdefault(track.id, _Stay())
            found += self._border(track, stay, time_ns)
            found += self._lasting(track, stay, time_ns)
        found += self._crowd(mine, time_ns)
        return [] if asleep else [f for f in found if self._not_quiet(f, time_ns)]

    def _border(self, track: Track, stay: _Stay, time_ns: int) -> list[Finding]:
        """The change of sides, with hysteresis in space and inertia in looks."""
        if not track.updated:
            return []
        distance = signed_distance(self._polygon, *track.box.ground)
        changing = distance < -self._margin if stay.inside else distance > self._margin
        stay.agree = stay.agree + 1 if changing else 0
        if stay.agree < self.zone.inertia or not (stay.inside or track.moved):
            return []
        stay.agree, stay.inside = 0, not stay.inside
        stay.entered_ns, stay.loitered, stay.blocked = time_ns, False, False
        word: str = "entered" if stay.inside else "left"
        if word not in self.zone.report:
            return []
        facts = self._facts(track)
        return [self._finding(ZoneEntered(**facts) if stay.inside else ZoneLeft(**facts), track, time_ns)]

    def _lasting(self, track: Track, stay: _Stay, time_ns: int) -> list[Finding]:
        found: list[Finding] = []
        if not stay.inside:
            return found
        seconds = (time_ns - stay.entered_ns) / SECOND_NS
        limit_s, still_s = self.zone.loitering_s, self.zone.blocked_s
        if limit_s is not None and not stay.loitered and seconds >= limit_s:
            stay.loitered = True
            found.append(self._finding(ZoneLoitering(seconds=seconds, **self._facts(track)), track, time_ns))
        if track.still_since_ns is None:
            stay.blocked = False
        elif still_s is not None and not stay.blocked and time_ns - track.still_since_ns >= still_s * SECOND_NS:
            stay.blocked = True
            still = (time_ns - track.still_since_ns) / SECOND_NS
            found.append(self._finding(ZoneBlocked(seconds=still, **self._facts(track)), track, time_ns))
        return found

    def _crowd(self, tracks: list[Track], time_ns: int) -> list[Finding]:
        limit = self.zone.crowded_above
        if limit is None:
            return []
        inside = [track for track in tracks if track.decided and self._stays[track.id].inside]
        was, self._crowded = self._crowded, len(inside) > limit
        if was or not self._crowded:
            return []
        last = max(inside, key=lambda track: self._stays[track.id].entered_ns)
        return [self._finding(ZoneCrowded(count=len(inside), **self._facts(last)), last, time_ns)]

    def _finding(self, data: ZoneData, track: Track, time_ns: int) -> Finding:
        return Finding(data, track, self.zone.objects, time_ns)

    def _facts(self, track: Track) -> _ZoneFacts:
        x1, y1, x2, y2 = (round(value, 1) for value in track.box)
        confidence = round(min(1.0, max(0.0, track.confidence)), 3)
        return {
            "zone": self.zone.name,
            "object": track.object,
            "track": track.id,
            "bbox": (x1, y1, x2, y2),
            "confidence": confidence,
        }

    def _not_quiet(self, finding: Finding, time_ns: int) -> bool:
        key = (type(finding.data), finding.data.object)
        if time_ns < self._quiet_until.get(key, time_ns):
            return False
        self._quiet_until[key] = time_ns + round(self.zone.cooldown_s * SECOND_NS)
        return True


RULES: dict[str, Callable[..., Rule]] = {"zones": ZoneRule, "lines": LineRule}
"""Key of a camera's settings → the rule that judges each of its entries."""
