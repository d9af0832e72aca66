from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from model_kit import obtainable

from common.errors import ModelError
from models import registry
from models.files.convert_tfjs import ANCHORS, INPUT, SIDE_PX, convert
from models.files.store import ModelStore

NHWC = {"s": list(b"NHWC")}
STRIDE_2 = {"list": {"i": ["1", "2", "2", "1"]}}
NO_DILATION = {"list": {"i": ["1", "1", "1", "1"]}}
SAME = {"s": list(b"SAME")}
GRID = SIDE_PX // 2


def a_node(op: str, name: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"op": op, "name": name, "input": list(inputs), "attr": attributes}


def a_model(folder: Path, last_op: str = "Relu6") -> dict[str, np.ndarray[Any, Any]]:
    """A 1x1 convolution of stride 2 with bias and Relu6, as boxes (4 channels) and, through Sigmoid, as scores."""
    rng = np.random.default_rng(3)
    weights: dict[str, np.ndarray[Any, Any]] = {
        "w": rng.normal(0, 4, (1, 1, 3, 4)).astype(np.float32),
        "b": rng.normal(0, 1, 4).astype(np.float32),
        "rows": np.array(-1, np.int32),
        "one": np.array(1, np.int32),
        "four": np.array(4, np.int32),
        ANCHORS: rng.uniform(0, 1, (1, GRID * GRID, 4)).astype(np.float32),
    }
    conv = {"strides": STRIDE_2, "dilations": NO_DILATION, "padding": SAME, "data_format": NHWC}
    nodes = [
        a_node("Conv2D", "conv", INPUT, "w", **conv),
        a_node("BiasAdd", "biased", "conv", "b"),
        a_node(last_op, "relu", "biased"),
        a_node("Pack", "shape", "batch", "rows", "one", "four"),
        a_node("Reshape", "flat", "relu", "shape"),
        a_node("ConcatV2", "both", "flat", "flat", "one"),
        a_node("Squeeze", "Squeeze", "both", squeeze_dims={"list": {"i": ["2"]}}),
        a_node("Sigmoid", "Postprocessor/convert_scores", "Squeeze"),
    ]
    data = b"".join(value.tobytes() for value in weights.values())
    (folder / "one").write_bytes(data[:50])
    (folder / "two").write_bytes(data[50:])
    entries = [{"name": name, "shape": list(v.shape), "dtype": str(v.dtype)} for name, v in weights.items()]
    manifest = [{"paths": ["one", "two"], "weights": entries}]
    (folder / "model.json").write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": manifest}))
    return weights


def test_the_converted_graph_computes_what_numpy_computes(tmp_path: Path) -> None:
    weights = a_model(tmp_path)
    session = onnxruntime.InferenceSession(convert(tmp_path), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(1).uniform(-1, 1, (1, 3, SIDE_PX, SIDE_PX)).astype(np.float32)
    boxes, scores, anchors = session.run(["boxes", "scores", "anchors"], {"picture": picture})
    sampled = picture[0].transpose(1, 2, 0)[::2, ::2]
    rows = np.clip(sampled @ weights["w"][0, 0] + weights["b"], 0, 6).reshape(-1, 4)
    np.testing.assert_allclose(boxes[0], np.concatenate([rows, rows]), atol=1e-4)
    np.testing.assert_allclose(scores[0], 1 / (1 + np.exp(-np.concatenate([rows, rows]))), atol=1e-4)
    np.testing.assert_array_equal(anchors, weights[ANCHORS][0])


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    a_model(tmp_path)
    assert convert(tmp_path) == convert(tmp_path)


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    a_model(tmp_path, last_op="Quux")
    with pytest.raises(ModelError, match="operation Quux of relu is not known here"):
        convert(tmp_path)


def test_missing_bytes_and_other_files_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a graph model that can be converted"):
        convert(tmp_path)
    a_model(tmp_path)
    (tmp_path / "two").write_bytes(b"short")
    with pytest.raises(ModelError, match="not a graph model"):
        convert(tmp_path)


def test_the_real_one_has_the_pinned_hash(model_store: ModelStore) -> None:
    """The store verified it when it was converted; here it is looked at again."""
    name = obtainable("ssdlite_mobilenet_v2", model_store)
    found = hashlib.sha256(model_store.path(name).read_bytes()).hexdigest()
    assert found == registry.named(name).sha256
