"""One camera's pipeline from a decoded frame to findings, without threads: the live box and replay share it.

grid → plan_inference() → an InferencePlan, if something needs inspection
InferencePlan + detections → update() → findings
no motion → idle() → findings that depend on time only (loitering, blocked)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from common.clock import SECOND_NS
from pipelines.background_model import BackgroundModel
from pipelines.crops.crop_planner import plan as plan_crops
from pipelines.crops.crop_planner import second_opinion_views
from pipelines.crops.crop_view import CropView
from pipelines.findings import DeferredFindings, Finding, Rule
from pipelines.geometry import overlap
from pipelines.motion_detector import Motion, MotionDetector
from pipelines.rules.zone_rules import RULES
from pipelines.settings import LineSettings, ZoneSettings
from pipelines.tracking.track import Track
from pipelines.tracking.tracker import FrameObservation, Tracker
from pipelines.types import Box, Detections, Luma

RECHECK_S = 10.0
"""Inspection interval of stationary objects."""
STOPPED_S = 0.8
"""Time without motion after which an object that moved is inspected: it has stopped, or left …"""
MISSING_RECHECK_S = 2.0
"""… and the interval for one that was not found at its position."""
MAX_SECOND_OPINIONS = 2
"""Maximum number of second opinions in one frame."""


@dataclass(frozen=True)
class InferencePlan:
    """The views of one frame for the detector.

    Attributes:
        views: Crops for the detector.
        motion: What moved.
        time_ns: Of the frame.
    """

    views: tuple[CropView, ...]
    motion: Motion
    time_ns: int


@dataclass
class CameraPipeline:
    """Motion detector, tracker and rules of one camera. Not thread-safe.

    Args:
        size: Width and height of the watched picture, pixels.
        rules: The camera's rules, from `build_rules`.
        side_px: Side of the detector's square input.
    """

    size: tuple[int, int]
    rules: list[Rule]
    side_px: int = 416
    motion_detector: MotionDetector = field(default_factory=MotionDetector)
    tracker: Tracker = field(init=False)
    _background: BackgroundModel = field(default_factory=BackgroundModel)
    _grid: Luma | None = None
    _pending: DeferredFindings = field(default_factory=DeferredFindings)
    _opinion_count: int = 0
    _last_request_ns: dict[int, int] = field(default_factory=dict)
    _time_ns: int = 0

    def __post_init__(self) -> None:
        self.tracker = Tracker(self.size)

    def plan_inference(self, grid: Luma, time_ns: int) -> InferencePlan | None:
        """Run motion detection on one frame.

        Args:
            grid: Luma at the motion detector's resolution.
            time_ns: Of the frame.

        Returns:
            Views to inspect, or None if there are none.
        """
        motion = self.motion_detector.update(grid, time_ns)
        tracked_boxes = [self._fractions(track.box) for track in self.tracker.tracks if track.decided or track.moved]
        self._background.learn(grid, [*motion.regions, *motion.blobs, *tracked_boxes], time_ns)
        self._grid = grid
        regions = motion.regions + self._overdue(time_ns)
        if not regions:
            return None
        object_boxes = [track.box for track in self.tracker.tracks if track.decided]
        object_boxes += [self._pixels(blob) for blob in motion.blobs]
        views = plan_crops(regions, tuple(object_boxes), self.size, self.side_px)
        return InferencePlan(views + self._second_opinions(), motion, time_ns)

    def update(self, plan: InferencePlan, found: Detections) -> list[Finding]:
        """Take the detections in the plan's views (in pixels of the whole picture)."""
        time_ns = self._time_ns = max(plan.time_ns, self._time_ns)
        blobs = [self._pixels(box) for box in plan.motion.blobs]
        moved = [self._pixels(box) for box in plan.motion.regions]
        inspected = [view.box for view in plan.views]
        self.tracker.update(FrameObservation(found, inspected, time_ns, blobs, moved, self._stationary_tracks()))
        object_boxes = [track.box for track in self.tracker.tracks if track.updated and (track.decided or track.moved)]
        for region, box in zip(plan.motion.regions, moved, strict=True):
            self.motion_detector.feedback(region, any(overlap(box, object_box) for object_box in object_boxes), time_ns)
        return self._evaluate_rules(time_ns)

    def idle(self, time_ns: int) -> list[Finding]:
        """Evaluate the rules without motion."""
        if not self.tracker.tracks:
            return []
        time_ns = self._time_ns = max(time_ns, self._time_ns)
        self.tracker.update(FrameObservation(Detections.none(), (), time_ns, standing=self._stationary_tracks()))
        return self._evaluate_rules(time_ns)

    def _stationary_tracks(self) -> frozenset[int]:
        """Tracks that have moved and at whose position there is foreground."""
        if self._grid is None:
            return frozenset()
        grid = self._grid
        moved = [track for track in self.tracker.tracks if track.moved and track.decided]
        return frozenset(
            track.id for track in moved if self._background.has_foreground(grid, self._fractions(track.box))
        )

    def _evaluate_rules(self, time_ns: int) -> list[Finding]:
        tracks = [track for track in self.tracker.tracks if track.confirmed]
        new = [finding for rule in self.rules for finding in rule.judge(tracks, time_ns)]
        return self._pending.release(new, self.tracker.tracks)

    def _second_opinions(self) -> tuple[CropView, ...]:
        """Views of moving objects without a class."""
        unknown = [t for t in self.tracker.tracks if not t.decided and t.observations >= 2 and t.updated]
        unknown.sort(key=lambda track: -track.box.area)
        self._opinion_count += 1
        return tuple(view for track in unknown[:MAX_SECOND_OPINIONS] for view in self._second_opinion_of(track))

    def _second_opinion_of(self, track: Track) -> tuple[CropView, ...]:
        velocity = (track.filter.vx, track.filter.vy)
        return second_opinion_views(track.box, velocity, self._opinion_count, self.size)

    def _overdue(self, time_ns: int) -> tuple[Box, ...]:
        """Boxes of tracks that are due for inspection, in fractions."""
        tracks = self.tracker.tracks
        self._last_request_ns = {it.id: self._last_request_ns[it.id] for it in tracks if it.id in self._last_request_ns}
        overdue = [track for track in tracks if self._is_overdue(track, time_ns)]
        self._last_request_ns |= {track.id: time_ns for track in overdue}
        return tuple(self._fractions(track.box) for track in overdue)

    def _is_overdue(self, track: Track, time_ns: int) -> bool:
        if track.still_since_ns is not None:
            interval_s = RECHECK_S if track.missed_ns is None else MISSING_RECHECK_S
        elif track.decided and track.confirmed:
            interval_s = STOPPED_S
        else:
            return False
        last_ns = max(track.seen_ns, self._last_request_ns.get(track.id, track.seen_ns))
        return time_ns - last_ns >= interval_s * SECOND_NS

    def _fractions(self, box: Box) -> Box:
        width, height = self.size
        return Box(box.x1 / width, box.y1 / height, box.x2 / width, box.y2 / height)

    def _pixels(self, box: Box) -> Box:
        width, height = self.size
        return Box(box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height)


def build_rules(
    zones: Iterable[ZoneSettings],
    lines: Iterable[LineSettings],
    size: tuple[int, int],
    open_at: Callable[[str], Callable[[int], bool]],
) -> list[Rule]:
    """The rules of one camera; `open_at` returns a schedule by its name."""
    configured: dict[str, Iterable[ZoneSettings | LineSettings]] = {"zones": zones, "lines": lines}
    return [
        RULES[key](entry, size, open_at(entry.schedule)) for key, entries in configured.items() for entry in entries
    ]
