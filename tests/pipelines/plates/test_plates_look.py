"""One line or two: which plates are read as what, by their proportions and by what one line gave."""

from __future__ import annotations

import numpy as np
import pytest
from plates_kit import Floats, SaidFinder, SaidReader

from pipelines.plates.ensemble_reader import EnsembleReader
from pipelines.plates.plate_pipeline import PYRAMID_PX, Effort, PlatePipeline
from pipelines.plates.rectification import raised
from pipelines.types import Box, Detections, Picture
from protocol.plate_grammar import choose

PICTURE: Picture = np.full((480, 640, 3), 90, np.uint8)
NO_PLATE = "88020"


class Once(SaidFinder):
    """Finds nothing at a second look, close by."""

    def find_at(self, picture: Picture, long_side: int) -> tuple[Detections, Floats]:
        if picture.shape != PICTURE.shape:
            return Detections.none(), np.empty((0, 4, 2), np.float32)
        return super().find_at(picture, long_side)


def looked(
    proportion: float, *texts: str, picture: Picture = PICTURE, effort: Effort = Effort.PATIENT
) -> tuple[str, int]:
    """What is read of a plate 240 pixels wide, and from how many lines."""
    reader = SaidReader(*texts)
    look = PlatePipeline(
        Once(Box(200, 200, 440, 200 + 240 / proportion)), EnsembleReader([reader], choose(["mainland"]))
    )
    (sighting,) = look.read_at(picture, PYRAMID_PX[0], effort)
    return ("" if sighting.reading is None else sighting.reading.text.reveal()), reader.lines


@pytest.mark.parametrize("proportion", [2.0, 2.6, 2.9, 3.3, 4.0, 4.7])
def test_where_one_line_is_no_plate_two_lines_are_tried(proportion: float) -> None:
    assert looked(proportion, NO_PLATE, NO_PLATE, "甘L88020") == ("甘L88020", 3)


@pytest.mark.parametrize("effort", [Effort.QUICK, Effort.THOROUGH])
@pytest.mark.parametrize(("proportion", "tried"), [(2.0, True), (2.9, True), (3.2, False), (4.0, False)])
def test_in_a_video_only_what_is_likely_is_tried(proportion: float, tried: bool, effort: Effort) -> None:
    text, lines = looked(proportion, NO_PLATE, NO_PLATE, "甘L88020", effort=effort)
    assert (text, lines) == (("甘L88020", 3) if tried else ("", 2))


def test_a_plate_too_long_for_two_lines_is_not_read_again() -> None:
    assert looked(5.0, NO_PLATE, NO_PLATE, "甘L88020") == ("", 2)


@pytest.mark.parametrize("colour", [(190, 80, 20), (90, 190, 60)])
def test_blue_and_green_plates_have_one_line_unless_they_are_square(colour: tuple[int, int, int]) -> None:
    picture = np.asarray(np.full((480, 640, 3), colour), np.uint8)
    assert looked(3.2, NO_PLATE, NO_PLATE, "甘L88020", picture=picture) == ("", 2)
    assert looked(2.0, NO_PLATE, NO_PLATE, "甘L88020", picture=picture) == ("甘L88020", 3)


@pytest.mark.parametrize("proportion", [2.9, 3.6, 4.4])
def test_a_lower_line_is_raised_to_the_height_of_two(proportion: float) -> None:
    low = 240 / proportion
    corners = np.array([[200, 300], [440, 310], [440, 310 + low], [200, 300 + low]], np.float32)
    higher = raised(corners)
    assert np.array_equal(higher[2:], corners[2:])
    wide = float(np.linalg.norm(corners[1] - corners[0]))
    assert higher[:2] == pytest.approx(corners[2:][::-1] - [0, wide * 110 / 200], abs=1.5)


@pytest.mark.parametrize("proportion", [2.0, 2.6, 2.9, 3.3])
def test_a_sure_line_is_enough(proportion: float) -> None:
    assert looked(proportion, "甘L88020", "甘L88021") == ("甘L88020", 1)
