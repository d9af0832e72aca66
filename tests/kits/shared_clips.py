"""Clips with known truth, and what a camera is told about them, for `accuracy` and `replay`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import PaifangError
from edge.settings.node import CameraSettings
from edge.video.replay import PipelineMaker
from pipelines.camera import CameraPipeline, build_rules
from pipelines.settings import LineSettings, Point, ZoneSettings
from protocol.event_types import ObjectClass

DATA = Path(__file__).parents[3] / "shared" / "data"
PEOPLE_VEHICLES = DATA / "video_people_vehicles"
VEHICLES: tuple[ObjectClass, ...] = ("car", "bus", "truck")
PEOPLE: tuple[ObjectClass, ...] = ("person",)
EVIDENCE = 0.08
"""The detector's threshold, as on the box: weak detections add up."""

Frames = tuple[float, float]
"""First and last frame in which an event is true."""


@dataclass(frozen=True)
class Case:
    """One clip with one rule.

    Attributes:
        key: Name in the figures.
        file: Below `PEOPLE_VEHICLES`.
        objects: Classes that the rule is about.
        line: Start and end, fractions of the picture; or None.
        zone: Polygon, fractions; or None.
        truth: When each event happened, frames; see `truth_of`.
    """

    key: str
    file: str
    objects: tuple[ObjectClass, ...]
    line: tuple[Point, Point] | None = None
    zone: tuple[Point, ...] | None = None
    truth: tuple[int, ...] = ()

    def camera(self, looks_per_s: float = 5.0) -> CameraSettings:
        """A camera with that rule, and beside it rules for which nothing may ever be reported."""
        other = VEHICLES if self.objects == PEOPLE else PEOPLE
        lines = [LineSettings("wrong-class-line", ((0.5, 0.0), (0.5, 1.0)), objects=other)]
        zones = [ZoneSettings("wrong-class", ((0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)), objects=other)]
        if self.line is not None:
            lines.append(LineSettings("rule", self.line, objects=self.objects))
        if self.zone is not None:
            zones.append(ZoneSettings("rule", self.zone, objects=self.objects))
        return CameraSettings(self.key, self.file, looks_per_s=looks_per_s, zones=tuple(zones), lines=tuple(lines))


ROAD: tuple[Point, ...] = ((0.02, 0.3), (0.98, 0.3), (0.98, 0.98), (0.02, 0.98))
ROOM: tuple[Point, ...] = ((0.05, 0.2), (0.95, 0.2), (0.95, 0.99), (0.05, 0.99))
ACROSS: tuple[Point, Point] = ((0.0, 0.5), (1.0, 0.5))
DOWN: tuple[Point, Point] = ((0.5, 0.0), (0.5, 1.0))
VTEST_CROSSINGS = (24, 59, 103, 158, 180, 220, 254, 279, 288, 311, 332, 347, 350, 361)
"""Frames in which somebody's feet cross the vertical middle of vtest's first half: read by eye from sheets of every
fifth to seventh frame around the line and from a slit scan of the middle column, +-4 frames."""

CASES = (
    Case("car_detection", "car-detection.mp4", VEHICLES, line=ACROSS),
    Case("bgs_video", "bgs_video.avi", VEHICLES, zone=ROAD),
    Case("bgs_video_line", "bgs_video.avi", VEHICLES, line=DOWN),
    Case("one_by_one", "one-by-one-person-detection.mp4", PEOPLE, zone=ROOM),
    Case("vtest", "vtest_frames0-396_h264.mp4", PEOPLE, line=DOWN, truth=VTEST_CROSSINGS),
)


def truth_of(case: Case, folder: Path = PEOPLE_VEHICLES) -> list[Frames]:
    """When each event of a case is true: the time that the object is in the picture, or the crossing with its slack."""
    if case.truth:
        return [(frame - 12, frame + 12) for frame in case.truth]
    rows = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    (row,) = [row for row in rows if row["file"] == case.file]
    spans = [event.get("visible") or (event["enter"], event["leave"]) for event in row["events"]]
    return [(first - 7, last + 7) for first, last in spans]


def match(truth: list[Frames], seen: list[float]) -> int:
    """How many of the true spans have an event of their own: greedy by the end of the span, which is optimal."""
    left = sorted(seen)
    found = 0
    for first, last in sorted(truth, key=lambda span: span[1]):
        fits = next((frame for frame in left if first <= frame <= last), None)
        if fits is not None:
            left.remove(fits)
            found += 1
    return found


def pipeline_maker(camera: CameraSettings) -> PipelineMaker:
    """Pipelines of a camera without schedules."""

    def make(size: tuple[int, int]) -> CameraPipeline:
        return CameraPipeline(size, build_rules(camera.zones, camera.lines, size, _always), camera.input_px)

    return make


def clip(name: str) -> Path:
    """A clip's path.

    Raises:
        PaifangError: It is not on this machine.
    """
    path = PEOPLE_VEHICLES / name
    if not path.is_file():
        raise PaifangError(f"{path} is missing: this benchmark needs the shared clips beside the repository")
    return path


def _always(_name: str) -> Callable[[int], bool]:
    return lambda _time_ns: True
