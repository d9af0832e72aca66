from __future__ import annotations

import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plates_kit import reading

from pipelines.plates.reading import Reading, judged
from pipelines.plates.vote import MOST_BALLOTS, Vote
from protocol.plate_grammar import MAINLAND

TRUE, WRONG = "京A12345", "京A12845"


def voted(*readings: Reading) -> Vote:
    vote = Vote(MAINLAND)
    for each in readings:
        vote.add(each.ballot, each.confidence)
    return vote


def test_looks_that_agree_grow_surer() -> None:
    one = voted(reading(TRUE, 0.8, WRONG)).verdict()
    many = voted(*[reading(TRUE, 0.8, WRONG)] * 6).verdict()
    assert one.text.reveal() == many.text.reveal() == TRUE
    assert one.confidence < 0.85 < many.confidence


def test_the_majority_wins_over_one_wrong_look() -> None:
    verdict = voted(reading(WRONG, 0.9, TRUE), *[reading(TRUE, 0.9, WRONG)] * 3).verdict()
    assert verdict.text.reveal() == TRUE


def test_characters_from_different_looks_make_one_plate() -> None:
    verdict = voted(
        reading("京A12845", 0.6, "京A12345"),
        reading("京A12346", 0.6, "京A12345"),
        reading("京B12345", 0.6, "京A12345"),
    ).verdict()
    assert verdict.text.reveal() == TRUE


def test_nothing_was_read_is_not_sure() -> None:
    assert Vote(MAINLAND).verdict().confidence == 0.0
    assert judged({}).confidence == 0.0


@given(st.lists(st.floats(0.51, 0.999), min_size=1, max_size=2 * MOST_BALLOTS))
def test_a_vote_is_a_share_whatever_comes(confidences: list[float]) -> None:
    verdict = voted(*[reading(TRUE, each, WRONG) for each in confidences]).verdict()
    assert 0.0 <= verdict.confidence <= 1.0
    assert verdict.text.reveal() == TRUE


def test_forgetting_forgets() -> None:
    vote = voted(reading(TRUE))
    vote.forget()
    assert vote.verdict().text.reveal() == ""


def test_nothing_shows_the_text(caplog: pytest.LogCaptureFixture) -> None:
    """No repr, no format, no log and no traceback."""
    made = reading(TRUE)
    vote = voted(made)
    shown = [repr(each) + str(each) + f"{each}" for each in (made, made.ballot, vote, vote.verdict(), made.text)]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("plates").debug("%s %r", made, vote.verdict())
    try:
        raise ValueError(made)
    except ValueError:
        shown.append(traceback.format_exc())
    assert TRUE not in "".join(shown) + caplog.text
    assert made.text.reveal() == TRUE
