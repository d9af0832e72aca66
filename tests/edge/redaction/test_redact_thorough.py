"""A face model that misses small faces is asked at two sizes in each look; the others take turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from model_kit import all_obtainable
from redaction_kit import make_film

from edge.redaction.detection_plan import Detectors, face_sizes
from edge.redaction.face_search import FACE_SEARCH
from edge.redaction.factory import export_redactor
from edge.redaction.two_pass_redactor import ExportRedactor
from edge.redaction.video_reader import film_of
from models.files.store import ModelStore
from pipelines.types import Detections, Detector, Picture


class Counting:
    """Finds nothing and counts: the fake beside the protocol."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def sized(self, long_side: int) -> Detector:
        return _Sized(self, long_side)


class _Sized:
    def __init__(self, owner: Counting, long_side: int) -> None:
        self._owner, self._long_side = owner, long_side

    def detect(self, picture: Picture) -> Detections:
        assert picture.ndim == 3
        self._owner.asked.append(self._long_side)
        return Detections.none()


@pytest.mark.parametrize(("thorough", "sizes"), [(False, {640, 480}), (True, {640, 960})])
def test_sizes_of_a_small_video(tmp_path: Path, thorough: bool, sizes: set[int]) -> None:
    counting = Counting()
    redactor = ExportRedactor(Detectors(counting.sized, None, thorough), np.random.default_rng(1))
    redactor.redact(film_of(make_film(tmp_path / "in.mp4")), tmp_path / "out.mp4")
    assert set(counting.asked) == sizes
    large, small = (counting.asked.count(it) for it in sorted(sizes, reverse=True))
    assert 0 <= large - small <= (0 if thorough else 1)  # both in each look, or one in turn


def test_sizes_of_larger_videos_are_the_same_for_all() -> None:
    assert [face_sizes(px, thorough=True) for px in (640, 768, 1920)] == [(960, 640), (960, 640), (1280, 640)]
    assert [face_sizes(px) for px in (480, 481, 768, 1920)] == [(640, 480), (640,), (960, 640), (1280, 640)]


def test_the_registrys_face_model_is_asked_thoroughly(model_store: ModelStore) -> None:
    for name in all_obtainable(model_store, "faces-to-blur"):
        redactor = export_redactor(model_store, faces_only=True, face_model=name)
        assert redactor.detectors.thorough == FACE_SEARCH[name].thorough
        assert [it.name for it in redactor.models] == [name]
