from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plates_kit import SaidReader, rates_of

from pipelines.plates.ctc import SYMBOLS, Lattice, log_rates, plates_in, spelled
from pipelines.plates.ensemble_reader import EnsembleReader
from protocol.plate_grammar import MAINLAND, from_pattern, is_plate

PICTURE = np.zeros((80, 240, 3), np.uint8)


@pytest.mark.parametrize("text", ["京A12345", "皖AD14488", "鲁ADS2952", "粤ZF023港", "WJ京12345"])
def test_a_clear_plate_is_read(text: str) -> None:
    found = EnsembleReader([SaidReader(text), SaidReader(text)], MAINLAND).read(PICTURE)
    assert found is not None
    assert found.text.reveal() == text
    assert found.confidence > 0.95


def test_a_separator_is_nothing_and_letters_count_for_digits() -> None:
    found = EnsembleReader([SaidReader("京A·O2I45")], MAINLAND).read(PICTURE)
    assert found is None or not is_plate("京AO2I45")
    found = EnsembleReader([SaidReader("京A·O2I456"[:-1])], MAINLAND).read(PICTURE)
    assert found is not None
    assert found.text.reveal() == "京A02145"


@pytest.mark.parametrize("text", ["猫猫猫猫", "京", "TAXI", "14B02819T", ""])
def test_what_is_no_plate_reads_as_none(text: str) -> None:
    found = EnsembleReader([SaidReader(text), SaidReader(text)], MAINLAND).read(PICTURE)
    assert found is None or found.confidence < 0.05


def test_two_readers_that_disagree_are_not_sure() -> None:
    found = EnsembleReader([SaidReader("京A12345"), SaidReader("京A12845")], MAINLAND).read(PICTURE)
    assert found is None or found.confidence < 0.6


def test_a_ground_of_the_other_colour_speaks_against_a_text() -> None:
    opinions = EnsembleReader([SaidReader("皖AD1448")], MAINLAND)
    assert opinions.read(PICTURE) is None or opinions.read(PICTURE, "green") != opinions.read(PICTURE)
    green = opinions.read(PICTURE, "green")
    assert green is None or green.confidence < 0.9


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_forward_recursion_adds_up_every_path(data: st.DataObject) -> None:
    """Against the sum over all alignments, by brute force, on three symbols."""
    steps = data.draw(st.integers(3, 5))
    random = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    rates = random.dirichlet(np.ones(4), steps)
    texts = [(1, 2), (1, 1), (3,), (2, 3, 1)]
    sums = dict.fromkeys(texts, 0.0)
    for path in itertools.product(range(4), repeat=steps):
        folded = tuple(key for key, _ in itertools.groupby(path) if key)
        if folded in sums:
            sums[folded] += float(np.prod(rates[np.arange(steps), list(path)]))
    possible = [text for text in texts if sums[text] > 0]
    np.testing.assert_allclose(np.exp(log_rates(rates, possible)), [sums[text] for text in possible], rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_noise_gives_plates_of_the_grammar_only(seed: int) -> None:
    lattice = Lattice.of([from_pattern(r"\d{2}[A-Z]\d{2}")])
    rates = np.random.default_rng(seed).dirichlet(np.full(1 + len(SYMBOLS), 0.05), 24).astype(np.float32)
    for found in plates_in(lattice.fold(rates), lattice):
        assert from_pattern(r"\d{2}[A-Z]\d{2}").holds(spelled(found))


def test_equal_neighbours_need_a_blank_between_them() -> None:
    lattice = Lattice.of([from_pattern(r"\d{4}")])
    assert spelled(plates_in(lattice.fold(rates_of("1144", SYMBOLS)), lattice)[0]) == "1144"
