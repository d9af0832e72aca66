"""A graph whose first layers run in strips gives the same numbers: a miniature, and CenterFace itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from model_kit import obtainable
from onnx import TensorProto, helper, numpy_helper

from common.errors import ModelError
from models.detectors.centerface import OUTPUTS, STEM
from models.files.store import ModelStore
from models.session import Part, Session
from models.strips import Stem, StripSession

MINIATURE = Stem(end="c", stride=4, reach=2, rows=8)


def miniature() -> bytes:
    """Three 3 x 3 convolutions, two of them with stride 2, and one more behind them; weights are listed as inputs."""
    random = np.random.default_rng(7)
    names, layers, weights = ["x", "a", "b", "c", "y"], [(3, 4, 2), (4, 4, 1), (4, 5, 2), (5, 2, 1)], []
    nodes, entries = [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])]
    for number, (source, made, stride) in enumerate(layers):
        values = random.normal(size=(made, source, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{number}"))
        entries.append(helper.make_tensor_value_info(f"w{number}", TensorProto.FLOAT, values.shape))
        how: dict[str, Any] = {"pads": [1, 1, 1, 1], "strides": [stride, stride], "kernel_shape": [3, 3]}
        nodes.append(helper.make_node("Conv", [names[number], f"w{number}"], [names[number + 1]], **how))
    result = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 8, 8])]
    graph = helper.make_graph(nodes, "miniature", entries, result, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def difference(model: bytes, stem: Stem, height: int, width: int, outputs: list[str]) -> float:
    """Between whole and strips, at most, as a share of the largest number."""
    blob = np.random.default_rng(height).uniform(0, 255, (1, 3, height, width)).astype(np.float32)
    whole = Session(model, free_size=True).run(blob, outputs)
    strips = StripSession(model, stem).run(blob, outputs)
    assert [it.shape for it in strips] == [it.shape for it in whole]
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(whole, strips, strict=True))


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 64), (32, 32), (36, 60), (64, 32), (100, 16), (132, 8)])
def test_strips_give_the_numbers_of_the_whole(height: int, width: int) -> None:
    assert difference(miniature(), MINIATURE, height, width, ["y"]) < 1e-5


def test_a_strip_without_the_rows_beside_it_would_not() -> None:
    assert difference(miniature(), replace(MINIATURE, reach=1), 64, 32, ["y"]) > 1e-3


@pytest.mark.parametrize(("height", "width"), [(480, 640), (736, 960)])
def test_centerface_gives_the_same(height: int, width: int, model_store: ModelStore) -> None:
    if obtainable("centerface", model_store) == "centerface":
        assert difference(model_store.read("centerface"), STEM, height, width, OUTPUTS) < 1e-4


@pytest.mark.parametrize("part", [Part(begin="z"), Part(end="z"), Part("z", "y")])
def test_a_graph_without_the_tensor_is_refused(part: Part) -> None:
    with pytest.raises(ModelError, match=r"the graph has no tensor \['z'\]"):
        Session(miniature(), part=part)
