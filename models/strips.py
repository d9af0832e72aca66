"""A graph whose first layers run in horizontal strips: the same numbers for less memory.

The first layers of a detector hold the most: CenterFace's third convolution makes 96 channels at half the input's
size, 68 MB at 960 x 736, and its outputs are small again. Such layers see a few rows around each of their own, so they
give the same for a strip as for the whole, where the strip has these rows beside it. Rows that the strip's edge reaches
(layers pad it with zeros) are cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.session import Part, Session

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stem:
    """The first layers of a graph.

    Attributes:
        end: Their last tensor.
        stride: Rows of the input for one of that tensor.
        reach: Rows of that tensor that the edge of a strip reaches.
        rows: Rows of that tensor in a strip.
    """

    end: str
    stride: int
    reach: int
    rows: int


class StripSession:
    """A graph with one input; the first layers run strip by strip. `run` may be called from several threads.

    Args:
        model: ONNX bytes; their fixed size is set free.
        stem: Its first layers.
        threads: Threads inside one inference.
        lean: Give memory back after each inference.

    Raises:
        ModelError: The bytes are no graph that onnxruntime loads, or have no such layers.
    """

    def __init__(self, model: bytes, stem: Stem, threads: int = 1, lean: bool = False) -> None:
        self._how = stem
        self._stem = Session(model, threads, free_size=True, part=Part(end=stem.end))  # the rest gives its memory back
        self._rest = Session(model, threads, free_size=True, lean=lean, part=Part(begin=stem.end))

    def run(self, blob: Floats, outputs: list[str] | None = None) -> list[Floats]:
        """One inference.

        Args:
            blob: The input, N x 3 x H x W float32; H a multiple of the stem's stride.
            outputs: Names of the requested outputs; all of them unless given.

        Raises:
            ModelError: onnxruntime could not run the graph on this input.
        """
        how, count = self._how, blob.shape[2] // self._how.stride
        strips = [self._strip(blob, top, min(top + how.rows, count), count) for top in range(0, count, how.rows)]
        return self._rest.run(np.concatenate(strips, axis=2), outputs)

    def _strip(self, blob: Floats, top: int, bottom: int, count: int) -> Floats:
        """The stem's rows from `top` to `bottom` of `count`."""
        how = self._how
        first, last = max(0, top - how.reach), min(count, bottom + how.reach)
        part = np.ascontiguousarray(blob[:, :, first * how.stride : last * how.stride])
        (made,) = self._stem.run(part)
        return made[:, :, top - first : bottom - first]
