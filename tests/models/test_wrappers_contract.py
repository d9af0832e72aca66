"""What every entry of WRAPPERS must do, with the real model.

Where a model cannot be had (a machine that reaches package registries only), the task's fallback stands in for it: it
must be there, and it must pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from model_kit import obtainable

from common.errors import HashMismatch, ModelError, ModelUnavailable
from models import open_detector, registry
from models.detector_factory import WRAPPERS, open_model
from models.files.store import ModelStore
from models.manifest import TASKS
from models.session import Options, Session
from pipelines.types import CLASSES, Detections, Detector, Picture

SHAPES = [(8, 8), (1, 1), (1, 500), (500, 1), (33, 65), (360, 640), (640, 360)]
WRONG: list[tuple[object, str]] = [
    (np.zeros((40, 60), np.uint8), r"\(40, 60\) of uint8"),
    (np.zeros((40, 60, 4), np.uint8), r"\(40, 60, 4\) of uint8"),
    (np.zeros((1, 40, 60, 3), np.uint8), r"\(1, 40, 60, 3\)"),
    (np.zeros((40, 60, 3), np.float32), "float32"),
    (None, "NoneType"),
]


@pytest.fixture(scope="module", params=sorted(WRAPPERS))
def name(request: pytest.FixtureRequest, model_store: ModelStore) -> str:
    return obtainable(request.param, model_store)


@pytest.fixture(scope="module")
def detector(name: str, model_store: ModelStore) -> Detector:
    return open_model(name, model_store)


def noise(height: int, width: int) -> Picture:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3)).astype(np.uint8)


def check(found: Detections, picture: Picture) -> None:
    assert [str(each.dtype) for each in (found.boxes, found.scores, found.classes)] == ["float32", "float32", "int64"]
    assert np.isfinite(found.boxes).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= np.array([picture.shape[1], picture.shape[0]] * 2)).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert ((found.scores > 0) & (found.scores <= 1)).all()
    assert ((found.classes >= 0) & (found.classes < len(CLASSES))).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_any_size_gives_boxes_inside_the_picture(detector: Detector, shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    check(detector.detect(picture), picture)


@pytest.mark.parametrize("lean", [False, True])
def test_memory_is_given_back_where_it_is_asked_for(
    name: str, lean: bool, model_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Session] = []
    made = Session.__init__

    def recorded(session: Session, *args: Any, **options: Any) -> None:
        made(session, *args, **options)
        opened.append(session)

    monkeypatch.setattr(Session, "__init__", recorded)
    open_model(name, model_store, Options(lean=lean)).detect(noise(64, 64))
    assert any(it.lean for it in opened) == lean


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 9, 3), (9, 0, 3)])
def test_an_empty_picture_holds_nothing(detector: Detector, shape: tuple[int, int, int]) -> None:
    assert len(detector.detect(np.zeros(shape, np.uint8))) == 0


def test_a_flat_picture_holds_nothing(detector: Detector) -> None:
    assert len(detector.detect(np.full((360, 640, 3), 127, np.uint8))) == 0


@pytest.mark.parametrize(("wrong", "named"), WRONG)
def test_what_is_no_picture_is_refused_by_its_shape(detector: Detector, wrong: Picture, named: str) -> None:
    with pytest.raises(ModelError, match=f"picture must be .*{named}"):
        detector.detect(wrong)


@pytest.mark.parametrize("turn", [np.rot90, np.fliplr, np.flipud, lambda p: p[::2, ::2], lambda p: p[5:-7, 9:-3]])
def test_views_of_a_larger_array_are_pictures_too(detector: Detector, turn: Callable[[Picture], Picture]) -> None:
    view = turn(noise(128, 160))
    same = detector.detect(np.ascontiguousarray(view))
    np.testing.assert_array_equal(detector.detect(view).boxes, same.boxes)


def test_a_picture_is_left_as_it_was_and_nothing_is_carried_over(detector: Detector) -> None:
    picture = noise(96, 200)
    first = detector.detect(picture)
    detector.detect(noise(300, 100))
    again = detector.detect(picture)
    np.testing.assert_array_equal(picture, noise(96, 200))
    np.testing.assert_array_equal(first.boxes, again.boxes)
    np.testing.assert_array_equal(first.scores, again.scores)


def test_threads_do_not_disturb_each_other(detector: Detector) -> None:
    pictures = [noise(64 + 32 * i, 200) for i in range(4)]
    alone = [detector.detect(picture) for picture in pictures]
    together: dict[int, Detections] = {}
    threads = [
        threading.Thread(target=lambda i=i: together.update({i: detector.detect(pictures[i])})) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, expected in enumerate(alone):
        np.testing.assert_array_equal(together[i].boxes, expected.boxes)


def test_a_threshold_that_is_asked_for_holds(name: str, model_store: ModelStore) -> None:
    picture = noise(200, 320)
    low = open_model(name, model_store, Options(threshold=0.001)).detect(picture)
    check(low, picture)
    high = open_model(name, model_store, Options(threshold=0.9)).detect(picture)
    assert (high.scores > 0.9).all()
    assert len(high) <= len(low)


def test_bytes_that_are_no_model_are_a_model_error(name: str) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        WRAPPERS[name](b"not a model", Options())


def test_a_damaged_file_is_never_loaded(name: str, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "damaged")
    place = store.folder / name
    place.mkdir(parents=True, exist_ok=True)
    for file in store.manifest(name).stored_files:
        (place / file.name).write_bytes(b"damaged")
    with pytest.raises(HashMismatch):
        open_model(name, store)


def test_the_manifest_tells_the_graph_s_input(name: str, model_store: ModelStore) -> None:
    about = registry.named(name).input
    graph = onnx.load_from_string(model_store.read(name)).graph
    constants = {constant.name for constant in graph.initializer}
    (entry,) = [each for each in graph.input if each.name not in constants]
    dims = [dim.dim_value or -1 for dim in entry.type.tensor_type.shape.dim]
    assert (entry.name, dims) == (about.name, about.shape)


@pytest.mark.parametrize("task", sorted({registry.named(name).task for name in WRAPPERS}))
def test_open_detector_takes_what_is_here(task: str, model_store: ModelStore) -> None:
    wanted = next(each for each in TASKS if each == task)
    model_store.ensure(wanted)
    picture = noise(64, 64)
    check(open_detector(wanted, model_store).detect(picture), picture)


def test_open_detector_never_fetches(tmp_path: Path) -> None:
    empty = ModelStore(tmp_path / "empty")
    with pytest.raises(ModelUnavailable, match="run `paifang models fetch --task objects`"):
        open_detector("objects", empty)
    assert not empty.folder.exists()


def test_readers_are_no_detectors(model_store: ModelStore) -> None:
    with pytest.raises(ModelError, match="no model for 'plate-read' has a wrapper yet: ppocr_rec, clp_rec"):
        open_detector("plate-read", model_store)
