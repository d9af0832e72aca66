"""From a cut-out line to a reading: every reader's opinion, along the grammar, weighed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.secret import Secret
from pipelines.plates.ctc import COLUMN, SYMBOLS, Doubles, Lattice, log_rates, plates_in, spelled
from pipelines.plates.reading import CandidateScores, Reading, judged
from pipelines.plates.rectification import Tint
from pipelines.types import LineReader, Picture
from protocol.plate_grammar import GRAMMARS, Grammar, normalise

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

NOMINEES = 8
"""Texts that each reader may bring into the competition."""
LEAST_SHARE = 1e-3
"""A reading that competes with less than this against "no plate at all" is nothing."""
WRONG_TINT = -4.0
"""What a text costs each reader whose family has another colour: green means new energy (GA 36-2018), blue does not."""
GREEN = ("new-energy", "new-energy-large")
SEPARATORS = frozenset(" ·・•.-—_:°'")


@dataclass(frozen=True)
class _Columns:
    """Where a reader's columns belong: pairs (its column, ours); ours is 0 for blanks and separators."""

    source: Indices
    target: Indices

    def gathered(self, rates: Floats) -> Floats:
        """T x (1 + len(SYMBOLS)): the reader's rates in our columns; what no plate can hold is left out."""
        ours = np.zeros((len(rates), 1 + len(SYMBOLS)), np.float32)
        np.add.at(ours.T, self.target, rates[:, self.source].T)
        return ours


def _columns_of(reader: LineReader) -> _Columns:
    pairs = [(0, 0)]
    for number, char in enumerate(reader.characters, 1):
        if char in SEPARATORS:
            pairs.append((number, 0))
        elif (column := COLUMN.get(normalise(char))) is not None:
            pairs.append((number, column))
    source, target = zip(*pairs, strict=True)
    return _Columns(np.array(source, np.int64), np.array(target, np.int64))


@dataclass
class EnsembleReader:
    """Reads lines with every reader there is.

    Args:
        readers: At least one; those that know mainland plates only are left out where no grammar is one of theirs.
        grammars: What a plate may say at this gate.
    """

    readers: Sequence[LineReader]
    grammars: Sequence[Grammar]
    lattice: Lattice = field(init=False, repr=False)
    _green: Lattice = field(init=False, repr=False)
    _columns: list[_Columns] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not any(grammar.name in GRAMMARS for grammar in self.grammars):
            self.readers = [reader for reader in self.readers if not reader.home] or self.readers
        self.lattice = Lattice.of(self.grammars)
        self._green = Lattice.of([grammar for grammar in self.grammars if grammar.name in GREEN])
        self._columns = [_columns_of(reader) for reader in self.readers]

    def read(self, line: Picture, ground: Tint = "") -> Reading | None:
        """What stands in a line; None where no plate of the grammars does.

        Args:
            line: H x W x 3 uint8 BGR, straight, one line.
            ground: The plate's colour, where it is known.

        Raises:
            ModelError: A model could not run.
        """
        seen = [
            self.lattice.fold(columns.gathered(reader.rates(line)))
            for reader, columns in zip(self.readers, self._columns, strict=True)
        ]
        ballot = self._ballot(seen, ground)
        verdict = judged(ballot.reveal())
        if verdict.confidence < LEAST_SHARE:
            return None
        return Reading(Secret(verdict.text.reveal()), verdict.confidence, ballot)

    def _ballot(self, seen: Sequence[Doubles], ground: Tint) -> CandidateScores:
        """Each reader nominates; every reader then weighs every nominee exactly."""
        lattices = [self.lattice, self._green] if ground == "green" and self._green.shapes else [self.lattice]
        nominees = dict.fromkeys(
            text for rates in seen for lattice in lattices for text in plates_in(rates, lattice)[:NOMINEES]
        )
        texts = list(nominees)
        if not texts:
            return CandidateScores({})
        weighed = np.stack([log_rates(rates, texts) for rates in seen], axis=1)
        plain = [spelled(text) for text in texts]
        weighed += np.array([[WRONG_TINT if _contradicts(text, ground) else 0.0] for text in plain])
        return CandidateScores({text: tuple(row) for text, row in zip(plain, weighed.tolist(), strict=True)})


def _contradicts(text: str, ground: Tint) -> bool:
    """Whether a mainland text is of a family with another colour than this ground."""
    new_energy = any(GRAMMARS[name].holds(text) for name in GREEN)
    if ground == "green":
        return not new_energy and any(grammar.holds(text) for grammar in GRAMMARS.values())
    return ground == "blue" and new_energy


def better(first: Reading | None, second: Reading | None) -> Reading | None:
    """The surer of two readings of the same plate."""
    if first is None or second is None:
        return first or second
    return second if second.confidence > first.confidence else first
