"""A TensorFlow.js graph model (SSD with a MobileNet backbone) → ONNX, without TensorFlow.

Only the convolutional part is converted, from the normalised picture to box encodings and class scores; what comes
after it (decoding, non-maximum suppression) is numpy in `models.detectors.ssdlite`. Layout becomes NCHW. The result
depends on the input bytes alone, so that its hash can be pinned: weights are copied, never computed with.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from common.errors import ModelError

INPUT = "Preprocessor/sub"
"""Node whose place the input takes: RGB, 300x300, in [-1, 1]."""
OUTPUTS = {"boxes": "Squeeze", "scores": "Postprocessor/convert_scores"}
ANCHORS = "Postprocessor/ExpandDims"
"""A constant of the graph: 1x1917x4, y1 x1 y2 x2 in 0..1."""
SIDE_PX = 300
OPSET, IR_VERSION = 13, 8

Array = NDArray[Any]
Node = dict[str, Any]


def convert(folder: Path) -> bytes:
    """Convert `folder/model.json` and its shards.

    Returns:
        An ONNX file: `picture` 1x3x300x300 → `boxes` 1xNx4, `scores` 1xNx91, `anchors` Nx4.

    Raises:
        ModelError: The files do not hold such a graph, or it has an operation that is not known here.
    """
    try:
        model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        weights = _weights(model["weightsManifest"], folder)
        nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        return _Builder(nodes, weights).build()
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise ModelError(f"not a graph model that can be converted: {type(error).__name__} {error}") from error


def _weights(groups: list[dict[str, Any]], folder: Path) -> dict[str, Array]:
    """Constants by name; each group's shards are one buffer that holds its weights one after another."""
    result: dict[str, Array] = {}
    for group in groups:
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        offset = 0
        for entry in group["weights"]:
            if "quantization" in entry:
                raise ValueError(f"{entry['name']}: quantised weights are not known here")
            dtype = np.dtype(entry["dtype"]).newbyteorder("<")
            count = math.prod(entry["shape"])
            result[entry["name"]] = np.frombuffer(data, dtype, count, offset).reshape(entry["shape"])
            offset += count * dtype.itemsize
    return result


