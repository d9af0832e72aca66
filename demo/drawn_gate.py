"""A gate lane that is drawn, for machines where no clip of a real one can be had. The picture says that it is drawn.

Three vehicles come one after another, stop before the barrier, and drive on. Their plates have another country's form
(two digits, a letter, five digits), which OpenCV's font can write.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from common.errors import SourceError
from pipelines.types import Picture

NAME = "drawn-gate.mp4"
PATTERN = r"\d{2}[A-Z]\d{5,6}"
REGISTERED, BARRED, UNLISTED = "34A36837", "51C20946", "79H81352"
PLATES = (REGISTERED, BARRED, UNLISTED)
WIDTH, HEIGHT, RATE = 960, 540, 15
COMES_S, STANDS_S, LEAVES_S, EMPTY_S = 2.0, 4.0, 1.5, 2.5
"""Each vehicle's times: it comes, stands before the barrier, leaves, and nobody is there."""
_PAINTS = ((60, 60, 160), (150, 110, 60), (90, 130, 90))
_BLUE, _WHITE, _DARK = (190, 80, 20), (245, 245, 245), (30, 30, 32)
_STANDS_AT = 0.72
_PLATE_PX = (230, 74)


def clip(folder: Path) -> Path:
    """The clip, drawn where it is not there yet.

    Raises:
        SourceError: It cannot be written.
    """
    target = folder / NAME
    if not target.exists():
        half = folder / f".{NAME}.{os.getpid()}.part.mp4"
        try:
            _write(half)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{target}: cannot be drawn: {error}") from error
        half.rename(target)
    return target


def _write(target: Path) -> None:
    with av.open(str(target), "w") as made:
        stream = made.add_stream("libx264", rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "22", "bf": "0", "g": str(2 * RATE)}
        for number, picture in enumerate(pictures()):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


def pictures() -> Iterator[Picture]:
    """Every frame, H x W x 3 uint8 BGR."""
    noise = np.random.default_rng(7)
    ground = _lane(noise)
    for plate, paint in zip(PLATES, _PAINTS, strict=True):
        for place, is_open in _positions(opens=plate != BARRED):
            picture = ground.copy()
            if place is not None:
                _vehicle(picture, place, plate, paint)
            _barrier(picture, is_open)
            grain = noise.integers(0, 6, picture.shape, np.uint8)
            yield np.asarray(cv2.add(cv2.GaussianBlur(picture, (3, 3), 0), grain), np.uint8)


def _positions(*, opens: bool) -> Iterator[tuple[float | None, bool]]:
    """Of each frame: how far the vehicle has come, 0 to above 1 (None: nobody is there), and whether it may pass."""
    frames = round(COMES_S * RATE)
    for number in range(frames):
        yield _STANDS_AT * (1 - (1 - number / frames) ** 2), False
    for number in range(round(STANDS_S * RATE)):
        yield _STANDS_AT, opens and number > RATE
    frames = round(LEAVES_S * RATE)
    for number in range(frames):
        share = (number / frames) ** 2
        yield (_STANDS_AT + 1.2 * share if opens else _STANDS_AT * (1 - share)), opens
    for _ in range(round(EMPTY_S * RATE)):
        yield None, False


def _lane(noise: np.random.Generator) -> Picture:
    rough = noise.integers(95, 125, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    picture = np.asarray(cv2.GaussianBlur(rough, (7, 7), 0), np.uint8)
    picture[: HEIGHT // 4] = (200, 190, 170)
    road = np.array([[420, HEIGHT // 4], [540, HEIGHT // 4], [WIDTH - 90, HEIGHT], [90, HEIGHT]], np.int32)
    cv2.fillPoly(picture, [road], (88, 86, 84))
    cv2.putText(picture, "DRAWN PICTURE", (24, 48), cv2.FONT_HERSHEY_SIMPLEX, 1.1, _DARK, 3, cv2.LINE_AA)
    return picture


def _vehicle(picture: Picture, place: float, plate: str, paint: tuple[int, int, int]) -> None:
    """A car from the front: it grows as it comes."""
    scale = 0.25 + 0.75 * place / _STANDS_AT
    middle, bottom = WIDTH // 2, round(HEIGHT * (0.3 + 0.6 * place / _STANDS_AT))
    wide, high = round(400 * scale), round(300 * scale)
    left, top = middle - wide // 2, bottom - high
    cv2.rectangle(picture, (left, top + high // 3), (left + wide, bottom), paint, -1)
    roof = [[left + wide // 8, top + high // 3], [left + wide // 5, top], [left + wide * 4 // 5, top]]
    roof.append([left + wide * 7 // 8, top + high // 3])
    cv2.fillPoly(picture, [np.array(roof, np.int32)], _DARK)
    for lamp in (left + wide // 8, left + wide * 7 // 8):
        cv2.circle(picture, (lamp, top + high // 2), max(3, round(22 * scale)), (210, 230, 240), -1)
    for wheel in (left + wide // 10, left + wide * 9 // 10):
        cv2.rectangle(picture, (wheel - wide // 16, bottom - 4), (wheel + wide // 16, bottom + high // 10), _DARK, -1)
    _plate(picture, plate, (middle, top + high * 3 // 4), scale)


def _plate(picture: Picture, text: str, middle: tuple[int, int], scale: float) -> None:
    wide, high = (round(side * scale) for side in _PLATE_PX)
    x, y = middle[0] - wide // 2, middle[1] - high // 2
    drawn = np.full((_PLATE_PX[1] * 2, _PLATE_PX[0] * 2, 3), _BLUE, np.uint8)
    cv2.rectangle(drawn, (6, 6), (drawn.shape[1] - 7, drawn.shape[0] - 7), _WHITE, 4)
    (one, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 3)
    size = min(400 / one, 80 / tall)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 9)
    place = ((drawn.shape[1] - width) // 2, (drawn.shape[0] + height) // 2)
    cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, 9, cv2.LINE_AA)
    if y >= 0 and y + high <= HEIGHT and wide > 0 and high > 0:
        picture[y : y + high, x : x + wide] = cv2.resize(drawn, (wide, high), interpolation=cv2.INTER_AREA)


def _barrier(picture: Picture, is_open: bool) -> None:
    post = (110, HEIGHT - 62)
    end = (190, 160) if is_open else (WIDTH - 140, HEIGHT - 62)
    cv2.line(picture, post, end, (40, 40, 220), 12, cv2.LINE_AA)
    cv2.rectangle(picture, (post[0] - 18, post[1] - 30), (post[0] + 18, HEIGHT - 10), (70, 70, 75), -1)
