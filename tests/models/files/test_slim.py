"""The lighter graph gives the same numbers: on a miniature with YOLOX's stem, pooling and head, and on the real one."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from model_kit import obtainable
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from common.errors import ModelError
from models.detectors.yolox import COCO_CLASSES
from models.files.graph_optimizer import slim
from models.files.store import ModelStore
from models.session import with_free_size

Floats = NDArray[np.float32]
CLASSES = 9
KEPT = (1, 0, 7)
_random = np.random.default_rng(20261123)


def phase(start_row: int, start_column: int, name: str) -> list[onnx.NodeProto]:
    half = f"{name}_rows"
    return [
        helper.make_node("Slice", ["x", f"at{start_row}", "end", "rows", "two"], [half]),
        helper.make_node("Slice", [half, f"at{start_column}", "end", "columns", "two"], [name]),
    ]


def miniature(pools: tuple[int, int, int] = (5, 9, 13), phases: int = 4) -> bytes:
    """Focus stem → pyramid of pools → one head with `CLASSES` classes."""
    ints = {
        "at0": [0],
        "at1": [1],
        "end": [2**62],
        "rows": [2],
        "columns": [3],
        "two": [2],
        "flat": [1, 5 + CLASSES, -1],
    }
    values = {name: np.array(value, np.int64) for name, value in ints.items()}
    floats = {
        "stem": (8, 3 * phases, 3, 3),
        "places": (5, 32, 1, 1),
        "head.cls_preds.0.weight": (CLASSES, 32, 1, 1),
        "head.cls_preds.0.bias": (CLASSES,),
    }
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    constants += [
        numpy_helper.from_array(_random.normal(size=shape).astype(np.float32), name) for name, shape in floats.items()
    ]
    names = [f"p{i}" for i in range(phases)]
    places = [(0, 0), (1, 0), (0, 1), (1, 1)]
    nodes = [node for name, place in zip(names, places, strict=False) for node in phase(*place, name)]
    nodes.append(helper.make_node("Concat", names, ["focus"], axis=1))
    nodes.append(
        helper.make_node("Conv", ["focus", "stem"], ["deep"], kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1])
    )
    for side in pools:
        shape, pads = [side, side], [side // 2] * 4
        nodes.append(
            helper.make_node("MaxPool", ["deep"], [f"pool{side}"], kernel_shape=shape, pads=pads, strides=[1, 1])
        )
    nodes += [
        helper.make_node("Concat", ["deep", *(f"pool{side}" for side in pools)], ["wide"], axis=1),
        helper.make_node("Conv", ["wide", "places"], ["where"]),
        helper.make_node("Conv", ["wide", "head.cls_preds.0.weight", "head.cls_preds.0.bias"], ["what"]),
        helper.make_node("Concat", ["where", "what"], ["rows85"], axis=1),
        helper.make_node("Reshape", ["rows85", "flat"], ["long"]),
        helper.make_node("Transpose", ["long"], ["output"], perm=[0, 2, 1]),
    ]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    result = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "miniature", [entry], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def output(model: bytes, picture: Floats) -> Floats:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    result: Floats = session.run(None, {session.get_inputs()[0].name: picture})[0]
    return result


@pytest.mark.parametrize("sides", [(32, 32), (64, 32), (96, 160)])
def test_the_miniature_gives_the_same_numbers(sides: tuple[int, int]) -> None:
    model = miniature()
    picture = _random.uniform(0, 255, (1, 3, *sides)).astype(np.float32)
    before = output(model, picture)[..., [0, 1, 2, 3, 4, *(5 + each for each in KEPT)]]
    np.testing.assert_allclose(output(slim(model, KEPT), picture), before, rtol=1e-4, atol=1e-2)


def test_the_real_model_gives_the_same_numbers(model_store: ModelStore) -> None:
    if (name := obtainable("yolox_nano", model_store)) != "yolox_nano":
        return  # registries alone do not carry it; the miniature above has the same parts
    model = with_free_size(model_store.read(name))
    picture = _random.uniform(0, 255, (1, 3, 192, 256)).astype(np.float32)
    before = output(model, picture)[..., [0, 1, 2, 3, 4, *(5 + each for each in COCO_CLASSES)]]
    np.testing.assert_allclose(output(slim(model, COCO_CLASSES), picture), before, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("model", [miniature(pools=(5, 7, 13)), miniature(phases=3), b"no graph"])
def test_other_graphs_are_refused(model: bytes) -> None:
    with pytest.raises(ModelError, match=r"not the YOLOX graph|cannot be"):
        slim(model, KEPT)


def test_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="not the YOLOX graph"):
        slim(miniature(), [CLASSES])
