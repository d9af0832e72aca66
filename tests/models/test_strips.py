"""A graph whose first layers run in strips gives the same numbers: a miniature, and CenterFace itself."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from model_kit import obtainable
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from common.errors import ModelError
from models.detectors.centerface import OUTPUTS, STAGES
from models.files.store import ModelStore
from models.session import Part, Session
from models.strips import Stage, StripSession

Floats = NDArray[np.float32]

MINIATURE = (Stage(end={"c": 1}, given=4, reach=2, units=8),)
IN_TWO = (Stage(end={"a": 1}, given=2, reach=1, units=4), Stage(end={"b": 2, "c": 1}, given=2, reach=1, units=4))
"""The same layers, and `b` is needed again after `c`."""


def miniature(*, shortcut: bool = True) -> bytes:
    """Three 3 x 3 convolutions, two of them with stride 2, and one more behind them; weights are listed as inputs.

    With the shortcut there is a second output: the first plus every second pixel of `b`, weighted.
    """
    random = np.random.default_rng(7)
    names, layers, weights = ["x", "a", "b", "c", "y"], [(3, 4, 2), (4, 4, 1), (4, 5, 2), (5, 2, 1)], []
    nodes, entries = [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])]
    for number, (source, made, stride) in enumerate(layers):
        values = random.normal(size=(made, source, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{number}"))
        entries.append(helper.make_tensor_value_info(f"w{number}", TensorProto.FLOAT, values.shape))
        how: dict[str, Any] = {"pads": [1, 1, 1, 1], "strides": [stride, stride], "kernel_shape": [3, 3]}
        nodes.append(helper.make_node("Conv", [names[number], f"w{number}"], [names[number + 1]], **how))
    ends = ["y"]
    if shortcut:
        nodes.append(helper.make_node("Conv", ["b", "w4"], ["s"], kernel_shape=[1, 1], strides=[2, 2]))
        nodes.append(helper.make_node("Add", ["y", "s"], ["z"]))
        weights.append(numpy_helper.from_array(random.normal(size=(2, 4, 1, 1)).astype(np.float32), "w4"))
        ends.append("z")
    result = [helper.make_tensor_value_info(it, TensorProto.FLOAT, [1, 2, 8, 8]) for it in ends]
    graph = helper.make_graph(nodes, "miniature", entries, result, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def difference(model: bytes, stages: Sequence[Stage], size: tuple[int, int], outputs: list[str]) -> float:
    """Between whole and strips, at most, as a share of the largest number; `size` is height and width."""
    blob = np.random.default_rng(size[0]).uniform(0, 255, (1, 3, *size)).astype(np.float32)
    whole = Session(model, free_size=True).run(blob, outputs)
    strips = StripSession(model, stages).run(blob, outputs)
    assert [it.shape for it in strips] == [it.shape for it in whole]
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(whole, strips, strict=True))


SIZES = [(4, 4), (8, 64), (32, 32), (36, 60), (64, 32), (100, 16), (132, 8)]


@pytest.mark.parametrize("size", SIZES)
def test_strips_give_the_numbers_of_the_whole(size: tuple[int, int]) -> None:
    assert difference(miniature(shortcut=False), MINIATURE, size, ["y"]) < 1e-5


@pytest.mark.parametrize("size", SIZES)
def test_two_stages_give_them_too_where_the_second_has_two_outputs(size: tuple[int, int]) -> None:
    assert difference(miniature(), IN_TWO, size, ["y", "z"]) < 1e-5


@pytest.mark.parametrize("stage", [0, 1])
def test_a_strip_without_the_rows_beside_it_would_not(stage: int) -> None:
    stages = [replace(it, reach=0) if at == stage else it for at, it in enumerate(IN_TWO)]
    assert difference(miniature(), stages, (64, 32), ["y", "z"]) > 1e-3


def test_strips_are_of_one_size_so_that_one_serves_the_next_with_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    feed = Session.feed

    def counted(session: Session, blobs: Mapping[str, Floats], outputs: list[str] | None = None) -> list[Floats]:
        shapes.extend(blob.shape for blob in blobs.values())
        return feed(session, blobs, outputs)

    monkeypatch.setattr(Session, "feed", counted)
    StripSession(miniature(), IN_TWO).run(np.zeros((1, 3, 132, 8), np.float32))
    first, second = 17 * [(1, 3, 12, 8)], 9 * [(1, 4, 12, 4)]
    assert shapes == [*first, *second, (1, 4, 66, 4), (1, 5, 33, 2)]


def test_the_input_and_each_stage_s_result_are_let_go_of_when_they_are_not_needed() -> None:
    session = StripSession(miniature(), IN_TWO)
    made = session.begin(np.zeros((1, 3, 64, 8), np.float32))
    held = weakref.ref(made["a"])
    session.finish(made)
    assert not made
    assert held() is None


@pytest.mark.parametrize("lean", [False, True])
def test_memory_is_given_back_after_each_stage_where_that_is_wanted(
    lean: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gives_back: list[bool] = []
    feed = Session.feed

    def counted(session: Session, blobs: Mapping[str, Floats], outputs: list[str] | None = None) -> list[Floats]:
        gives_back.append(session.lean)
        return feed(session, blobs, outputs)

    monkeypatch.setattr(Session, "feed", counted)
    StripSession(miniature(), IN_TWO, lean=lean).run(np.zeros((1, 3, 24, 8), np.float32))
    assert gives_back == [False, False, lean, False, lean, lean]


@pytest.mark.parametrize("size", [(480, 640), (736, 960), (32, 640), (352, 480)])
def test_centerface_gives_the_same(size: tuple[int, int], model_store: ModelStore) -> None:
    if obtainable("centerface", model_store) == "centerface":
        assert difference(model_store.read("centerface"), STAGES, size, OUTPUTS) < 1e-4


@pytest.mark.parametrize("part", [Part(begin=("no",)), Part(end=("no",)), Part(("no",), ("y",))])
def test_a_graph_without_the_tensor_is_refused(part: Part) -> None:
    with pytest.raises(ModelError, match=r"the graph has no tensor \['no'\]"):
        Session(miniature(), part=part)
