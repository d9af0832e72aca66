"""Stills: redacted or not at all, from the newest frame, and not more often than the box affords."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
import cv2
import numpy as np
import pytest

from common.clock import FakeClock
from common.errors import ModelError, RedactionError, SettingsError, SourceLost
from edge.jobs.still_handler import KEEP_S, StillHandler
from edge.redaction.snapshots import SnapshotRedactor
from edge.redaction.stills import PERSON
from pipelines.types import Detections, Picture
from protocol.commands import Command

SHADES = (40, 200)


@dataclass
class Finder:
    """Finds what it is told to, or fails."""

    found: Detections = field(default_factory=Detections.none)
    problem: Exception | None = None
    asked: int = 0

    def detect(self, picture: Picture) -> Detections:
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        return self.found

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:
        assert size[0] % 32 == 0
        return self.detect(picture)


@dataclass
class Camera:
    newest: tuple[av.VideoFrame, int] | None = None

    def show(self, shade: int, time_ns: int) -> None:
        """Stripes of this shade: what is masked has none."""
        picture = np.full((360, 640, 3), shade, np.uint8)
        picture[:, ::16] = 255 - shade
        self.newest = av.VideoFrame.from_ndarray(picture, "bgr24"), time_ns


@dataclass
class Stills:
    """The handler with its fakes."""

    camera: Camera = field(default_factory=Camera)
    covers: Finder = field(default_factory=Finder)
    objects: Finder = field(default_factory=Finder)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        redactor = SnapshotRedactor(self.covers, self.covers, np.random.default_rng(1))
        self.handler = StillHandler({"cam-1": self.camera}, redactor, self.objects, self.clock)

    def ask(self, camera: str = "cam-1") -> tuple[Picture, int]:
        command = Command(id="x", name="still", target=camera, by="li", reason="wall", time_ns=0)
        reply = self.handler.still(command)
        assert reply.done
        assert reply.picture is not None
        shown = cv2.imdecode(np.frombuffer(reply.picture, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(shown, np.uint8), reply.picture_ns


def test_the_newest_frame_is_shown_with_its_time_and_made_once_within_ten_seconds() -> None:
    stills = Stills()
    stills.camera.show(SHADES[0], 5)
    first, time_ns = stills.ask()
    assert (round(float(first[4, 8:12].mean()), -1), time_ns) == (SHADES[0], 5)
    stills.camera.show(SHADES[1], 9)
    assert stills.ask()[1] == 5
    assert stills.objects.asked == 1
    stills.clock.advance(KEEP_S)
    second, time_ns = stills.ask()
    assert (round(float(second[4, 8:12].mean()), -1), time_ns) == (SHADES[1], 9)


def test_a_person_s_head_is_masked_even_without_a_face() -> None:
    stills = Stills()
    stills.camera.show(SHADES[0], 5)
    box = np.array([[200, 60, 300, 340]], np.float32)
    stills.objects.found = Detections(box, np.array([0.9], np.float32), np.array([PERSON], np.int64))
    shown, _ = stills.ask()
    head, floor = shown[75:95, 240:260], shown[75:95, 500:520]
    assert head.std() < floor.std() / 2, "the stripes are gone where the head is"


@pytest.mark.parametrize("which", ["covers", "objects"])
def test_without_redaction_there_is_no_picture(which: str) -> None:
    stills = Stills()
    stills.camera.show(SHADES[0], 5)
    getattr(stills, which).problem = ModelError("out of order")
    with pytest.raises((ModelError, RedactionError)):
        stills.ask()


def test_a_lost_camera_shows_nothing_not_even_what_was_made_before() -> None:
    stills = Stills()
    stills.camera.show(SHADES[0], 5)
    stills.ask()
    stills.camera.newest = None
    with pytest.raises(SourceLost, match="no picture"):
        stills.ask()
    with pytest.raises(SettingsError, match="no camera 'other'"):
        stills.ask("other")
