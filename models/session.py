"""One onnxruntime session, made to share a small machine: no spinning, one thread by default, errors mapped."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from common.errors import ModelError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Options:
    """What a caller may choose; a wrapper uses what it has a use for and keeps its own default for None.

    Attributes:
        threads: Threads inside one inference.
        lean: Give memory back after each inference, at a little time: for large inputs that are rare.
        size: Width and height in pixels that a picture is letterboxed to, multiples of 32 (yolox_nano).
        long_side: Length in pixels that a picture's longer side is brought to (faces and plates).
        threshold: Least score, in (0, 1).
    """

    threads: int = 1
    lean: bool = False
    size: tuple[int, int] | None = None
    long_side: int | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.size is not None and any(side <= 0 or side % 32 for side in self.size):
            raise ModelError(f"size must be two positive multiples of 32, got {self.size}")
        if self.long_side is not None and self.long_side < 32:
            raise ModelError(f"long_side must be at least 32, got {self.long_side}")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ModelError(f"threshold must be between 0 and 1, got {self.threshold}")
        if self.threads < 1:
            raise ModelError(f"threads must be at least 1, got {self.threads}")


DEFAULT_OPTIONS = Options()


class Part(NamedTuple):
    """A part of a graph: what lies between some of its tensors and others.

    Attributes:
        begin: The tensors that become the inputs; empty: the graph's input.
        end: The tensors that become the outputs; empty: the graph's outputs.
    """

    begin: tuple[str, ...] = ()
    end: tuple[str, ...] = ()


class Session:
    """A loaded graph. `run` and `feed` may be called from several threads.

    Args:
        model: ONNX bytes.
        threads: Threads inside one inference.
        lean: Give memory back after each inference.
        free_size: Set batch to 1 and height and width free, whatever the file declares (NCHW graphs only).
        part: Only this part of the graph; None: all of it.

    Raises:
        ModelError: The bytes are no graph that onnxruntime loads.
    """

    def __init__(
        self,
        model: bytes,
        threads: int = 1,
        free_size: bool = False,
        lean: bool = False,
        part: Part | None = None,
    ) -> None:
        try:
            self._session = _loaded(model, threads, free_size, part)
        except Exception as error:  # onnxruntime's and protobuf's errors have no common root
            raise ModelError(f"the model cannot be loaded: {error}") from error
        self.lean, self._options = lean, _GIVE_BACK if lean else None
        self.input_name: str = self._session.get_inputs()[0].name
        self.input_shape: list[Any] = list(self._session.get_inputs()[0].shape)
        self.output_names: list[str] = [output.name for output in self._session.get_outputs()]
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, blob: Floats, outputs: list[str] | None = None) -> list[Floats]:
        """One inference of a graph with one input.

        Args:
            blob: The input, N x 3 x H x W float32.
            outputs: Names of the requested outputs; all of them unless given.

        Raises:
            ModelError: onnxruntime could not run the graph on this input.
        """
        return self.feed({self.input_name: blob}, outputs)

    def feed(self, blobs: Mapping[str, Floats], outputs: list[str] | None = None) -> list[Floats]:
        """One inference of a graph with several inputs.

        Args:
            blobs: Name → input, N x C x H x W float32.
            outputs: Names of the requested outputs; all of them unless given.

        Raises:
            ModelError: onnxruntime could not run the graph on these inputs.
        """
        try:
            results: list[Floats] = self._session.run(outputs, blobs, self._options)
        except Exception as error:  # see above
            shapes = ", ".join(str(blob.shape) for blob in blobs.values())
            raise ModelError(f"inference failed on an input of shape {shapes}: {error}") from error
        return results


_GIVE_BACK = onnxruntime.RunOptions()
_GIVE_BACK.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
_AS_REQUESTED = 1
"""Extension strategy of onnxruntime's arena (kSameAsRequested): it grows by what is requested, not to powers of two."""
_lock = threading.Lock()
_sessions: WeakValueDictionary[tuple[str, int, bool, Part | None], onnxruntime.InferenceSession] = WeakValueDictionary()


def _loaded(model: bytes, threads: int, free_size: bool, part: Part | None) -> onnxruntime.InferenceSession:
    """The graph, loaded once for all that use it; freed with the last of them.

    A copy for each user cost a box some 25 MB each, and an arena for each session kept the largest input's memory of
    every one: 1.2 GB where five cameras, films, live views and a gate run together.
    """
    key = (hashlib.sha256(model).hexdigest(), threads, free_size, part)
    with _lock:
        session = _sessions.get(key)
        if session is None:
            graph = with_free_size(model) if free_size else model
            session = _load(part_of(graph, part) if part else graph, threads)
            _sessions[key] = session
        return session


def _load(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    _share_arena()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    settings.enable_mem_pattern = False  # else the second run of each input shape takes the memory of the first again
    settings.add_session_config_entry("session.use_env_allocators", "1")
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.add_session_config_entry("session.inter_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
    session._model_bytes = None  # kept to load it anew on another device; there is none, and a gate's models are 50 MB
    return session


@cache
def _share_arena() -> None:
    """One arena for all sessions of the process: what one inference has freed serves the next one."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(0, _AS_REQUESTED, -1, -1))


def with_free_size(model: bytes) -> bytes:
    """The same graph with batch 1 and free height and width.

    Raises:
        ModelError: The input is not N x C x H x W.
    """
    graph = onnx.load_from_string(model)
    constants = {constant.name for constant in graph.graph.initializer}
    (picture,) = [each for each in graph.graph.input if each.name not in constants]
    dims = picture.type.tensor_type.shape.dim
    if len(dims) != 4:
        raise ModelError(f"input {picture.name} must have 4 dimensions, got {len(dims)}")
    dims[0].dim_value = 1
    dims[2].dim_param, dims[3].dim_param = "height", "width"
    for output in graph.graph.output:
        output.type.tensor_type.ClearField("shape")
    del graph.graph.value_info[:]  # shapes that were inferred for the old size
    return bytes(graph.SerializeToString())


def part_of(model: bytes, part: Part) -> bytes:
    """A part of a graph with one input, as a graph.

    Raises:
        ModelError: There are no such tensors.
    """
    proto = onnx.load_from_string(model)
    graph = proto.graph
    made_by = {output: node for node in graph.node for output in node.output}
    missing = [name for name in (*part.begin, *part.end) if name not in made_by]
    if missing:
        raise ModelError(f"the graph has no tensor {missing}")
    for name in part.begin:
        del made_by[name]
    pending = list(part.end) or [it.name for it in graph.output]
    known: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in known:
            known.add(name)
            pending += made_by[name].input if name in made_by else []
    nodes = [
        node for node in graph.node if not known.isdisjoint(node.output) and set(part.begin).isdisjoint(node.output)
    ]
    constants = [it for it in graph.initializer if it.name in known]
    given = {it.name for it in graph.initializer}
    entry = [_tensor(name) for name in part.begin] or [it for it in graph.input if it.name not in given]
    ends = [_tensor(name) for name in part.end] or list(graph.output)
    graph.CopyFrom(onnx.helper.make_graph(nodes, graph.name, entry, ends, constants))
    return bytes(proto.SerializeToString())


def _tensor(name: str) -> onnx.ValueInfoProto:
    """A tensor N x C x H x W of float32."""
    dims = ["batch", "channels", "height", "width"]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims)


def expect(name: str, array: Floats, *shape: int) -> Floats:
    """`array` where its shape is `shape` (-1: any).

    Raises:
        ModelError: It is not; names both shapes.
    """
    fits = array.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits:
        raise ModelError(f"output {name} must have shape {shape}, got {array.shape}")
    return array
