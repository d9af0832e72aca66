"""One camera's pipeline from a decoded look to findings, without threads: the live box and replay share it.

grid → notice() → a Request, when something is worth a look
Request + detections → conclude() → findings
nothing moved → idle() → findings that only time brings (loitering, blocked)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from common.clock import SECOND_NS
from pipelines.background_model import BackgroundModel
from pipelines.crops.crop_planner import doubt, plan
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
"""Objects that stand still are looked at this often."""
STOPPED_S = 0.8
"""One that moved and that nothing stirs any more has stopped, or is gone: the detector looks after so long …"""
DOUBTED_S = 2.0
"""… and so often at one that it did not find where it stood."""
MOST_DOUBTS = 2
"""Second opinions in one look."""


@dataclass(frozen=True)
class InferencePlan:
    """Where the detector should look in one frame.

    Attributes:
        views: What it is shown.
        activity: What moved.
        time_ns: Of the frame.
    """

    views: tuple[CropView, ...]
    activity: Motion
    time_ns: int


@dataclass
class CameraPipeline:
    """Gate, tracker and rules of one camera. Not thread-safe.

    Args:
        size: Width and height of the watched picture, pixels.
        rules: The camera's rules, from `build_rules`.
        side_px: Side of the detector's square input.
    """

    size: tuple[int, int]
    rules: list[Rule]
    side_px: int = 416
    gate: MotionDetector = field(default_factory=MotionDetector)
    tracker: Tracker = field(init=False)
    _ground: BackgroundModel = field(default_factory=BackgroundModel)
    _grid: Luma | None = None
    _pending: DeferredFindings = field(default_factory=DeferredFindings)
    _opinions: int = 0
    _asked_ns: dict[int, int] = field(default_factory=dict)
    _time_ns: int = 0

    def __post_init__(self) -> None:
        self.tracker = Tracker(self.size)

    def notice(self, grid: Luma, time_ns: int) -> InferencePlan | None:
        """Run the gate on one look.

        Args:
            grid: Luma at the gate's resolution.
            time_ns: Of the frame.

        Returns:
            Where to look, or None when nothing is worth it.
        """
        activity = self.gate.look(grid, time_ns)
        followed = [self._fractions(track.box) for track in self.tracker.tracks if track.decided or track.moved]
        self._ground.learn(grid, [*activity.regions, *activity.blobs, *followed], time_ns)
        self._grid = grid
        regions = activity.regions + self._overdue(time_ns)
        if not regions:
            return None
        things = [track.box for track in self.tracker.tracks if track.decided]
        things += [self._pixels(blob) for blob in activity.blobs]
        views = plan(regions, tuple(things), self.size, self.side_px)
        return InferencePlan(views + self._second_opinions(), activity, time_ns)

    def conclude(self, request: InferencePlan, found: Detections) -> list[Finding]:
        """Take in what the detector found in the request's views (in pixels of the whole picture)."""
        time_ns = self._time_ns = max(request.time_ns, self._time_ns)
        blobs = [self._pixels(box) for box in request.activity.blobs]
        moved = [self._pixels(box) for box in request.activity.regions]
        looked = [view.box for view in request.views]
        self.tracker.update(FrameObservation(found, looked, time_ns, blobs, moved, self._standing()))
        things = [track.box for track in self.tracker.tracks if track.updated and (track.decided or track.moved)]
        for region, box in zip(request.activity.regions, moved, strict=True):
            self.gate.feedback(region, any(overlap(box, thing) for thing in things), time_ns)
        return self._judge(time_ns)

    def idle(self, time_ns: int) -> list[Finding]:
        """Let time pass over the rules when nothing moved."""
        if not self.tracker.tracks:
            return []
        time_ns = self._time_ns = max(time_ns, self._time_ns)
        self.tracker.update(FrameObservation(Detections.none(), (), time_ns, standing=self._standing()))
        return self._judge(time_ns)

    def _standing(self) -> frozenset[int]:
        """Tracks that have moved and at whose place something stands."""
        if self._grid is None:
            return frozenset()
        grid = self._grid
        moved = [track for track in self.tracker.tracks if track.moved and track.decided]
        return frozenset(track.id for track in moved if self._ground.stands(grid, self._fractions(track.box)))

    def _judge(self, time_ns: int) -> list[Finding]:
        tracks = [track for track in self.tracker.tracks if track.confirmed]
        new = [finding for rule in self.rules for finding in rule.judge(tracks, time_ns)]
        return self._pending.settle(new, self.tracker.tracks)

    def _second_opinions(self) -> tuple[CropView, ...]:
        """Views of things that move on and that the detector does not know."""
        unknown = [t for t in self.tracker.tracks if not t.decided and t.looks >= 2 and t.updated]
        unknown.sort(key=lambda track: -track.box.area)
        self._opinions += 1
        return tuple(view for track in unknown[:MOST_DOUBTS] for view in self._opinions_of(track))

    def _opinions_of(self, track: Track) -> tuple[CropView, ...]:
        velocity = (track.filter.vx, track.filter.vy)
        return doubt(track.box, velocity, self._opinions, self.size)

    def _overdue(self, time_ns: int) -> tuple[Box, ...]:
        """Boxes of live tracks that have not been looked at for long, in fractions."""
        tracks = self.tracker.tracks
        self._asked_ns = {it.id: self._asked_ns[it.id] for it in tracks if it.id in self._asked_ns}
        overdue = [track for track in tracks if self._is_overdue(track, time_ns)]
        self._asked_ns |= {track.id: time_ns for track in overdue}
        return tuple(self._fractions(track.box) for track in overdue)

    def _is_overdue(self, track: Track, time_ns: int) -> bool:
        if track.still_since_ns is not None:
            patience_s = RECHECK_S if track.missed_ns is None else DOUBTED_S
        elif track.decided and track.confirmed:
            patience_s = STOPPED_S
        else:
            return False
        last_ns = max(track.seen_ns, self._asked_ns.get(track.id, track.seen_ns))
        return time_ns - last_ns >= patience_s * SECOND_NS

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
    """The rules of one camera; `open_at` gives a schedule by its name."""
    configured: dict[str, Iterable[ZoneSettings | LineSettings]] = {"zones": zones, "lines": lines}
    return [
        RULES[key](entry, size, open_at(entry.schedule)) for key, entries in configured.items() for entry in entries
    ]
