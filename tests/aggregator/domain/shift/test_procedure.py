"""Procedures: which version an alert keeps, what may be stored, and what closing asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.alerts.rules import RULES
from aggregator.domain.shift import default_procedures
from aggregator.domain.shift.procedure import (
    MOST_STEPS,
    MOST_TEXT,
    Checklist,
    Procedure,
    Tick,
    built_in,
    checked,
    closing_problem,
    valid_at,
)
from aggregator.domain.shift.step import Step
from common.errors import ProcedureError

STEPS = (Step(en="Look.", required=True), Step(zh_CN="通知保安。"))


def version(number: int, made_ns: int, site: str = "", kind: str = "door.forced") -> Procedure:
    return Procedure(kind=kind, site=site, version=number, steps=STEPS, made_by="li", made_ns=made_ns)


VERSIONS = (
    version(1, 100), version(2, 200), version(1, 150, "village"), version(2, 300, "village"),
    version(1, 120, "other"), version(1, 110, "", "door.held"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("opened_ns", "site", "expected"),
    [
        (99, "village", ("", 0)),
        (100, "village", ("", 1)),
        (149, "village", ("", 1)),
        (150, "village", ("village", 1)),
        (250, "village", ("village", 1)),
        (300, "village", ("village", 2)),
        (250, "third", ("", 2)),
        (250, "other", ("other", 1)),
    ],
)
def test_an_alert_keeps_the_version_that_was_valid_when_it_was_opened(
    opened_ns: int, site: str, expected: tuple[str, int]
) -> None:
    found = valid_at(VERSIONS, "door.forced", site, opened_ns)
    assert (found.site, found.version) == expected


@given(st.lists(st.integers(1, 50), max_size=6), st.integers(0, 60))
def test_a_later_version_never_changes_what_an_alert_has(made: list[int], opened_ns: int) -> None:
    versions = [version(number, made_ns) for number, made_ns in enumerate(sorted(made), 1)]
    before = valid_at(versions, "door.forced", "village", opened_ns)
    later = [*versions, version(len(versions) + 1, max([opened_ns, *made]) + 1)]
    assert valid_at(later, "door.forced", "village", opened_ns) == before


def test_every_kind_that_opens_alerts_has_a_procedure_in_both_languages() -> None:
    assert set(RULES) <= set(default_procedures.DEFAULTS)
    for kind, steps in default_procedures.DEFAULTS.items():
        assert checked(kind, "", steps) == steps
        assert all(step.en and step.zh_CN for step in steps)
        assert any(step.required for step in steps) == (kind in {"door.forced", "door.duress"})
        assert built_in(kind).steps == steps


@pytest.mark.parametrize(
    ("kind", "site", "steps", "named"),
    [
        ("no.such", "", STEPS, "kind"),
        ("door.forced", "a b", STEPS, "site"),
        ("door.forced", "", STEPS * MOST_STEPS, "steps"),
        ("door.forced", "", (Step(en=" "),), "steps.1"),
        ("door.forced", "", (STEPS[0], Step(en="x" * (MOST_TEXT + 1))), "steps.2.en"),
        ("door.forced", "", (Step(zh_CN="看\n图"),), "steps.1.zh_CN"),
    ],
)
def test_what_cannot_be_stored_is_named(kind: str, site: str, steps: tuple[Step, ...], named: str) -> None:
    with pytest.raises(ProcedureError, match=rf"^{named}\b"):
        checked(kind, site, steps)


def test_a_sentence_in_one_language_is_shown_in_both() -> None:
    assert [step.text("zh_CN") for step in STEPS] == ["Look.", "通知保安。"]
    assert [step.text("en") for step in STEPS] == ["Look.", "通知保安。"]


def test_closing_with_required_steps_open_asks_for_a_reason() -> None:
    procedure = version(1, 0)
    ticked = Checklist(procedure, (Tick(alert="a", step=1, by="li", time_ns=1),))
    assert closing_problem(Checklist(procedure), "").startswith("note: ")
    assert "(1)" in closing_problem(Checklist(procedure), "  ")
    assert closing_problem(Checklist(procedure), "nobody was there") == ""
    assert closing_problem(ticked, "") == ""
