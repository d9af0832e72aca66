"""A camera's health: each trouble is found in time and cleared, and ordinary life is no trouble."""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pipeline_kit import T0, scenery

from common.clock import SECOND_NS
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.motion_detector import to_grid
from pipelines.settings import HealthSettings
from pipelines.types import Luma
from protocol.event_types import KIND_OF

SETTINGS = HealthSettings()


def _still() -> Luma:
    return cv2.cvtColor(scenery(), cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


@functools.lru_cache(maxsize=61)
def _noise(number: int, rows: int, columns: int) -> npt.NDArray[np.int16]:
    return np.rint(np.random.default_rng(number).normal(0, 2, (rows, columns))).astype(np.int16)


def _noisy(luma: Luma, i: int) -> Luma:
    """A sensor's noise: 61 fields in turn, because to draw one takes longer than to judge the picture."""
    rows, columns = luma.shape
    return cv2.add(luma, _noise(i % 61, rows, columns), dtype=cv2.CV_8U)  # type: ignore[return-value]


def _black(_luma: Luma) -> Luma:
    return np.full((360, 640), 12, np.uint8)


def _hand(luma: Luma) -> Luma:
    """Something out of focus over 95 % of the picture."""
    covered = luma.copy()
    covered[:, :608] = np.linspace(90, 120, 608).astype(np.uint8)
    return covered


def _shifted(luma: Luma) -> Luma:
    """Turned away by 15 % of the picture: what comes in on the other side was not there before."""
    other = cv2.cvtColor(scenery(9), cv2.COLOR_BGR2GRAY)
    return np.hstack([luma[:, 96:], other[:, :96]])


def _rotated(luma: Luma) -> Luma:
    turn = cv2.getRotationMatrix2D((320, 180), 20, 1.2)
    return cv2.warpAffine(luma, turn, (640, 360))  # type: ignore[return-value]


def _blurred(luma: Luma) -> Luma:
    return cv2.GaussianBlur(luma, (0, 0), 4)  # type: ignore[return-value]


def _same(luma: Luma) -> Luma:
    return luma


TROUBLES: list[tuple[str, Callable[[Luma], Luma], float]] = [
    ("camera.covered", _black, SETTINGS.covered_s),
    ("camera.covered", _hand, SETTINGS.covered_s),
    ("camera.moved", _shifted, SETTINGS.moved_s),
    ("camera.moved", _rotated, SETTINGS.moved_s),
    ("camera.defocused", _blurred, SETTINGS.defocused_s),
]


def _run(health: CameraHealth, pictures: list[Luma], first_s: int = 0) -> list[tuple[int, str]]:
    """What is told, and in which second."""
    told = []
    for i, luma in enumerate(pictures, first_s):
        data = health.update(luma, to_grid(luma), T0 + i * SECOND_NS)
        if data is not None:
            told.append((i, KIND_OF[type(data)]))
    return told


@pytest.mark.parametrize(("kind", "spoil", "limit_s"), TROUBLES)
def test_each_trouble_is_found_in_time_and_cleared(kind: str, spoil: Callable[[Luma], Luma], limit_s: float) -> None:
    health, still = CameraHealth(SETTINGS), _still()
    good = [_noisy(still, i) for i in range(30)]
    bad = [_noisy(spoil(still), 100 + i) for i in range(40)]
    told = _run(health, [*good, *bad, *good])
    assert [name for _, name in told] == [kind, "camera.clear"]
    assert 30 + limit_s <= told[0][0] <= 30 + limit_s + 2
    assert 70 < told[1][0] <= 76


def test_a_frozen_stream_is_found_and_cleared() -> None:
    health, still = CameraHealth(SETTINGS), _still()
    good = [_noisy(still, i) for i in range(30)]
    told = _run(health, [*good, *([good[-1]] * 50), *good])
    assert [name for _, name in told] == ["camera.frozen", "camera.clear"]
    assert 60 <= told[0][0] <= 62


@pytest.mark.parametrize(("kind", "spoil", "limit_s"), TROUBLES)
def test_what_passes_before_its_time_is_up_is_not_told(
    kind: str, spoil: Callable[[Luma], Luma], limit_s: float
) -> None:
    health, still = CameraHealth(SETTINGS), _still()
    good = [_noisy(still, i) for i in range(30)]
    bad = [_noisy(spoil(still), 100 + i) for i in range(int(limit_s) - 1)]
    assert _run(health, [*good, *bad, *good]) == []
    assert kind.startswith("camera.")


@pytest.mark.parametrize("gain", [0.5, 0.75, 1.3])
def test_dusk_and_lamps_are_no_trouble(gain: float) -> None:
    health, still = CameraHealth(SETTINGS), _still()
    lit = np.clip(still * gain, 0, 255).astype(np.uint8)
    assert _run(health, [_noisy(still if i < 30 else lit, i) for i in range(90)]) == []


def test_a_lorry_that_stops_in_half_of_the_view_is_no_trouble() -> None:
    health, still = CameraHealth(SETTINGS), _still()
    lorry = still.copy()
    lorry[60:, 60:360] = 140
    lorry[60:, 60:360:40] = 60
    assert _run(health, [_noisy(still if i < 30 else lorry, i) for i in range(90)]) == []


def test_a_new_size_starts_the_learning_again() -> None:
    health, still = CameraHealth(SETTINGS), _still()
    _run(health, [_noisy(still, i) for i in range(20)])
    tall: Luma = cv2.resize(still, (640, 480))  # type: ignore[assignment]
    assert _run(health, [_noisy(tall, i) for i in range(40)], 20) == []


def _clock(luma: Luma, second: int, at: tuple[int, int] = (20, 30)) -> Luma:
    """With a name and a clock burnt in."""
    shown = luma.copy()
    cv2.putText(shown, f"2026-11-27 08:00:{second % 60:02}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2)
    cv2.putText(shown, "GATE", (540, 340), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2)
    return shown


def _encoded(luma: Luma, gain: float) -> Luma:
    """Darker, as an encoder leaves it: black is 16, and small steps are gone."""
    dark = 16 + (luma.astype(np.float32) - 16) * gain
    coarse = cv2.GaussianBlur(dark, (0, 0), 0.6 / gain if gain < 0.5 else 0.6)
    return np.clip(np.round(coarse), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("gain", [0.6, 0.45, 0.3, 0.2, 0.12])
def test_a_light_that_goes_out_covers_nothing(gain: float) -> None:
    health, still = CameraHealth(SETTINGS), _still()
    dark = _encoded(still, gain)
    pictures = [_noisy(still if i < 30 else dark, i) for i in range(120)]
    assert _run(health, [*pictures, *(_noisy(still, i) for i in range(40))]) == []


@pytest.mark.parametrize("spoil", [_black, _hand])
def test_a_cover_in_the_dark_is_one(spoil: Callable[[Luma], Luma]) -> None:
    health, dark = CameraHealth(SETTINGS), _encoded(_still(), 0.5)
    pictures = [_noisy(dark, i) for i in range(60)] + [_noisy(spoil(dark), 100 + i) for i in range(40)]
    assert [name for _, name in _run(health, pictures)] == ["camera.covered"]


@pytest.mark.parametrize("at", [(20, 30), (20, 180), (200, 180), (380, 90), (200, 350)])
def test_a_frozen_stream_is_found_whatever_is_burnt_in(at: tuple[int, int]) -> None:
    health, still = CameraHealth(SETTINGS), _still()
    good = [_clock(_noisy(still, i), i, at) for i in range(30)]
    frozen = [_clock(_noisy(still, 29), i, at) for i in range(30, 80)]
    assert [name for _, name in _run(health, [*good, *frozen])] == ["camera.frozen"]


@pytest.mark.parametrize("at", [(20, 180), (200, 180)])
def test_a_still_scene_is_not_frozen_where_a_clock_stands_in_the_middle(at: tuple[int, int]) -> None:
    health, still = CameraHealth(SETTINGS), _still()
    assert _run(health, [_clock(_noisy(still, i), i, at) for i in range(120)]) == []


def test_a_still_scene_is_not_frozen_whatever_is_burnt_in() -> None:
    health, still = CameraHealth(SETTINGS), _still()
    assert _run(health, [_clock(_noisy(still, i), i) for i in range(120)]) == []


def test_a_picture_in_which_only_something_small_moves_is_not_frozen() -> None:
    still, pictures = _noisy(_still(), 1), []
    for i in range(70):
        walker = still.copy()
        walker[150:200, 20 + 8 * i : 36 + 8 * i] = 230
        pictures.append(walker)
    assert _run(CameraHealth(SETTINGS), pictures) == []
