"""A graph whose first layers run in horizontal strips: the same numbers for less memory.

The first layers of a detector hold the most. CenterFace's third convolution makes 96 channels at half the input's size,
68 MB at 960 x 736, and the two blocks after it 144 channels at a quarter of it, twice 25 MB; what leaves them is small.
Such layers see a few rows around each of their own, so they give the same for a strip as for the whole, where the strip
has these rows beside it. Rows that the strip's edge reaches (layers pad it with zeros) are cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.session import Part, Session

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stage:
    """Some of the first layers of a graph. A unit is some rows of its input that make whole rows of each output.

    Attributes:
        end: Tensor → its rows in a unit.
        given: Rows of the stage's input in a unit.
        reach: Units that the edge of a strip reaches.
        units: Units in a strip.
    """

    end: dict[str, int]
    given: int
    reach: int
    units: int


@dataclass(frozen=True)
class _Loaded:
    """A stage's graph; `last` runs the last strip and may give memory back; the others keep it for the next."""

    stage: Stage
    strips: Session
    last: Session


class StripSession:
    """A graph with one input; its first layers run strip by strip. All methods may be called from several threads.

    Args:
        model: ONNX bytes; their fixed size is set free.
        stages: Its first layers, in order; all but the last have one output.
        threads: Threads inside one inference.
        lean: Give memory back after each stage and each inference.

    Raises:
        ModelError: The bytes are no graph that onnxruntime loads, or have no such layers.
    """

    def __init__(self, model: bytes, stages: Sequence[Stage], threads: int = 1, lean: bool = False) -> None:
        begin: tuple[str, ...] = ()
        self._stages: list[_Loaded] = []
        for stage in stages:
            part = Part(begin, tuple(stage.end))
            strips, last = (Session(model, threads, free_size=True, lean=it, part=part) for it in (False, lean))
            self._stages.append(_Loaded(stage, strips, last))
            begin = part.end
        self._rest = Session(model, threads, free_size=True, lean=lean, part=Part(begin))

    def run(self, blob: Floats, outputs: list[str] | None = None) -> list[Floats]:
        """One inference.

        Args:
            blob: The input, N x 3 x H x W float32; H a multiple of each stage's `given` rows.
            outputs: Names of the requested outputs; all of them unless given.

        Raises:
            ModelError: onnxruntime could not run the graph on this input.
        """
        return self.finish(self.begin(blob), outputs)

    def begin(self, blob: Floats) -> dict[str, Floats]:
        """The first stage, after which the caller can let go of the input; arguments and errors as of `run`."""
        return _in_strips(self._stages[0], blob)

    def finish(self, made: dict[str, Floats], outputs: list[str] | None = None) -> list[Floats]:
        """All other layers.

        Args:
            made: What `begin` made; emptied.
            outputs: Names of the requested outputs; all of them unless given.

        Raises:
            ModelError: onnxruntime could not run the graph on this input.
        """
        for loaded in self._stages[1:]:
            made = _in_strips(loaded, made.popitem()[1])
        return self._rest.feed(made, outputs)


def _in_strips(loaded: _Loaded, blob: Floats) -> dict[str, Floats]:
    """The stage's outputs for the whole of its input."""
    stage, names, whole = loaded.stage, list(loaded.stage.end), list[Floats]()
    count = blob.shape[2] // stage.given
    window = min(stage.units + 2 * stage.reach, count)  # of one size: what one strip has used serves the next one
    for top in range(0, count, stage.units):
        bottom = min(top + stage.units, count)
        first = min(max(0, top - stage.reach), count - window)
        strip = np.ascontiguousarray(blob[:, :, first * stage.given : (first + window) * stage.given])
        parts = (loaded.last if bottom == count else loaded.strips).run(strip, names)
        if not whole:
            heights = [count * rows for rows in stage.end.values()]
            whole = [
                np.empty((*it.shape[:2], high, it.shape[3]), np.float32)
                for it, high in zip(parts, heights, strict=True)
            ]
        for target, part, rows in zip(whole, parts, stage.end.values(), strict=True):
            target[:, :, top * rows : bottom * rows] = part[:, :, (top - first) * rows : (bottom - first) * rows]
    return dict(zip(names, whole, strict=True))