class _Builder:
    """Walks the graph back from the outputs and appends ONNX nodes in an order that runs."""

    def __init__(self, nodes: dict[str, Node], weights: dict[str, Array]) -> None:
        self._nodes = nodes
        self._weights = weights
        self._made: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._done = {INPUT: "picture"}

    def build(self) -> bytes:
        for name, node in OUTPUTS.items():
            self._add("Identity", [self._tensor(node)], name)
        anchors = self._constant("anchors/constant", self._weights[ANCHORS].reshape(-1, 4))
        self._add("Identity", [anchors], "anchors")
        picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (*OUTPUTS, "anchors")]
        graph = helper.make_graph(self._made, "ssdlite", [picture], results, list(self._constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        model.producer_name, model.producer_version = "paifang", ""
        return bytes(model.SerializeToString(deterministic=True))

    def _tensor(self, name: str) -> str:
        """Name of the ONNX tensor that stands for the node, which is appended first where it is new."""
        if name not in self._done:
            node = self._nodes[name]
            if node["op"] not in OPERATIONS:
                raise ValueError(f"operation {node['op']} of {name} is not known here")
            OPERATIONS[node["op"]](self, node)
            self._done[name] = name
        return self._done[name]

    def _add(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._made.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def _constant(self, name: str, value: Array) -> str:
        if name not in self._constants:
            little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
            self._constants[name] = numpy_helper.from_array(little, name)
        return name

    def conv(self, node: Node) -> None:
        """Conv2D: weights height, width, in, out → out, in, height, width."""
        self._conv(node, self._weights[node["input"][1]].transpose(3, 2, 0, 1), 1)

    def depthwise(self, node: Node) -> None:
        """DepthwiseConv2dNative: weights height, width, channels, multiplier → one group per channel."""
        weights = self._weights[node["input"][1]]
        height, width, channels, multiplier = weights.shape
        turned = weights.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
        self._conv(node, turned, channels)

    def _conv(self, node: Node, weights: Array, groups: int) -> None:
        strides, dilations = _ints(node, "strides")[1:3], _ints(node, "dilations")[1:3]
        padding = {"SAME": "SAME_UPPER", "VALID": "VALID"}[_text(node, "padding")]
        if _text(node, "data_format") != "NHWC":
            raise ValueError(f"{node['name']}: layout must be NHWC")
        inputs = [self._tensor(node["input"][0]), self._constant(f"{node['name']}/weights", weights)]
        self._add("Conv", inputs, node["name"], auto_pad=padding, strides=strides, dilations=dilations, group=groups)

    def elementwise(self, node: Node) -> None:
        """Add, BiasAdd, Mul, Sub: a constant per channel is turned to stand before height and width."""
        operation = {"BiasAdd": "Add", "AddN": "Sum"}.get(str(node["op"]), str(node["op"]))
        self._add(operation, [self._operand(name) for name in node["input"]], node["name"])

    def _operand(self, name: str) -> str:
        if name not in self._weights:
            return self._tensor(name)
        value = self._weights[name]
        if value.ndim > 1:
            raise ValueError(f"{name}: a constant of shape {value.shape} beside a picture is not known here")
        return self._constant(f"{name}/channels", value.reshape(1, -1, 1, 1))

    def batch_norm(self, node: Node) -> None:
        """FusedBatchNorm at inference."""
        values = [self._constant(name, self._weights[name]) for name in node["input"][1:5]]
        epsilon = float(node["attr"]["epsilon"]["f"])
        self._add(
            "BatchNormalization",
            [self._tensor(node["input"][0]), *values],
            node["name"],
            epsilon=epsilon,
        )

    def relu6(self, node: Node) -> None:
        """Relu6."""
        bounds = [self._constant(f"relu6/{side}", np.array(side, np.float32)) for side in (0, 6)]
        self._add("Clip", [self._tensor(node["input"][0]), *bounds], node["name"])

    def reshape(self, node: Node) -> None:
        """Reshape of a feature map to rows per anchor: back to height, width, channels first."""
        source = self._tensor(node["input"][0])
        turned = self._add("Transpose", [source], f"{node['name']}/nhwc", perm=[0, 2, 3, 1])
        tail = [int(self._weights[name]) for name in self._nodes[node["input"][1]]["input"][1:]]
        shape = self._constant(f"{node['name']}/shape", np.array([1, *tail], np.int64))
        self._add("Reshape", [turned, shape], node["name"])

    def concat(self, node: Node) -> None:
        """ConcatV2 of rows per anchor; the last input is the axis."""
        *parts, axis = node["input"]
        self._add(
            "Concat",
            [self._tensor(part) for part in parts],
            node["name"],
            axis=int(self._weights[axis]),
        )

    def squeeze(self, node: Node) -> None:
        """Squeeze."""
        axes = self._constant(f"{node['name']}/axes", np.array(_ints(node, "squeeze_dims"), np.int64))
        self._add("Squeeze", [self._tensor(node["input"][0]), axes], node["name"])

    def sigmoid(self, node: Node) -> None:
        """Sigmoid."""
        self._add("Sigmoid", [self._tensor(node["input"][0])], node["name"])


OPERATIONS: dict[str, Callable[[_Builder, Node], None]] = {
    "Conv2D": _Builder.conv,
    "DepthwiseConv2dNative": _Builder.depthwise,
    "Add": _Builder.elementwise,
    "AddN": _Builder.elementwise,
    "BiasAdd": _Builder.elementwise,
    "Mul": _Builder.elementwise,
    "Sub": _Builder.elementwise,
    "FusedBatchNorm": _Builder.batch_norm,
    "Relu6": _Builder.relu6,
    "Reshape": _Builder.reshape,
    "ConcatV2": _Builder.concat,
    "Squeeze": _Builder.squeeze,
    "Sigmoid": _Builder.sigmoid,
}
"""TensorFlow operation → what appends its ONNX counterpart."""


def _ints(node: Node, name: str) -> list[int]:
    return [int(item) for item in node["attr"][name]["list"]["i"]]


def _text(node: Node, name: str) -> str:
    return bytes(node["attr"][name]["s"]).decode()
