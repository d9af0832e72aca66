"""The rule for directed lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from common.clock import SECOND_NS
from pipelines.findings import Finding, concerns
from pipelines.geometry import crosses_segment, side_of_line
from pipelines.settings import LineSettings
from pipelines.tracking.track import Track
from protocol.event_types import Direction, LineCrossed

HYSTERESIS = 0.008
"""A ground point must be this far from the line to be on a side, share of the picture's mean side."""

Point = tuple[float, float]


@dataclass
class LineRule:
    """Counts tracks over one directed line, once per crossing.

    A track is on a side once its ground point is clearly there. It crosses when it is next clearly on the other side
    and its way met the segment; hovering on the line gives nothing.

    Args:
        line: The line's settings.
        size: Width and height of the picture in pixels.
        open_at: The line's schedule.
    """

    line: LineSettings
    size: tuple[int, int]
    open_at: Callable[[int], bool]
    _last: dict[int, tuple[bool, Point]] = field(default_factory=dict)
    _quiet_until: dict[tuple[Direction, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        width, height = self.size
        (x1, y1), (x2, y2) = self.line.points
        self._start, self._end = (x1 * width, y1 * height), (x2 * width, y2 * height)
        self._margin = HYSTERESIS * float((width * height) ** 0.5)
        self._min_height_px = self.line.min_height * height

    def judge(self, tracks: Iterable[Track], time_ns: int) -> list[Finding]:
        """Crossings that this frame completed."""
        live = list(tracks)
        for number in self._last.keys() - {track.id for track in live}:
            del self._last[number]
        is_inactive = not self.open_at(time_ns)
        found = []
        for track in live:
            if not concerns(track, self.line.objects):
                continue
            direction = self._direction(track)
            if track.box.height < self._min_height_px:
                continue  # it has crossed, and does not count
            if direction in self.line.directions and not is_inactive and self._is_reportable(direction, track, time_ns):
                data = LineCrossed(line=self.line.name, direction=direction, object=track.object, track=track.id)
                found.append(Finding(data, track, self.line.objects, time_ns))
        return found

    def _direction(self, track: Track) -> Direction | None:
        now = track.box.ground
        distance = side_of_line(self._start, self._end, now)
        if not track.updated or abs(distance) < self._margin:
            return None
        right = distance > 0
        was_right, way_from = self._last.get(track.id) or self._first_position(track, right)
        self._last[track.id] = (right, now)
        if was_right == right or not crosses_segment(self._start, self._end, way_from, now):
            return None
        return "forward" if right else "backward"

    def _first_position(self, track: Track, right: bool) -> tuple[bool, Point]:
        """Where a new track was first seen: a fast object may cross before it is confirmed."""
        distance = side_of_line(self._start, self._end, track.start_point)
        return (distance > 0 if abs(distance) >= self._margin else right), track.start_point

    def _is_reportable(self, direction: Direction, track: Track, time_ns: int) -> bool:
        key = (direction, track.object)
        if time_ns < self._quiet_until.get(key, time_ns):
            return False
        self._quiet_until[key] = time_ns + round(self.line.cooldown_s * SECOND_NS)
        return True
