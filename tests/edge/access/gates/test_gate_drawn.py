"""Harder pictures, drawn here, through the real models: two lines, night, several plates at once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.access.gates.factory import load_readers
from models.files.store import ModelStore
from pipelines.plates.plate_pipeline import PlatePipeline
from pipelines.types import Picture
from protocol.plate_grammar import choose

PATTERN = r"\d{2}[A-Z]\d{5}"
YELLOW, BLUE, WHITE, BLACK = (30, 190, 240), (190, 80, 20), (245, 245, 245), (20, 20, 20)
Colour = tuple[int, int, int]


@pytest.fixture(scope="module")
def look(model_store: ModelStore) -> PlatePipeline:
    for name in ("clp_det", "ppocr_det", "ppocr_rec"):
        model_store.fetch(name)
    return load_readers(model_store).pipeline(choose([], [PATTERN]))


def road(seed: int) -> Picture:
    noise = np.random.default_rng(seed).integers(70, 130, (720, 1280, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (9, 9), 0), np.uint8)


def car(picture: Picture, x: int, y: int) -> None:
    """A grey car whose plate begins at x, y."""
    cv2.rectangle(picture, (x - 160, y - 240), (x + 400, y + 200), (60, 60, 65), -1)
    cv2.rectangle(picture, (x - 90, y - 210), (x + 340, y - 80), (25, 25, 25), -1)


def written(picture: Picture, text: str, box: tuple[int, int, int, int], ink: Colour) -> None:
    """The text, as large as the box allows, in its middle."""
    x, y, wide, high = box
    (one, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 3)
    scale = min(wide / one, high / tall)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 5)
    place = (x + (wide - width) // 2, y + (high + height) // 2)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 5, cv2.LINE_AA)


def one_line(picture: Picture, text: str, x: int, y: int, colours: tuple[Colour, Colour] = (BLUE, WHITE)) -> None:
    ground, ink = colours
    car(picture, x, y)
    cv2.rectangle(picture, (x, y), (x + 260, y + 84), ground, -1)
    cv2.rectangle(picture, (x + 3, y + 3), (x + 257, y + 81), ink, 2)
    written(picture, text, (x + 16, y + 22, 228, 40), ink)


def two_lines(picture: Picture, text: str, x: int, y: int) -> None:
    """440 x 220 in proportion, yellow: as on lorries."""
    car(picture, x, y)
    cv2.rectangle(picture, (x, y), (x + 240, y + 124), YELLOW, -1)
    cv2.rectangle(picture, (x + 3, y + 3), (x + 237, y + 121), BLACK, 2)
    written(picture, text[:3], (x + 70, y + 12, 100, 34), BLACK)
    written(picture, text[3:], (x + 16, y + 62, 208, 46), BLACK)


def read(look: PlatePipeline, picture: Picture, least: float = 0.5) -> dict[str, float]:
    seen = look.read_all_scales(np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8))
    readings = [each.reading for each in seen if each.reading is not None]
    return {each.text.reveal(): each.confidence for each in readings if each.confidence >= least}


def cut(picture: Picture, x: int, y: int) -> Picture:
    """The plate of two lines alone."""
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0)[y : y + 125, x : x + 241], np.uint8)


@pytest.mark.parametrize("text", ["34A36837", "51C20946", "79H81352"])
def test_a_yellow_plate_of_two_lines_is_read_as_one_text(look: PlatePipeline, text: str) -> None:
    picture = road(1)
    two_lines(picture, text, 500, 380)
    reading = look.crop(cut(picture, 500, 380))
    assert reading is not None
    assert reading.text.reveal() == text
    assert reading.confidence > 0.5
    assert set(read(look, picture)) == {text}, "the finder of plates takes a drawn one's lower line for the whole"


def test_two_lines_that_break_the_grammar_are_no_plate(look: PlatePipeline) -> None:
    picture = road(2)
    two_lines(picture, "ABCXYKMN", 500, 380)
    reading = look.crop(cut(picture, 500, 380))
    assert reading is None or reading.confidence < 0.5
    assert read(look, picture) == {}


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_plate_in_the_noise_of_the_night_is_read_or_doubted_but_never_mistaken(
    look: PlatePipeline, seed: int
) -> None:
    picture = road(seed)
    one_line(picture, "34A36837", 520, 400)
    noise = np.random.default_rng(seed).normal(0, 9, picture.shape)
    dark = np.clip(picture * 0.22 + 6 + noise, 0, 255).astype(np.uint8)
    assert set(read(look, dark, 0.9)) <= {"34A36837"}
    assert set(read(look, dark, 0.0)) == {"34A36837"}


def test_every_plate_of_a_picture_is_read(look: PlatePipeline) -> None:
    picture = road(6)
    texts = {"34A36837", "51C20946"}
    one_line(picture, "34A36837", 200, 420)
    one_line(picture, "51C20946", 820, 420, (YELLOW, BLACK))
    assert set(read(look, picture)) == texts
