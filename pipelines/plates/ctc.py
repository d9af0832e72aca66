"""From a reader's output to plates: CTC decoding that only walks along the shapes of the grammars.

Source: A. Graves et al., "Connectionist Temporal Classification", ICML 2006 (the forward recursion), and A. Hannun et
al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014 (prefix beam
search), with the shapes of `protocol.plate_grammar` in the place of a language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.plate_grammar import PROVINCES, Grammar

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "".join(sorted(PROVINCES)) + "挂学警港澳使领应急"
"""Columns 1… of a reading; column 0 is CTC's blank."""
COLUMN = {char: number for number, char in enumerate(SYMBOLS, 1)}
WIDTH = 12
"""Prefixes that are kept at each step."""
FLOOR = 1e-6
"""No symbol is quite impossible: a sure reader may be wrong."""
MIN_SHARE = 1e-4
"""A symbol below this at a step opens no new prefix there."""
STANDS_FOR = {"O": "0", "I": "1"}
"""Where no shape knows the letter, a reader that saw it saw the digit."""


@dataclass(frozen=True)
class Lattice:
    """The shapes as columns of symbols.

    Sets of shapes are bits: bit n is the shape with number n.

    Attributes:
        shapes: How many there are.
        allowing: For each position, column → the shapes that have it there. The last position has none.
        ending: For each length, the shapes that are as long.
        folded: Pairs of columns (from, to): what is read as the first counts for the second.
    """

    shapes: int
    allowing: tuple[dict[int, int], ...]
    ending: tuple[int, ...]
    folded: tuple[tuple[int, int], ...]

    @staticmethod
    def of(grammars: Sequence[Grammar]) -> Lattice:
        """The lattice of some grammars."""
        shapes = [shape for grammar in grammars for shape in grammar.shapes]
        known = {char for shape in shapes for part in shape for char in part}
        folded = [(COLUMN[a], COLUMN[b]) for a, b in STANDS_FOR.items() if a not in known]
        longest = max(map(len, shapes), default=0)
        allowing: list[dict[int, int]] = [{} for _ in range(longest + 1)]
        ending = [0] * (longest + 1)
        for number, shape in enumerate(shapes):
            ending[len(shape)] |= 1 << number
            for at, part in zip(allowing, shape, strict=False):
                for column in (COLUMN[char] for char in part):
                    at[column] = at.get(column, 0) | 1 << number
        return Lattice(len(shapes), tuple(allowing), tuple(ending), tuple(folded))

    def fold(self, rates: Floats) -> Doubles:
        """The rates with letters that no shape knows counted for their digits.

        Args:
            rates: T x (1 + len(SYMBOLS)) float32, each row at most 1 in sum.
        """
        normalised = rates.astype(np.float64)
        for source, target in self.folded:
            normalised[:, target] += normalised[:, source]
            normalised[:, source] = 0
        return np.maximum(normalised, FLOOR)


Prefix = tuple[int, ...]


def plates_in(rates: Doubles, lattice: Lattice, width: int = WIDTH) -> list[Prefix]:
    """The likeliest whole plates, best first, as tuples of columns.

    Args:
        rates: T x K, from `Lattice.fold`.
        lattice: Where the beam may go.
        width: Prefixes that are kept.
    """
    alive: dict[Prefix, int] = {(): (1 << lattice.shapes) - 1}
    beam: dict[Prefix, tuple[float, float]] = {(): (1.0, 0.0)}
    weight = rates > MIN_SHARE
    for row, some in zip(rates, weight, strict=True):
        opened = [int(column) for column in np.flatnonzero(some) if column]
        beam = _pruned(_step(beam, row.tolist(), opened, lattice, alive), width)
    is_complete = [(sum(rate), it) for it, rate in beam.items() if alive[it] & lattice.ending[len(it)]]
    return [prefix for _, prefix in sorted(is_complete, reverse=True)]


def _step(
    beam: dict[Prefix, tuple[float, float]],
    row: list[float],
    opened: list[int],
    lattice: Lattice,
    alive: dict[Prefix, int],
) -> dict[Prefix, list[float]]:
    """One step of the prefix beam: (rate ending in blank, rate ending in its last symbol) of each prefix.

    Args:
        beam: The same of the step before.
        row: The rates of all columns.
        opened: The columns that may open a longer prefix.
        lattice: Where the beam may go.
        alive: Each prefix → the shapes that it leaves possible; new prefixes are added.
    """
    after: dict[Prefix, list[float]] = {}
    for prefix, (blank, last) in beam.items():
        kept = after.setdefault(prefix, [0.0, 0.0])
        kept[0] += (blank + last) * row[0]
        if prefix:
            kept[1] += last * row[prefix[-1]]
        shapes, allowing = alive[prefix], lattice.allowing[len(prefix)]
        for column in opened:
            left = shapes & allowing.get(column, 0)
            if left:
                longer = (*prefix, column)
                alive[longer] = left
                from_ = blank if prefix and column == prefix[-1] else blank + last
                after.setdefault(longer, [0.0, 0.0])[1] += from_ * row[column]
    return after


def _pruned(after: dict[Prefix, list[float]], width: int) -> dict[Prefix, tuple[float, float]]:
    """The likeliest prefixes, scaled so that nothing runs out of digits."""
    best = sorted(after.items(), key=lambda item: -(item[1][0] + item[1][1]))[:width]
    total = sum(rate[0] + rate[1] for _, rate in best) or 1.0
    return {prefix: (rate[0] / total, rate[1] / total) for prefix, rate in best}


def log_rates(rates: Doubles, texts: Sequence[Prefix]) -> Doubles:
    """How likely each text is under the reader, exactly: CTC's forward recursion for all texts at once.

    Args:
        rates: T x K, from `Lattice.fold`.
        texts: N texts of columns, of any lengths.

    Returns:
        N natural logarithms.
    """
    longest = max(map(len, texts), default=0)
    states = np.zeros((len(texts), 2 * longest + 1), np.int64)
    for number, text in enumerate(texts):
        states[number, 1 : 2 * len(text) : 2] = text
    hops = np.zeros(states.shape, np.float64)
    hops[:, 2:] = (states[:, 2:] != 0) & (states[:, 2:] != states[:, :-2])
    now = np.zeros(states.shape, np.float64)
    now[:, 0] = 1.0
    logs = np.zeros(len(texts), np.float64)
    first = True
    for row in rates:
        moved = now.copy()
        if not first:
            moved[:, 2:] += hops[:, 2:] * now[:, :-2]
        moved[:, 1:] += now[:, :-1]
        now = moved * row[states]
        scale = now.sum(axis=1, keepdims=True)
        now /= scale
        logs += np.log(scale[:, 0])
        first = False
    ends = 2 * np.array([len(text) for text in texts], np.int64)
    rows = np.arange(len(texts))
    finals = now[rows, ends] + now[rows, np.maximum(ends - 1, 0)]
    result: Doubles = logs + np.log(np.maximum(finals, 1e-300))
    return result


def spelled(columns: Prefix) -> str:
    """The text of some columns."""
    return "".join(SYMBOLS[column - 1] for column in columns)
