from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.plate_grammar import (
    GRAMMARS,
    MAINLAND,
    MOST_VARIANTS,
    Grammar,
    choose,
    from_pattern,
    is_plate,
    normalise,
    variants,
)

PLATES = [
    ("京A12345", "standard"),
    ("川A6K0V3", "standard"),
    ("鲁ADS2952", "new-energy"),
    ("京A12345D", "new-energy-large"),
    ("冀B1234挂", "trailer"),
    ("苏A1234学", "learner"),
    ("京A0006警", "police"),
    ("粤ZF023港", "hong-kong-macao"),
    ("粤ZF023澳", "hong-kong-macao"),
    ("224001使", "embassy"),
    ("使014578", "embassy"),
    ("沪A0023领", "consulate"),
    ("京X1234应急", "emergency"),
    ("WJ京12345", "armed-police"),
    ("WJ京1234X", "armed-police"),
    ("VA12345", "army"),
]
NO_PLATES = [
    "",
    "京A1234",
    "京A1234I",
    "京AO1234",
    "京112345",
    "A京12345",
    "京A1234567",
    "TOYOTA",
    "京AL123456",
    "粤A1234港",
]


@pytest.mark.parametrize(("text", "family"), PLATES)
def test_every_family_holds_its_plates(text: str, family: str) -> None:
    assert GRAMMARS[family].holds(text)
    assert is_plate(text)


@pytest.mark.parametrize("text", NO_PLATES)
def test_what_is_no_plate_is_none(text: str) -> None:
    assert not is_plate(text)


def test_every_family_has_an_example_here() -> None:
    assert {family for _, family in PLATES} == set(GRAMMARS)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("京A·12345", "京A12345"),
        ("34A-368.37", "34A36837"),
        ("ｊＡ １２", "JA12"),
        ("京a•d1234 5", "京AD12345"),
        ("沪B●1", "沪B1"),
    ],
)
def test_texts_are_written_one_way(written: str, plain: str) -> None:
    assert normalise(written) == plain


@given(st.text(max_size=20))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def drawn(grammars: tuple[Grammar, ...]) -> st.SearchStrategy[str]:
    shapes = [shape for grammar in grammars for shape in grammar.shapes]
    return st.sampled_from(shapes).flatmap(
        lambda shape: st.tuples(*(st.sampled_from(sorted(part)) for part in shape)).map("".join)
    )


@given(drawn(MAINLAND))
def test_variants_are_other_plates_of_the_same_length_and_few(text: str) -> None:
    assert is_plate(text)
    found = variants(text)
    assert len(found) == len(set(found)) <= MOST_VARIANTS
    assert text not in found
    assert all(is_plate(other) and len(other) == len(text) for other in found)
    assert all(sum(a != b for a, b in zip(text, other, strict=True)) <= 2 for other in found)


def test_confusion_goes_both_ways() -> None:
    assert "京A8D001" in variants("京ABD001")
    assert "京ABD001" in variants("京A8D001")


def test_a_pattern_is_a_grammar() -> None:
    vietnam = from_pattern(r"\d{2}[A-Z]\d{5,6}")
    assert vietnam.holds("34A36837")
    assert vietnam.holds("34A368371")
    assert not vietnam.holds("34A3683")
    assert not vietnam.holds("14B02819T")
    assert is_plate("AB12CDE", choose([], [r"[A-Z]{2}\d{2}[A-Z]{3}|[A-Z]\d{1,3}[A-Z]{3}"]))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [(r"\w+", "cannot be used"), ("", "cannot be used"), ("(AB)+", "cannot be used"), ("[Z-A]123", "cannot be used"),
     (r"\d{1}", "4 to 12"), (r"\d{9}\d{9}", "4 to 12"), ("A?B?C?D?E?F?G?1234", "more than")],
)  # fmt: skip
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_pattern(pattern)


def test_choosing_names_what_there_is() -> None:
    assert choose(["mainland"]) == MAINLAND
    assert [grammar.name for grammar in choose(["police"], [r"\d{4}"])] == ["police", r"\d{4}"]
    with pytest.raises(ValueError, match="'polise' is not known; one of: mainland, standard"):
        choose(["polise"])
    with pytest.raises(ValueError, match="at least one"):
        choose([])
