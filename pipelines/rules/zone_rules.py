"""Rules: tracks in, data of events out. Every rule is one class and one line in `RULES`.

A rule is asked after every frame, also when nothing moved (time passes for those who loiter). It keeps its state by
track number and forgets a track with the tracker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypedDict

from common.clock import SECOND_NS
from pipelines.findings import Finding, Rule, concerns
from pipelines.geometry import Corners, distance_within, iou, snapped
from pipelines.rules.line_rule import LineRule
from pipelines.settings import ZoneSettings
from pipelines.tracking.track import Track
from pipelines.types import Box
from protocol.event_types import (
    Data,
    ObjectClass,
    ZoneBlocked,
    ZoneCrowded,
    ZoneData,
    ZoneEntered,
    ZoneLeft,
    ZoneLoitering,
)

HYSTERESIS = 0.012
"""A ground point must be this far over a border to change sides, share of the picture's mean side."""
EDGE = 0.015
"""A zone's corner this close to the picture's edge lies on it, share of the picture's side. The edge of the picture is
no border of the zone: what the edge cuts stands in the zone, and what leaves over it has left."""
SAME_PLACE = 0.5
"""What stands where something was reported before, and overlaps it this much (IoU), is the same thing found again."""
REMEMBERED = 32


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
    consecutive: int = 0
    entered_ns: int = 0
    loitered: bool = False
    blocked: bool = False
    track: Track | None = None
    seen_at: Box | None = None


@dataclass
class ZoneRule:
    """Entered, left, loitering, crowded and blocked for one zone.

    An object counts as entered once it has been seen to move: what stood there before the camera started, and what the
    detector finds again after a blink, has not entered. How long something stands is a state of its own: a vehicle
    that stood there before blocks the zone as well, and is reported once for its place.

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
    _standing_boxes: list[Box] = field(default_factory=list)

    def __post_init__(self) -> None:
        width, height = self.size
        corners = [(snapped(x, EDGE), snapped(y, EDGE)) for x, y in self.zone.polygon]
        self._polygon: Corners = [(x * width, y * height) for x, y in corners]
        self._margin = HYSTERESIS * float((width * height) ** 0.5)
        self._min_height_px = self.zone.min_height * height

    def judge(self, tracks: Iterable[Track], time_ns: int) -> list[Finding]:
        """What is newly true of the zone."""
        live = list(tracks)
        found = [
            finding
            for number in self._stays.keys() - {track.id for track in live}
            for finding in self._ended(self._stays.pop(number), time_ns)
        ]
        own_tracks = [track for track in live if concerns(track, self.zone.objects)]
        is_inactive = not self.open_at(time_ns)
        for track in own_tracks:
            stay = self._stays.setdefault(track.id, _Stay())
            stay.track, stay.seen_at = track, track.box if track.updated else stay.seen_at
            found += self._border(track, stay, time_ns)
            found += self._lasting(track, stay, time_ns)
        found += self._crowd(own_tracks, time_ns)
        return [] if is_inactive else [f for f in found if self._is_reportable(f, time_ns)]

    def _border(self, track: Track, stay: _Stay, time_ns: int) -> list[Finding]:
        """The change of sides, with hysteresis in space and inertia in frames."""
        if not track.updated:
            return []
        distance = distance_within(self._polygon, track.box.ground, self.size)
        changing = distance < -self._margin if stay.inside else self._is_inside(track, distance)
        stay.consecutive = stay.consecutive + 1 if changing else 0
        if stay.consecutive < self.zone.inertia or not (stay.inside or track.moved):
            return []
        stay.consecutive, stay.inside = 0, not stay.inside
        stay.entered_ns, stay.loitered, stay.blocked = time_ns, False, False
        event: str = "entered" if stay.inside else "left"
        if event not in self.zone.report:
            return []
        facts = self._facts(track)
        return [self._finding(ZoneEntered(**facts) if stay.inside else ZoneLeft(**facts), track, time_ns)]

    def _ended(self, stay: _Stay, time_ns: int) -> list[Finding]:
        """A track that was inside and has ended has left, if it was last seen at the picture's border."""
        if not (stay.inside and stay.track and stay.seen_at and "left" in self.zone.report):
            return []
        box, (width, height) = stay.seen_at, self.size
        near = EDGE * max(width, height)
        if min(box.x1, box.y1, width - box.x2, height - box.y2) > near:
            return []
        return [self._finding(ZoneLeft(**self._facts(stay.track, box)), stay.track, time_ns)]

    def _lasting(self, track: Track, stay: _Stay, time_ns: int) -> list[Finding]:
        found: list[Finding] = []
        limit_s = self.zone.loitering_s
        seconds = (time_ns - stay.entered_ns) / SECOND_NS
        if stay.inside and limit_s is not None and not stay.loitered and seconds >= limit_s:
            stay.loitered = True
            found.append(self._finding(ZoneLoitering(seconds=seconds, **self._facts(track)), track, time_ns))
        return found + self._dwell_findings(track, stay, time_ns)

    def _dwell_findings(self, track: Track, stay: _Stay, time_ns: int) -> list[Finding]:
        still_s = self.zone.blocked_s
        if still_s is None:
            return []
        if track.still_since_ns is None:
            stay.blocked = False
            return []
        still = (time_ns - track.still_since_ns) / SECOND_NS
        if stay.blocked or still < still_s or not (stay.inside or self._stands_inside(track)):
            return []
        stay.blocked = True
        known = not track.moved and any(iou(track.box, box) > SAME_PLACE for box in self._standing_boxes)
        self._standing_boxes = [*self._standing_boxes, track.box][-REMEMBERED:]
        return [] if known else [self._finding(ZoneBlocked(seconds=still, **self._facts(track)), track, time_ns)]

    def _stands_inside(self, track: Track) -> bool:
        return track.decided and self._is_inside(track, distance_within(self._polygon, track.box.ground, self.size))

    def _is_inside(self, track: Track, distance: float) -> bool:
        """Whether a track counts as inside; one that is inside stays so when it becomes smaller, until it leaves."""
        return distance > self._margin and track.box.height >= self._min_height_px

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

    def _facts(self, track: Track, box: Box | None = None) -> _ZoneFacts:
        x1, y1, x2, y2 = (round(value, 1) for value in box or track.box)
        confidence = round(min(1.0, max(0.0, track.confidence)), 3)
        return {
            "zone": self.zone.name,
            "object": track.object,
            "track": track.id,
            "bbox": (x1, y1, x2, y2),
            "confidence": confidence,
        }

    def _is_reportable(self, finding: Finding, time_ns: int) -> bool:
        key = (type(finding.data), finding.data.object)
        if time_ns < self._quiet_until.get(key, time_ns):
            return False
        self._quiet_until[key] = time_ns + round(self.zone.cooldown_s * SECOND_NS)
        return True


RULES: dict[str, Callable[..., Rule]] = {"zones": ZoneRule, "lines": LineRule}
"""Key of a camera's settings → the rule that judges each of its entries."""
