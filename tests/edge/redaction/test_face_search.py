"""Each face model is asked so that small faces are found: in stills, in live views, and in videos."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from model_kit import all_obtainable
from redact_kit import render, share_covered, watch
from shared_clips import PEOPLE_VEHICLES

from edge.redaction.face_search import FACE_SEARCH, AllSizes, FaceDetectorRotation, still_faces
from edge.redaction.factory import export_redactor, live_redactor
from edge.redaction.live_redactor import LiveRedactor
from models import registry
from models.detector_factory import open_model
from models.files.store import ModelStore
from models.session import Options
from pipelines.masks.mask_pixels import with_margin
from pipelines.types import Box, Detections, Detector, Picture

CROWD = PEOPLE_VEHICLES / "vtest_frames0-396_h264.mp4"


class Sized:
    """Finds one box, and notes who was asked; the fake beside the protocol."""

    def __init__(self, name: str, asked: list[str], x: float = 0.0) -> None:
        self._name, self._asked, self._x = name, asked, x

    def detect(self, picture: Picture) -> Detections:
        assert picture.ndim == 3
        self._asked.append(self._name)
        box = np.array([[self._x, 0, self._x + 9, 9]], np.float32)
        return Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64))


def test_each_face_model_of_the_registry_says_how_it_is_asked() -> None:
    assert set(FACE_SEARCH) == {it.name for it in registry.for_task("faces-to-blur")}


def test_what_any_size_finds_is_covered() -> None:
    found = AllSizes([Sized("960", []), Sized("480", [], x=3.0)]).detect(np.zeros((20, 20, 3), np.uint8))
    assert found.boxes[:, 0].tolist() == [0.0, 3.0]


@pytest.mark.parametrize(("width", "asked"), [(320, ["a", "b", "a"]), (960, ["c", "c", "c"])])
def test_live_frames_are_searched_at_one_size_in_turn(width: int, asked: list[str]) -> None:
    seen: list[str] = []
    a, b, c = (Sized(name, seen) for name in "abc")
    view = LiveRedactor(
        FaceDetectorRotation(((a, 640), (b, 480)), ((c, 960),)), None, np.random.default_rng(1), 12, 20.0
    )
    for number in range(3):
        view.take(av.VideoFrame.from_ndarray(np.zeros((240, width, 3), np.uint8), format="bgr24"), number)
    view.close()
    assert seen == asked


def test_a_live_view_asks_the_model_that_is_here(model_store: ModelStore) -> None:
    view = live_redactor(model_store, 15.0, 0)
    view.close()
    assert isinstance(view.faces, FaceDetectorRotation)
    search = FACE_SEARCH[all_obtainable(model_store, "faces-to-blur")[0]]
    assert [size for _, size in view.faces.large] == list(search.live_large)


def crowd(first: int, frames: int) -> list[Picture]:
    """Frames of the clip of a crowd; none where it is not there."""
    if not CROWD.is_file():
        return []
    with av.open(str(CROWD)) as container:
        pictures = [np.asarray(it.to_ndarray(format="bgr24"), np.uint8) for it in container.decode(video=0)]
    return pictures[first : first + frames]


def judge(store: ModelStore) -> Detector | None:
    """The first choice at 960 pixels: sees more small faces than any other; None where it cannot be had."""
    best = next(it.name for it in registry.manifests() if it.task == "faces-to-blur")
    here = best in all_obtainable(store, "faces-to-blur")
    return open_model(best, store, Options(long_side=960, threshold=0.5)) if here else None


def test_a_crowds_faces_are_covered_in_videos_with_each_model(model_store: ModelStore, tmp_path: Path) -> None:
    pictures, second = crowd(200, 40), judge(model_store)
    if not pictures or second is None:
        assert FACE_SEARCH["centerface"].thorough  # there is nothing to judge with
        return
    film = render(pictures, tmp_path / "crowd.mp4", rate=10)
    for name in all_obtainable(model_store, "faces-to-blur"):
        watched = watch(export_redactor(model_store, True, face_model=name), film, second, 1)
        assert watched.seen >= 100, name
        assert watched.left <= (0 if name == "centerface" else 1), name
        assert (watched.frames, watched.giant) == (40, 0), name


def test_stills_leave_no_more_open_with_another_model(model_store: ModelStore) -> None:
    pictures, second = crowd(200, 40)[::10], judge(model_store)
    names = all_obtainable(model_store, "faces-to-blur")
    left = dict.fromkeys(names, 0)
    for name in names if pictures and second is not None else []:
        finder = still_faces(model_store, name)
        for picture in pictures:
            height, width = picture.shape[:2]
            covers = [with_margin(Box(*row), width, height) for row in finder.detect(picture).boxes.tolist()]
            true = second.detect(picture).boxes.tolist() if second is not None else []
            left[name] += sum(share_covered(Box(*row), covers) < 0.5 for row in true)
    assert max(left.values()) == left[names[0]]
