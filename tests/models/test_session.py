from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
import weakref
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from common.errors import ModelError
from models.detectors.yolox import YoloxNano
from models.preprocessing import MOST_KEPT_BYTES, Letterboxer, Preparation, detections, in_picture
from models.session import Options, Session, expect, with_free_size


def a_graph(*shape: int) -> bytes:
    """A graph that doubles its input of a fixed shape."""
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, list(shape))
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "toy", [entry], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def test_a_fixed_size_is_set_free() -> None:
    session = Session(a_graph(10, 3, 32, 32), free_size=True)
    (doubled,) = session.run(np.ones((1, 3, 64, 96), np.float32))
    assert doubled.shape == (1, 3, 64, 96)
    assert (doubled == 2).all()


def test_a_graph_is_loaded_once_for_all_that_use_it_and_freed_with_the_last() -> None:
    first, second = Session(a_graph(1, 3, 8, 8)), Session(a_graph(1, 3, 8, 8), lean=True)
    assert first._session is second._session
    assert Session(a_graph(1, 3, 8, 8), threads=2)._session is not first._session
    assert Session(a_graph(1, 3, 8, 9))._session is not first._session
    picture = np.ones((1, 3, 8, 8), np.float32)
    np.testing.assert_array_equal(first.run(picture)[0], second.run(picture)[0])
    freed = weakref.ref(first._session)
    del first, second
    gc.collect()
    assert freed() is None


def test_a_loaded_graph_s_bytes_are_not_kept() -> None:
    graph = a_graph(1, 3, 8, 8)
    before = sys.getrefcount(graph)
    session = Session(graph)
    assert sys.getrefcount(graph) == before
    assert session.run(np.ones((1, 3, 8, 8), np.float32))[0].shape == (1, 3, 8, 8)


GROWTH = """
import sys
from pathlib import Path
import numpy as np
from models.session import Session

def held_mb():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024

session, picture = Session(sys.stdin.buffer.read(), free_size=True), np.zeros((1, 3, 1024, 1024), np.float32)
session.run(picture)
first = held_mb()
for _ in range(3):
    session.run(picture)
print(held_mb() - first)
"""


def test_further_runs_take_no_more_memory_than_the_first() -> None:
    """Layers of 12 MB each; onnxruntime's memory pattern took 24 MB more in the second run."""
    names = ["x", "a", "b", "c", "y"]
    pools = [
        helper.make_node("MaxPool", [source], [target], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        for source, target in pairwise(names)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 64, 64]) for name in ("x", "y")]
    model = helper.make_model(
        helper.make_graph(pools, "pools", ends[:1], ends[1:]), opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], input=model.SerializeToString(), capture_output=True, check=True
    )
    assert float(done.stdout) < 6


def test_a_graph_that_takes_no_pictures_is_refused() -> None:
    with pytest.raises(ModelError, match="must have 4 dimensions, got 2"):
        with_free_size(a_graph(3, 4))


def test_onnxruntime_s_errors_are_ours() -> None:
    with pytest.raises(ModelError, match=r"inference failed on an input of shape \(1, 3, 9, 9\)"):
        Session(a_graph(1, 3, 8, 8)).run(np.ones((1, 3, 9, 9), np.float32))
    with pytest.raises(ModelError, match="cannot be loaded"):
        Session(b"")


def test_another_graph_is_no_yolox() -> None:
    with pytest.raises(ModelError, match="not the YOLOX graph"):
        YoloxNano(a_graph(1, 3, 64, 64))


def test_expect_names_both_shapes() -> None:
    array = np.zeros((2, 5), np.float32)
    assert expect("it", array, -1, 5) is array
    with pytest.raises(ModelError, match=r"output it must have shape \(-1, 4\), got \(2, 5\)"):
        expect("it", array, -1, 4)
    with pytest.raises(ModelError, match=r"\(2, 5\)"):
        expect("it", array, 2, 5, 1)


