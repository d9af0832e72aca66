"""States that last: what stops dead, what stood there before, what is cut by the picture's edge or leaves over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from pipeline_kit import LOOK_NS, SIZE, T0, detections, grid_of, pipeline, scenery, with_block

from pipelines.background_model import BackgroundModel
from pipelines.camera import CameraPipeline
from pipelines.geometry import distance_within
from pipelines.settings import ZoneSettings
from pipelines.types import Box, Picture
from protocol.event_types import KIND_OF, ZoneBlocked, ZoneLoitering

WIDTH, HEIGHT = SIZE
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LANE = ((0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95))
STOP = Box(300, 120, 380, 220)


def zone(polygon: Sequence[tuple[float, float]] = LANE, **more: object) -> ZoneSettings:
    facts = {"objects": ("person", "car"), "report": ("entered", "left"), "cooldown_s": 0.0} | more
    return ZoneSettings("lane", tuple(polygon), **facts)  # type: ignore[arg-type]


def story(
    camera: CameraPipeline,
    boxes: Sequence[Box | None],
    kind: str = "car",
    blind_from: int = 10**9,
    background: Picture | None = None,
) -> list[tuple[int, str]]:
    """(look, kind) of what is told; the detector finds nothing any more from a look on."""
    ground = scenery() if background is None else background
    told: list[tuple[int, str]] = []
    for i, box in enumerate(boxes):
        picture = ground if box is None else with_block(ground, box)
        time_ns = T0 + i * LOOK_NS
        request = camera.plan_inference(grid_of(picture), time_ns)
        seen = box is not None and i < blind_from
        found = detections((box, 0.8, kind)) if box is not None and seen else detections()
        findings = camera.update(request, found) if request else camera.idle(time_ns)
        told += [(i, KIND_OF[type(it.data)]) for it in findings]
    return told


def arrives(looks: int = 25) -> list[Box | None]:
    """Nobody for four seconds, then something comes from the left and stops at `STOP`."""
    way = [Box(STOP.x1 - 10 * i, STOP.y1, STOP.x2 - 10 * i, STOP.y2) for i in range(looks, 0, -1)]
    return [None] * 20 + [*way]


@pytest.mark.parametrize("blind_from", [45, 10**9])
def test_what_stops_dead_stands_there_also_where_the_detector_is_blind_to_it(blind_from: int) -> None:
    camera = pipeline(zone(blocked_s=10.0, loitering_s=20.0))
    told = story(camera, [*arrives(), *[STOP] * 150], blind_from=blind_from)
    assert [name for _, name in told] == ["zone.entered", "zone.blocked", "zone.loitering"]
    stopped = len(arrives())
    assert stopped + 45 <= told[1][0] <= stopped + 60
    assert stopped + 75 <= told[2][0] <= stopped + 110


def test_what_goes_through_a_door_inside_the_picture_does_not_stay() -> None:
    camera = pipeline(zone(blocked_s=3.0, loitering_s=10.0))
    told = story(camera, [*arrives(), STOP, *[None] * 120], kind="person", blind_from=45)
    assert [name for _, name in told] == ["zone.entered"]
    assert camera.tracker.tracks == ()


def test_what_stands_and_drives_on_has_left_at_the_pictures_edge() -> None:
    camera = pipeline(zone(WHOLE))
    leaves = [Box(STOP.x1 + 12 * i, STOP.y1, min(STOP.x2 + 12 * i, WIDTH), STOP.y2) for i in range(1, 28)]
    told = story(camera, [*arrives(), *[STOP] * 40, *leaves, *[None] * 20])
    assert [name for _, name in told] == ["zone.entered", "zone.left"]


def test_what_is_lost_in_the_middle_of_a_zone_has_not_left() -> None:
    camera = pipeline(zone(WHOLE))
    told = story(camera, [*arrives(), STOP, *[None] * 40], kind="person", blind_from=45)
    assert [name for _, name in told] == ["zone.entered"]


@pytest.mark.parametrize("edge", ["bottom", "left", "right"])
def test_what_the_pictures_edge_cuts_stands_in_the_zone(edge: str) -> None:
    """Feet below the picture: no ground point is ever far inside a border that is the picture's own."""
    if edge == "bottom":
        way = [Box(200 + 4 * i, HEIGHT - 10 - 5 * i, 260 + 4 * i, HEIGHT) for i in range(26)]
    elif edge == "left":
        way = [Box(0, 100, 10 + 4 * i, 200) for i in range(26)]
    else:
        way = [Box(WIDTH - 10 - 4 * i, 100, WIDTH, 200) for i in range(26)]
    told = story(pipeline(zone(WHOLE)), [None] * 10 + [*way], kind="person")
    assert [name for _, name in told] == ["zone.entered"]


def test_a_car_that_stood_there_before_blocks_once_for_its_place() -> None:
    """It is seen only when somebody passes; it never enters, and being found again is no second report."""
    camera = pipeline(zone(objects=("car",), blocked_s=4.0))
    told: list[str] = []
    ground = with_block(scenery(), STOP)
    for i in range(400):
        passes = i % 150 < 30
        walker = Box(40 + 15 * (i % 150), 230, 70 + 15 * (i % 150), 320)
        picture = with_block(ground, walker, 20) if passes else ground
        request = camera.plan_inference(grid_of(picture), T0 + i * LOOK_NS)
        facts = [(STOP, 0.8, "car")] if i < 120 or i > 220 else []
        facts += [(walker, 0.8, "person")] if passes else []
        findings = camera.update(request, detections(*facts)) if request else camera.idle(T0 + i * LOOK_NS)
        told += [KIND_OF[type(it.data)] for it in findings if isinstance(it.data, ZoneBlocked | ZoneLoitering)]
    assert told == ["zone.blocked"]


@pytest.mark.parametrize(
    ("point", "distance"),
    [((320, 360), 180), ((320, 400), 180), ((320, 180), 0), ((320, 100), -80), ((0, 300), 120), ((-5, 300), 120)],
)
def test_the_pictures_edge_is_no_border(point: tuple[float, float], distance: float) -> None:
    lower = [(0.0, 180.0), (640.0, 180.0), (640.0, 360.0), (0.0, 360.0)]
    assert distance_within(lower, point, SIZE) == pytest.approx(distance)


def test_the_ground_is_learned_only_where_nothing_is() -> None:
    ground, empty = BackgroundModel(), grid_of(scenery())
    block = with_block(scenery(), STOP)
    place = Box(STOP.x1 / WIDTH, STOP.y1 / HEIGHT, STOP.x2 / WIDTH, STOP.y2 / HEIGHT)
    second_ns = 5 * LOOK_NS
    ground.learn(empty, (), T0)
    for i in range(1, 120):
        ground.learn(grid_of(block), [place], T0 + i * second_ns)
    assert ground.has_foreground(grid_of(block), place)
    assert not ground.has_foreground(empty, place)
    darker = np.clip(empty.astype(np.int16) - 40, 0, 255).astype(np.uint8)
    assert not ground.has_foreground(darker, place)
    assert not BackgroundModel().has_foreground(empty, place)
