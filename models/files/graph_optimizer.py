"""Exact rewrites of YOLOX's graph: the same numbers (up to rounding) for less work.

Each is an identity, not an approximation:

- *Stem.* Slicing a picture into its four phases and convolving the 12 channels with a 3 x 3 kernel is one convolution
  of the 3 channels with a 6 x 6 kernel and stride 2 whose weights are the same ones, interleaved.
- *Pyramid pooling.* A maximum over 9 x 9 is a maximum over 5 x 5 of maxima over 5 x 5, and so on to 13 x 13
  (maxima are associative; the padding of a maximum is minus infinity).
- *Classes.* Nobody asks for 74 of the 80 classes: their rows of the last convolutions are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from common.errors import ModelError

Floats = NDArray[np.float32]
STEM_PARTS = 4
POOLS = (5, 9, 13)


def slim(model: bytes, classes: Sequence[int]) -> bytes:
    """YOLOX with a lighter stem, pooling and head.

    Args:
        model: ONNX bytes of a YOLOX with a Focus stem.
        classes: Classes to keep, in the order of the new outputs: column 5 + i is class `classes[i]`.

    Raises:
        ModelError: It is no such graph.
    """
    try:
        proto = onnx.load_from_string(model)
    except Exception as error:  # protobuf's errors have no common root
        raise ModelError(f"the model cannot be loaded: {error}") from error
    try:
        graph = _Graph(proto.graph)
        graph.one_stem()
        graph.chained_pools()
        graph.keep_classes(list(classes))
        return bytes(proto.SerializeToString())
    except (KeyError, IndexError, ValueError, StopIteration) as error:
        raise ModelError(f"this is not the YOLOX graph that `slim` knows: {error!r}") from error


class _Graph:
    """A graph with its constants and consumers by name."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._constants = {constant.name: constant for constant in graph.initializer}
        self._made_by = {output: node for node in graph.node for output in node.output}

    def one_stem(self) -> None:
        """Slices, concatenation and convolution become one convolution."""
        picture = next(each.name for each in self._graph.input if each.name not in self._constants)
        joint = next(node for node in self._graph.node if node.op_type == "Concat")
        stem = next(node for node in self._graph.node if joint.output[0] in node.input)
        weights = self._value(stem.input[1])
        if len(joint.input) != STEM_PARTS or weights.shape[1:] != (3 * STEM_PARTS, 3, 3):
            raise ValueError("the stem is no Focus")
        kernel = np.zeros((len(weights), 3, 6, 6), np.float32)
        for place, name in enumerate(joint.input):
            row, column = self._phase(name, picture)
            kernel[:, :, row::2, column::2] = weights[:, 3 * place : 3 * place + 3]
        gone = [joint] + [node for node in self._graph.node if node.op_type == "Slice"]
        for node in gone:
            self._graph.node.remove(node)
        self._replace(stem.input[1], kernel)
        stem.input[0] = picture
        for attribute in stem.attribute:
            if attribute.name in _STEM:
                del attribute.ints[:]
                attribute.ints.extend(_STEM[attribute.name])

    def _phase(self, name: str, picture: str) -> tuple[int, int]:
        """First row and column of the slice that makes `name`."""
        starts: dict[int, int] = {}
        while name != picture:
            node = self._made_by[name]
            start, _, axis, step = (int(self._value(each)[0]) for each in node.input[1:5])
            if node.op_type != "Slice" or step != STEM_PARTS // 2:
                raise ValueError("the stem is no Focus")
            starts[axis] = start
            name = node.input[0]
        return starts[2], starts[3]

    def chained_pools(self) -> None:
        """Each larger maximum is taken of the next smaller one."""
        pools = sorted((node for node in self._graph.node if node.op_type == "MaxPool"), key=_side)
        if tuple(map(_side, pools)) != POOLS or len({node.input[0] for node in pools}) != 1:
            raise ValueError("the pooling is no pyramid of 5, 9 and 13")
        for smaller, larger in pairwise(pools):
            larger.input[0] = smaller.output[0]
            for attribute in larger.attribute:
                if attribute.name in _POOL:
                    del attribute.ints[:]
                    attribute.ints.extend(_POOL[attribute.name])
        places = sorted(list(self._graph.node).index(node) for node in pools)
        for place, node in zip(places, [_copy(pool) for pool in pools], strict=True):
            self._graph.node[place].CopyFrom(node)

    def keep_classes(self, classes: list[int]) -> None:
        """Of the three class heads, only these rows; reshapes follow."""
        for name in [name for name in self._constants if "cls_preds" in name]:
            self._replace(name, self._value(name)[classes])
        for node in self._graph.node:
            if node.op_type == "Reshape":
                shape = self._value(node.input[1]).astype(np.int64)
                self._replace(node.input[1], np.minimum(shape, len(classes) + 5))

    def _value(self, name: str) -> NDArray[np.generic]:
        value: NDArray[np.generic] = numpy_helper.to_array(self._constants[name])
        return value

    def _replace(self, name: str, value: NDArray[np.generic]) -> None:
        self._constants[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), name))


_STEM = {"kernel_shape": [6, 6], "pads": [2, 2, 2, 2], "strides": [2, 2]}
_POOL = {"kernel_shape": [POOLS[0]] * 2, "pads": [POOLS[0] // 2] * 4}


def _side(node: onnx.NodeProto) -> int:
    return int(next(a.ints[0] for a in node.attribute if a.name == "kernel_shape"))


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    made = onnx.NodeProto()
    made.CopyFrom(node)
    return made