WRONG_OPTIONS = [
    ({"size": (400, 416)}, "multiples of 32, got"),
    ({"size": (0, 416)}, "multiples of 32, got"),
    ({"long_side": 8}, "long_side must be at least 32, got 8"),
    ({"threshold": 1.0}, "threshold must be between 0 and 1, got 1.0"),
    ({"threads": 0}, "threads must be at least 1, got 0"),
]


@pytest.mark.parametrize(("options", "problem"), WRONG_OPTIONS)
def test_wrong_options_are_named(options: dict[str, object], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        Options(**options)  # type: ignore[arg-type]


def test_letterbox_scales_pads_and_comes_back() -> None:
    picture = np.full((100, 200, 3), (10, 20, 30), np.uint8)
    fitted = Letterboxer(Preparation(pad=114)).letterbox(picture, 64, 64)
    assert fitted.blob.shape == (1, 3, 64, 64)
    assert (fitted.blob[0, :, :32].transpose(1, 2, 0) == (10, 20, 30)).all()
    assert (fitted.blob[0, :, 32:] == 114).all()
    inside = np.array([[0, 0, 64, 32], [-5, -5, 999, 999]], np.float32)
    np.testing.assert_allclose(in_picture(inside, fitted, picture), [[0, 0, 200, 100]] * 2)


def test_padding_is_renewed_when_a_smaller_picture_follows() -> None:
    fitter = Letterboxer(Preparation(pad=114))
    fitter.letterbox(np.zeros((64, 64, 3), np.uint8), 64, 64)
    fitted = fitter.letterbox(np.zeros((16, 64, 3), np.uint8), 64, 64)
    assert (fitted.blob[0, :, 16:] == 114).all()


def test_normalised_and_turned_to_rgb() -> None:
    picture = np.full((8, 8, 3), (0, 127, 255), np.uint8)
    fitted = Letterboxer(Preparation((127.5,) * 3, 1 / 127.5, (2, 1, 0))).stretch(picture, 8, 8)
    np.testing.assert_allclose(fitted.blob[0, :, 0, 0], [1, -0.5 / 127.5, -1], atol=1e-6)


def test_long_side_pads_to_multiples() -> None:
    fitted = Letterboxer(Preparation()).long_side(np.zeros((90, 160, 3), np.uint8), 320)
    assert fitted.blob.shape == (1, 3, 192, 320)
    assert (fitted.ratio_x, fitted.ratio_y) == (2, 2)


def test_pictures_of_many_shapes_do_not_pile_up() -> None:
    """What a thread keeps is bounded in bytes: eight inputs of each model's sizes took 60 MB in a box."""
    fitter, picture = Letterboxer(Preparation()), np.zeros((4, 4, 3), np.uint8)
    gc.collect()
    tracemalloc.start()
    try:
        for side in (*range(32, 700, 32), 1280, 960):
            fitter.stretch(picture, side, side)
        kept, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1.1 * MOST_KEPT_BYTES


def test_what_is_left_of_another_size_is_padded_over() -> None:
    fitter, white = Letterboxer(Preparation(pad=7.0)), np.full((32, 32, 3), 255, np.uint8)
    for size in ((64, 64), (96, 32), (32, 96), (640, 480), (64, 64), (64, 32)):
        blob = fitter.letterbox(white, *size).blob
        side = min(size)
        assert blob.shape == (1, 3, size[1], size[0])
        assert (blob[..., :side, :side] == 255).all()
        assert (blob[..., side:, :] == 7).all()
        assert (blob[..., side:] == 7).all()


def test_boxes_without_an_inside_and_numbers_that_are_none_are_dropped() -> None:
    boxes = np.array([[0, 0, 5, 5], [3, 3, 3, 9], [0, 0, np.nan, 5], [0, 0, np.inf, 5]], np.float32)
    found = detections(boxes, np.full(4, 0.5, np.float32))
    np.testing.assert_array_equal(found.boxes, [[0, 0, 5, 5]])


def test_the_toy_graph_is_a_valid_one() -> None:
    onnx.checker.check_model(onnx.load_from_string(a_graph(1, 3, 8, 8)))
